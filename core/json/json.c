#include "json/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

/* The memory of a document: a chain of blocks, wiped when it is freed, since some hold secrets. */
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

char *json_doc_text(struct json_doc *doc, const char *text, size_t len)
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
	source->name = json_doc_text(doc, name, strlen(name));
	source->text = text ? json_doc_text(doc, text, len) : NULL;
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
		node->raw = json_doc_text(doc, raw, node->len);
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
	char *raw = json_doc_text(doc, text, len);

	if (!node || !raw)
		return NULL;
	node->raw = raw;
	node->len = len;
	return node;
}

void json_mark_secret(struct json_doc *doc, const struct json *node)
{
	size_t opening_quote = node->type == JSON_STRING ? 1 : 0;
	struct json_secret *secret;

	if (!json_is_in_file(node) || node->source->is_read)
		return;
	secret = json_doc_alloc(doc, sizeof *secret);
	if (!secret)
		return;
	*secret = (struct json_secret){ node->source->secrets, node->offset + opening_quote,
		                        node->end };
	node->source->secrets = secret;
}

void json_detach(struct json *node)
{
	struct json **link, *before = NULL;

	if (!node->parent)
		return;
	for (link = &node->parent->first; *link != node; link = &(*link)->next)
		before = *link;
	*link = node->next;
	if (node->parent->last == node)
		node->parent->last = before;
	node->parent->count--;
	node->parent = node->next = NULL;
}

void json_add(struct json_doc *doc, struct json *container, const char *key, struct json *child)
{
	json_detach(child);
	if (key && (!child->key || strcmp(key, child->key) != 0))
		child->key = json_doc_text(doc, key, strlen(key));
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

struct json *json_child(const struct json *container, size_t index)
{
	struct json *node = container ? container->first : NULL;

	if (!container || index >= container->count)
		return NULL;
	if (container->items)
		return container->items[index];
	while (node && index-- > 0)
		node = node->next;
	return node;
}

bool json_index(struct json_doc *doc, struct json *node)
{
	size_t i = 0;

	if (node->count == 0)
		return true;
	node->items = json_doc_alloc(doc, node->count * sizeof(struct json *));
	if (!node->items)
		return false;
	for (struct json *child = node->first; child; child = child->next) {
		node->items[i++] = child;
		if (!json_index(doc, child))
			return false;
	}
	return true;
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
