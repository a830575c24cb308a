#include "json/pointer.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Compares a reference token of a pointer with a key. In the token, ~1 stands for '/', ~0 for
 * '~'. */
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
	const struct json *child = node->first;
	uint64_t index;

	if (node->type == JSON_ARRAY)
		return text_to_uint(token, len, UINT32_MAX, &index) ? json_child(node, index)
		                                                    : NULL;
	while (child && !token_is(token, len, child->key))
		child = child->next;
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

/* Columns count characters, so the bytes after a character's first one are skipped. */
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

/* Writes '/' and the key as a reference token. */
static void write_token(const char *key, char *out, size_t size)
{
	size_t n = 0;

	if (size > 1)
		out[n++] = '/';
	for (const char *k = key; *k && n + 3 < size; k++) {
		if (*k == '~' || *k == '/') {
			out[n++] = '~';
			out[n++] = *k == '~' ? '0' : '1';
		} else {
			out[n++] = *k;
		}
	}
	out[n] = '\0';
}

static size_t index_of(const struct json *element)
{
	size_t index = 0;

	for (const struct json *i = element->parent->first; i != element; i = i->next)
		index++;
	return index;
}

void json_pointer(const struct json *node, char *out, size_t size)
{
	size_t n;

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
	if (node->parent->type == JSON_OBJECT && node->key)
		write_token(node->key, out + n, size - n);
	else
		snprintf(out + n, size - n, "/%zu", index_of(node));
}
