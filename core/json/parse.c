#include "json/parse.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "json/keys.h"
#include "json/scan.h"

/* Walks the scanner's tokens and cJSON's tree side by side. */
struct builder {
	struct json_doc *doc;
	struct json_source *source;
	struct mended *mended; /* the text that is read; NULL: the source's own */
	const char *text;
	const struct scan_token *token;
	mend_report *report;
	void *arg;
	uint64_t seed; /* random */
};

/* Converts an offset in the text that is read to one in the source. */
static size_t source_offset(const struct builder *b, size_t offset)
{
	return b->mended ? b->mended->origin[offset] : offset;
}

/* True if a mistake has been reported at `start` or after it, but before `end`. */
static bool has_mistake(const struct builder *b, size_t start, size_t end)
{
	for (size_t i = 0; b->mended && i < b->mended->n_mistakes; i++) {
		if (b->mended->mistakes[i] >= start && b->mended->mistakes[i] < end)
			return true;
	}
	return false;
}

/* True for a string with a mistake in it, and for a null that stands for an unreadable value. */
static bool is_unknown(const struct builder *b, const struct json *node)
{
	if (node->type == JSON_NULL)
		return has_mistake(b, node->offset, node->offset + 1);
	return node->type == JSON_STRING && has_mistake(b, node->offset + 1, node->end);
}

static struct json *build(struct builder *b, const cJSON *item);

/* Adds the key to the set. True, and a report, if the set contains it already. */
static bool is_repeated(struct builder *b, struct keys *keys, const char *key, size_t offset)
{
	char text[256], shown[128];

	if (keys_add(keys, key))
		return false;
	text_escape(key, strlen(key), shown, sizeof shown);
	snprintf(text, sizeof text, "expected each key once, found \"%s\" again", shown);
	b->report(b->arg, offset, text);
	return true;
}

static bool build_children(struct builder *b, struct json *node, const cJSON *item,
                           struct keys *keys)
{
	for (const cJSON *child = item->child; child; child = child->next) {
		const struct scan_token *token = node->type == JSON_OBJECT ? b->token++ : NULL;
		size_t key_offset = token ? source_offset(b, token->start - 1) : 0;
		struct json *child_node = build(b, child);

		if (!child_node)
			return false;
		if (token && (has_mistake(b, key_offset + 1, source_offset(b, token->end)) ||
		              is_repeated(b, keys, child->string, key_offset)))
			continue;
		child_node->key_offset = key_offset;
		json_add(b->doc, node, token ? child->string : NULL, child_node);
	}
	return true;
}

static bool build_members(struct builder *b, struct json *node, const cJSON *item, size_t n)
{
	struct keys keys;
	bool built = keys_init(&keys, n, b->seed) && build_children(b, node, item, &keys);

	keys_fini(&keys);
	return built;
}

static struct json *build(struct builder *b, const cJSON *item)
{
	const struct scan_token *token = b->token++;
	enum json_type type = cJSON_IsObject(item)   ? JSON_OBJECT
	                      : cJSON_IsArray(item)  ? JSON_ARRAY
	                      : cJSON_IsString(item) ? JSON_STRING
	                      : cJSON_IsNumber(item) ? JSON_NUMBER
	                      : cJSON_IsBool(item)   ? JSON_BOOL
	                                             : JSON_NULL;
	struct json *node = json_new(b->doc, type, cJSON_GetStringValue(item), b->source);

	if (!node)
		return NULL;
	node->offset = source_offset(b, token->start - (type == JSON_STRING));
	node->end = source_offset(b, token->end);
	node->unknown = is_unknown(b, node);
	if (type == JSON_STRING && token->count > 0) { /* of \u0000 */
		node->unknown = true;
		b->report(b->arg, node->offset,
		          "expected a string without NUL (\\u0000), found one");
	}
	node->boolean = cJSON_IsTrue(item);
	if (type == JSON_NUMBER) {
		node->number = item->valuedouble;
		node->len = token->end - token->start;
		node->raw = json_doc_text(b->doc, b->text + token->start, node->len);
		if (!node->raw)
			return NULL;
	}
	if (type == JSON_OBJECT)
		return build_members(b, node, item, token->count) ? node : NULL;
	return build_children(b, node, item, NULL) ? node : NULL;
}

/* Builds the nodes of a text that the scanner accepts. */
static struct json *build_tree(struct builder *b, size_t len, size_t n_tokens)
{
	struct scan_token *tokens = calloc(n_tokens, sizeof *tokens);
	cJSON *tree = cJSON_ParseWithLength(b->text, len);
	struct json *node = NULL;
	struct scan_error unused;

	crypto_random(&b->seed, sizeof b->seed); /* if it fails, a hostile text takes longer */
	if (tokens && tree) {
		scan_json(b->text, len, tokens, n_tokens, &unused);
		b->token = tokens;
		node = build(b, tree);
	}
	if (!node)
		b->report(b->arg, 0, "out of memory");
	cJSON_Delete(tree);
	free(tokens);
	return node;
}

struct json *json_parse_all(struct json_doc *doc, struct json_source *source, mend_report *report,
                            void *arg)
{
	struct builder b = {
		.doc = doc, .source = source, .text = source->text, .report = report, .arg = arg
	};
	struct mended mended = { 0 };
	struct scan_error error;
	struct json *node = NULL;
	size_t len = source->len;
	long n = scan_json(b.text, len, NULL, 0, &error);

	if (n < 0 && mend_text(source->text, len, report, arg, &mended)) {
		b.mended = &mended;
		b.text = mended.text;
		len = mended.len;
		n = scan_json(b.text, len, NULL, 0, &error);
	}
	if (n >= 0)
		node = build_tree(&b, len, (size_t)n);
	mended_free(&mended);
	return node;
}

struct first_mistake {
	struct json_error *error;
	bool made;
};

static void keep_first(void *arg, size_t offset, const char *text)
{
	struct first_mistake *first = arg;

	if (first->made)
		return;
	first->made = true;
	first->error->offset = offset;
	snprintf(first->error->text, sizeof first->error->text, "%s", text);
}

struct json *json_parse(struct json_doc *doc, struct json_source *source,
                        struct json_error *error_out)
{
	struct first_mistake first = { error_out, false };
	struct json *node = json_parse_all(doc, source, keep_first, &first);

	return first.made ? NULL : node;
}
