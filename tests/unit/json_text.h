/* json_text - a JSON text parsed in a test. */
#ifndef UNIT_JSON_TEXT_H
#define UNIT_JSON_TEXT_H

#include <check.h>
#include <string.h>

#include "json/parse.h"

static inline struct json *json_text_parse(struct json_doc *doc, const char *text,
                                           struct json_error *error)
{
	struct json_source *source = json_source_add(doc, "test.json", text, strlen(text));

	ck_assert_ptr_nonnull(source);
	return json_parse(doc, source, error);
}

/* The text must have no mistake. */
static inline struct json *json_text_good(struct json_doc *doc, const char *text)
{
	struct json_error error;
	struct json *node = json_text_parse(doc, text, &error);

	ck_assert_msg(node != NULL, "%s", error.text);
	return node;
}

#endif
