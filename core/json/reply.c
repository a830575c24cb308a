#include "json/reply.h"

#include <math.h>
#include <stdio.h>

#include "json/parse.h"
#include "json/pointer.h"
#include "json/scan.h"

struct mistake {
	char text[128];
	size_t offset;
	bool made;
};

static void keep_first(void *arg, size_t offset, const char *text)
{
	struct mistake *mistake = arg;

	if (mistake->made)
		return;
	mistake->made = true;
	mistake->offset = offset;
	snprintf(mistake->text, sizeof mistake->text, "%s", text);
}

/* Keeps the place, but not the parser's text, which may contain a key. */
static void keep_first_place(void *arg, size_t offset, const char *text)
{
	(void)text;
	keep_first(arg, offset, "expected each key once, and strings without \\u0000");
}

static void find_infinite(const struct json *node, struct mistake *mistake)
{
	if (node->type == JSON_NUMBER && !isfinite(node->number))
		keep_first(mistake, node->offset, "expected a number that a double can hold");
	for (const struct json *child = node->first; child; child = child->next)
		find_infinite(child, mistake);
}

static void scan_reply(const char *text, size_t len, struct mistake *mistake)
{
	struct scan_error error;
	char expected[112];
	long n;

	if (len > REPLY_MAX_BYTES) {
		keep_first(mistake, 0, "expected at most 1 MiB");
		return;
	}
	n = scan_json(text, len, NULL, 0, &error);
	if (n < 0) {
		snprintf(expected, sizeof expected, "expected %s", error.expected);
		keep_first(mistake, error.offset, expected);
	} else if (n > REPLY_MAX_VALUES) {
		keep_first(mistake, 0, "expected at most 16384 keys and values");
	}
}

/* NULL: out of memory, or a mistake. */
static struct json *build_reply(const char *text, size_t len, struct mistake *mistake)
{
	struct json_doc *doc = json_doc_new();
	struct json_source *source = doc ? json_source_add(doc, "reply", text, len) : NULL;
	struct json *root = source ? json_parse_all(doc, source, keep_first_place, mistake) : NULL;

	if (root)
		find_infinite(root, mistake);
	if (!root || mistake->made || !json_index(doc, root)) {
		json_doc_free(doc);
		return NULL;
	}
	root->doc = doc;
	return root;
}

spore_status reply_parse(const char *text, size_t len, struct json **root_out, char *error_out,
                         size_t error_size)
{
	struct mistake mistake = { .made = false };
	unsigned line, column;

	*root_out = NULL;
	scan_reply(text, len, &mistake);
	if (!mistake.made)
		*root_out = build_reply(text, len, &mistake);
	if (*root_out)
		return SPORE_OK;
	if (!mistake.made)
		return SPORE_ENOMEM;
	json_position(text, len, mistake.offset, &line, &column);
	if (error_size)
		snprintf(error_out, error_size, "line %u, column %u: %s", line, column,
		         mistake.text);
	return SPORE_EINVAL;
}

bool reply_free(struct json *root)
{
	if (root && !root->doc)
		return false;
	json_doc_free(root ? root->doc : NULL);
	return true;
}
