#include "option/value_describe.h"

#include <stdio.h>

#include "base/text.h"

const char *value_describe(const struct json *node, char *out, size_t size)
{
	char text[64];

	if (node->type == JSON_STRING) {
		text_escape(node->raw, node->len, text, sizeof text);
		snprintf(out, size, "\"%s\"%s", text,
		         text_escaped_length(node->raw, node->len) < sizeof text ? "" : "...");
	} else if (node->type == JSON_NUMBER) {
		snprintf(out, size, "%.40s", node->raw);
	} else if (node->type == JSON_BOOL) {
		snprintf(out, size, node->boolean ? "true" : "false");
	} else {
		snprintf(out, size, "%s", json_type_name(node->type));
	}
	return out;
}

bool value_mismatch(const struct option_scope *scope, const struct json *node, const char *expected)
{
	char found[96];

	diag_add(scope->diag, node, "expected %s, found %s", expected,
	         value_describe(node, found, sizeof found));
	return false;
}
