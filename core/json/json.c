#include "json/json.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "json/scan.h"

/* Blocks are chained, so that all of a document goes at once, and wiped, since some hold secrets.
 */
struct block {
	struct block *next;
	size_t size;
	max_align_t bytes[];
};

struct json_doc {
	struct block *blocks;
	struct json *root;
};

void *json_doc_alloc(struct json_doc *doc, size_t size)
{
	struct block *block = calloc(1, sizeof *block + size);

	if (!block)
		return NULL;
	block->size = size;
	block->next = doc->blocks;
	doc->blocks = block;
	return block->bytes;
}

static char *doc_text(struct json_doc *doc, const char *text, size_t len)
{
	char *copy = json_doc_alloc(doc, len + 1);

	if (copy)
		memcpy(copy, text, len);
	return copy;
}

struct json_doc *json_doc_new(void)
{
	struct json_doc *doc = calloc(1, sizeof *doc);

	if (!doc)
		return NULL;
	doc->root = json_new(doc, JSON_OBJECT, NULL, NULL);
	if (!doc->root) {
		json_doc_free(doc);
		return NULL;
	}
	return doc;
}

void json_doc_free(struct json_doc *doc)
{
	if (!doc)
		return;
	while (doc->blocks) {
		struct block *block = doc->blocks;

		doc->blocks = block->next;
		crypto_wipe(block->bytes, block->size);
		free(block);
	}
	free(doc);
}

struct json *json_doc_root(struct json_doc *doc)
{
	return doc->root;
}

struct json_source *json_source_add(struct json_doc *doc, const char *name, const char *text,
                                    size_t len)
{
	struct json_source *source = json_doc_alloc(doc, sizeof *source);

	if (!source)
		return NULL;
	source->name = doc_text(doc, name, strlen(name));
	source->text = text ? doc_text(doc, text, len) : NULL;
	source->len = len;
	return source->name && (source->text || !text) ? source : NULL;
}

struct json *json_new(struct json_doc *doc, enum json_type type, const char *raw,
                      struct json_source *source)
{
	struct json *node = json_doc_alloc(doc, sizeof *node);

	if (!node)
		return NULL;
	node->type = type;
	node->source = source;
	if (raw) {
		node->len = strlen(raw);
		node->raw = doc_text(doc, raw, node->len);
		if (!node->raw)
			return NULL;
		if (type == JSON_NUMBER)
			node->number = strtod(node->raw, NULL);
	}
	return node;
}

struct json *json_new_text(struct json_doc *doc, const char *text, size_t len,
                           struct json_source *source)
{
	struct json *node = json_new(doc, JSON_STRING, NULL, source);
	char *raw = doc_text(doc, text, len);

	if (!node || !raw)
		return NULL;
	node->raw = raw;
	node->len = len;
	return node;
}

void json_mark_secret(struct json_doc *doc, const struct json *node)
{
	struct json_secret *secret;

	if (!node->source || !node->source->text)
		return;
	secret = json_doc_alloc(doc, sizeof *secret);
	if (!secret)
		return;
	*secret = (struct json_secret){ node->source->secrets,
		                        node->offset + (node->type == JSON_STRING), node->end };
	node->source->secrets = secret;
}

void json_detach(struct json *node)
{
	struct json **link, *last = NULL;

	if (!node->parent)
		return;
	for (link = &node->parent->first; *link != node; link = &(*link)->next)
		last = *link;
	*link = node->next;
	if (node->parent->last == node)
		node->parent->last = last;
	node->parent->count--;
	node->parent = node->next = NULL;
}

void json_add(struct json_doc *doc, struct json *container, const char *key, struct json *child)
{
	json_detach(child);
	if (key && (!child->key || strcmp(key, child->key) != 0))
		child->key = doc_text(doc, key, strlen(key));
	child->parent = container;
	if (container->last)
		container->last->next = child;
	else
		container->first = child;
	container->last = child;
	container->count++;
}

struct json *json_get(const struct json *object, const char *key)
{
	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (struct json *node = object->first; node; node = node->next) {
		if (node->key && strcmp(node->key, key) == 0)
			return node;
	}
	return NULL;
}

/* ---- from a text: tokens and cJSON's tree, walked side by side ---- */

struct builder {
	struct json_doc *doc;
	struct json_source *source;
	struct mended *mended; /* what is read, if not the source's own text */
	const char *text;
	const struct scan_token *token;
	mend_report *report;
	void *arg;
};

/* From the text that is read to the one that the operator wrote. */
static size_t origin(const struct builder *b, size_t offset)
{
	return b->mended ? b->mended->origin[offset] : offset;
}

/* Has a mistake been reported behind `start` and before `end`? */
static bool is_wrong_inside(const struct builder *b, size_t start, size_t end)
{
	for (size_t i = 0; b->mended && i < b->mended->n_mistakes; i++) {
		if (b->mended->mistakes[i] > start && b->mended->mistakes[i] < end)
			return true;
	}
	return false;
}

/* A string with a mistake in it, or a null in place of what could not be read. */
static bool is_unknown(const struct builder *b, const struct json *node)
{
	for (size_t i = 0; b->mended && node->type == JSON_NULL && i < b->mended->n_mistakes; i++) {
		if (b->mended->mistakes[i] == node->offset)
			return true;
	}
	return node->type == JSON_STRING && is_wrong_inside(b, node->offset, node->end);
}

static struct json *build(struct builder *b, const cJSON *item);

static bool is_repeated(struct builder *b, const struct json *object, const char *key,
                        size_t offset)
{
	char text[256], shown[128];

	if (!json_get(object, key))
		return false;
	text_escape(key, strlen(key), shown, sizeof shown);
	snprintf(text, sizeof text, "expected each key once, found \"%s\" again", shown);
	b->report(b->arg, offset, text);
	return true;
}

static bool build_members(struct builder *b, struct json *node, const cJSON *item)
{
	for (const cJSON *child = item->child; child; child = child->next) {
		const struct scan_token *token = node->type == JSON_OBJECT ? b->token++ : NULL;
		size_t key = token ? origin(b, token->start - 1) : 0; /* its quote */
		struct json *sub = build(b, child);

		if (!sub)
			return false;
		if (token && (is_wrong_inside(b, key, origin(b, token->end)) ||
		              is_repeated(b, node, child->string, key)))
			continue;
		sub->key_offset = key;
		json_add(b->doc, node, token ? child->string : NULL, sub);
	}
	return true;
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
	node->offset = origin(b, token->start - (type == JSON_STRING));
	node->end = origin(b, token->end);
	node->unknown = is_unknown(b, node);
	if (type == JSON_STRING && token->count > 0) {
		node->unknown = true;
		b->report(b->arg, node->offset,
		          "expected a string without NUL (\\u0000), found one");
	}
	node->boolean = cJSON_IsTrue(item);
	if (type == JSON_NUMBER) {
		node->number = item->valuedouble;
		node->len = token->end - token->start;
		node->raw = doc_text(b->doc, b->text + token->start, node->len);
		if (!node->raw)
			return NULL;
	}
	return build_members(b, node, item) ? node : NULL;
}

/* A text that is JSON by now. */
static struct json *build_tree(struct builder *b, size_t len, size_t n_tokens)
{
	struct scan_token *tokens = calloc(n_tokens, sizeof *tokens);
	cJSON *tree = cJSON_ParseWithLength(b->text, len);
	struct json *node = NULL;
	struct scan_error unused;

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
	struct builder b = { doc, source, NULL, source->text, NULL, report, arg };
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

/* One reference token: ~1 is '/', ~0 is '~'. */
static bool token_is(const char *token, size_t len, const char *key)
{
	for (; len > 0; key++) {
		bool escaped = token[0] == '~' && len > 1;
		char c = token[0];

		if (escaped)
			c = token[1] == '1' ? '/' : '~';

		if (*key != c)
			return false;
		token += 1 + escaped;
		len -= 1 + escaped;
	}
	return *key == '\0';
}

static const struct json *child_at(const struct json *node, const char *token, size_t len)
{
	uint64_t index = 0;
	const struct json *child = node->first;

	if (node->type == JSON_ARRAY && !text_to_uint(token, len, UINT32_MAX, &index))
		return NULL;
	for (; child; child = child->next) {
		if (node->type == JSON_ARRAY ? index-- == 0 : token_is(token, len, child->key))
			break;
	}
	return child;
}

const struct json *json_at(const struct json *node, const char *pointer)
{
	while (*pointer == '/') {
		size_t len = strcspn(pointer + 1, "/");
		const struct json *child = child_at(node, pointer + 1, len);

		if (!child)
			break;
		node = child;
		pointer += 1 + len;
	}
	return node;
}

/* ---- where ---- */

void json_position(const char *text, size_t len, size_t offset, unsigned *line_out,
                   unsigned *column_out)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < offset && i < len; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text[i] & 0xC0) != 0x80) {
			column++;
		}
	}
	*line_out = line;
	*column_out = column;
}

void json_pointer(const struct json *node, char *out, size_t size)
{
	size_t n = 0;

	if (!node->parent) {
		out[0] = '\0';
		return;
	}
	if (node->written_as) {
		snprintf(out, size, "/%s", node->written_as);
		return;
	}
	json_pointer(node->parent, out, size);
	n = strlen(out);
	if (node->parent->type == JSON_OBJECT && node->key) {
		out += n;
		size -= n;
		n = 0;
		if (size > 1)
			out[n++] = '/';
		for (const char *k = node->key; *k && n + 3 < size; k++) {
			if (*k == '~' || *k == '/') {
				out[n++] = '~';
				out[n++] = *k == '~' ? '0' : '1';
			} else {
				out[n++] = *k;
			}
		}
		out[n] = '\0';
	} else {
		size_t index = 0;

		for (const struct json *i = node->parent->first; i != node; i = i->next)
			index++;
		snprintf(out + n, size - n, "/%zu", index);
	}
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",       [JSON_BOOL] = "true or false",
		[JSON_NUMBER] = "a number", [JSON_STRING] = "a string",
		[JSON_ARRAY] = "an array",  [JSON_OBJECT] = "an object",
	};

	return names[type];
}
