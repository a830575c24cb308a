/* fuzz_json - the scanner and the tree of a JSON text: every value stands where it says, and its
 * pointer leads back to it. */
#include "base/utf8.h"
#include "fuzz.h"
#include "json/json.h"
#include "json/parse.h"
#include "json/pointer.h"
#include "json/scan.h"

/* Counting and filling agree, with too little room as well; tokens lie in the text, in order. */
static long check_tokens(const char *text, size_t len)
{
	struct scan_error error = { 0 };
	long n = scan_json(text, len, NULL, 0, &error);
	struct scan_token *tokens;
	size_t room;

	if (n < 0) {
		FUZZ_CHECK(error.offset <= len && error.expected && *error.expected);
		return n;
	}
	FUZZ_CHECK(n > 0);
	room = (size_t)n - (len & 1);
	tokens = calloc(room + 1, sizeof *tokens);
	FUZZ_CHECK(tokens && scan_json(text, len, tokens, room, &error) == n);
	for (size_t i = 0; i < room; i++) {
		FUZZ_CHECK(tokens[i].start <= tokens[i].end && tokens[i].end <= len);
		FUZZ_CHECK(i == 0 || tokens[i - 1].start <= tokens[i].start);
	}
	FUZZ_CHECK(tokens[room].type == 0);
	free(tokens);
	return n;
}

static void check_node(const struct json *root, const struct json *node, size_t len)
{
	enum { POINTER = 512 };
	char pointer[POINTER];
	unsigned line, column;
	size_t n = 0;

	FUZZ_CHECK(node->offset < node->end && node->end <= len);
	json_position(node->source->text, len, node->offset, &line, &column);
	FUZZ_CHECK(line >= 1 && column >= 1);
	json_pointer(node, pointer, sizeof pointer);
	FUZZ_CHECK(strlen(pointer) < sizeof pointer);
	/* One that was cut leads to somewhere above. */
	if (strlen(pointer) < POINTER - 16)
		FUZZ_CHECK(json_at(root, pointer) == node);
	if (node->raw)
		FUZZ_CHECK(strlen(node->raw) == node->len);
	for (const struct json *child = node->first; child; child = child->next, n++) {
		FUZZ_CHECK(child->parent == node &&
		           (child->key != NULL) == (node->type == JSON_OBJECT));
		FUZZ_CHECK(node->offset < child->offset && child->end < node->end);
		if (child->key)
			FUZZ_CHECK(json_get(node, child->key) == child);
		check_node(root, child, len);
	}
	FUZZ_CHECK(n == node->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_exact(data, size);
	long n_tokens = check_tokens(text, size);
	struct json_doc *doc = json_doc_new();
	struct json_source *source = json_source_add(doc, "fuzz.json", text, size);
	struct json_error error;
	struct json *root = json_parse(doc, source, &error);

	if (root) {
		FUZZ_CHECK(n_tokens > 0);
		check_node(root, root, size);
	} else {
		size_t bad;

		FUZZ_CHECK(error.offset <= size && strstr(error.text, "expected"));
		FUZZ_CHECK(utf8_is_valid(error.text, strlen(error.text), &bad));
	}
	json_doc_free(doc);
	free(text);
	return 0;
}
