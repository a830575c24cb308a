#include "option/list_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "files/input.h"
#include "option/value_path.h"
#include "json/pointer.h"

enum { MOST_MIB = 64 };

/* A NUL stays in the text, so that is_utf8 refuses it. In UTF-16, the first character contains
 * one. */
static struct json_source *read_source(const struct option_scope *scope, const struct json *node)
{
	const char *path = value_path_to_read(scope, node);
	struct json_source *source = NULL;
	struct input input;
	char option[512];
	char *text = NULL;
	struct err err;
	size_t len;

	if (!path)
		return NULL;
	json_pointer(node, option, sizeof option);
	if (input_open(&input, path, option, &err))
		text = input_read_all(&input, MOST_MIB, &len, &err);
	input_close(&input);
	if (text)
		source = json_source_add(scope->doc, path, text, len);
	else
		diag_add(scope->diag, node, "cannot read the list %s: %s", path, err.text);
	free(text);
	return source;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The end of the element that starts at `at`: before white space at the end of the line, or a
 * comment. */
static size_t element_end(const char *text, size_t at, size_t line_end)
{
	size_t end = at;

	for (size_t i = at; i < line_end; i++) {
		if (text[i] == '#' && (i == at || is_blank(text[i - 1])))
			break;
		if (!is_blank(text[i]))
			end = i + 1;
	}
	return end;
}

static bool add_element(struct json_doc *doc, struct json *array, size_t start, size_t end)
{
	struct json *element = json_new_text(doc, array->source->text + start, end - start,
	                                     array->source);

	if (!element)
		return false;
	element->offset = start;
	element->end = end;
	json_add(doc, array, NULL, element);
	return true;
}

static bool add_elements(struct json_doc *doc, struct json *array)
{
	const char *text = array->source->text;
	size_t at = utf8_mark(text, array->source->len);

	while (at < array->source->len) {
		size_t line_end = at + strcspn(text + at, "\n"), end;

		while (at < line_end && is_blank(text[at]))
			at++;
		end = element_end(text, at, line_end);
		if (end > at && !add_element(doc, array, at, end))
			return false;
		at = line_end + 1;
	}
	return true;
}

static bool is_utf8(const struct option_scope *scope, const struct json_source *source)
{
	char text[512];
	size_t bad;

	if (utf8_is_valid(source->text, source->len, &bad))
		return true;
	if (utf8_is_utf16(source->text, source->len))
		snprintf(text, sizeof text,
		         "expected text in UTF-8, found UTF-16: `iconv -f UTF-16 -t UTF-8 %s > "
		         "new.txt` converts it",
		         source->name);
	else
		snprintf(text, sizeof text, "expected text in UTF-8");
	diag_add_at(scope->diag, source, bad, text);
	return false;
}

struct json *list_file_read(const struct option_scope *scope, const struct json *node)
{
	const struct json *path = node->count == 1 ? node->first : NULL;
	struct json_source *source;
	struct json *array;

	if (!path || strcmp(path->key, "file") != 0 || path->type != JSON_STRING) {
		diag_add(scope->diag, node,
		         "expected an array or {\"file\": PATH}, found an object");
		return NULL;
	}
	source = read_source(scope, path);
	if (!source || !is_utf8(scope, source))
		return NULL;
	array = json_new(scope->doc, JSON_ARRAY, NULL, source);
	if (!array || !add_elements(scope->doc, array)) {
		diag_add(scope->diag, node, "out of memory");
		return NULL;
	}
	/* The array has the option's place, so that pointers of its elements start with the
	 * option. */
	array->parent = node->parent;
	array->key = node->key;
	return array;
}
