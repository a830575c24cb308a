#include "option/value_digest.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "option/value_describe.h"

static const char prefix[] = "sha256:";
enum { PREFIX_LEN = sizeof prefix - 1 };

static bool parse_digest(const char *text, spore_sha256 *out)
{
	const char *hex = text + PREFIX_LEN;

	if (strncmp(text, prefix, PREFIX_LEN) != 0 || strlen(hex) != 2 * sizeof out->bytes)
		return false;
	for (size_t i = 0; i < sizeof out->bytes; i++) {
		int high = text_hex_value(hex[2 * i]), low = text_hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		out->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool value_read_sha256(const struct option_scope *scope, const struct json *node, spore_sha256 *out)
{
	return (node->type == JSON_STRING && parse_digest(node->raw, out)) ||
	       value_mismatch(scope, node, "\"sha256:\" and 64 hex digits");
}

const char *value_format_sha256(const spore_sha256 *digest, char out[VALUE_SHA256_SIZE])
{
	strcpy(out, prefix);
	for (size_t i = 0; i < sizeof digest->bytes; i++)
		snprintf(out + PREFIX_LEN + 2 * i, 3, "%02x", digest->bytes[i]);
	return out;
}
