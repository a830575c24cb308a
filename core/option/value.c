#include "option/value.h"

#include <stdio.h>
#include <string.h>

#include "option/value_address.h"
#include "option/value_describe.h"
#include "option/value_digest.h"
#include "option/value_number.h"
#include "option/value_path.h"
#include "option/value_secret.h"
#include "wire/hostname.h"

static bool read_enum(const struct option_scope *scope, const spore_option *row,
                      const struct json *node, int64_t *out)
{
	char expected[256];
	int64_t index = 0;

	for (const char *at = row->choices; node->type == JSON_STRING && at; index++) {
		const char *bar = strchr(at, '|');
		size_t len = bar ? (size_t)(bar - at) : strlen(at);

		if (len == node->len && memcmp(at, node->raw, len) == 0) {
			*out = index;
			return true;
		}
		at = bar ? bar + 1 : NULL;
	}
	/* Says "a string" of a number such as 1.2, which is not the choice "1.2". */
	snprintf(expected, sizeof expected, "%sone of %s",
	         node->type == JSON_STRING ? "" : "a string, ", row->choices);
	return value_mismatch(scope, node, expected);
}

/* What a client may have, also "*", for all names; or the name of a tunnel. */
static bool check_host(const struct option_scope *scope, const spore_option *row,
                       const struct json *node)
{
	char name[HOSTNAME_SIZE];

	if (row->flags & SPORE_OPTF_HOST &&
	    !hostname_read(node->raw, HOSTNAME_PATTERN | HOSTNAME_ALL, name))
		return value_mismatch(scope, node,
		                      "a host name such as \"app.example.com\" or "
		                      "\"*.example.com\", or \"*\" for all names");
	if (row->flags & SPORE_OPTF_HOST_NAME && !hostname_read(node->raw, HOSTNAME_EXACT, name))
		return value_mismatch(scope, node,
		                      "one host name such as \"app.example.com\", not a pattern");
	return true;
}

static bool read_string(const struct option_scope *scope, const spore_option *row,
                        const struct json *node, const char **out)
{
	bool is_path = row->flags & SPORE_OPTF_PATH, is_to_read = row->flags & SPORE_OPTF_READ;

	if (node->type != JSON_STRING)
		return value_mismatch(scope, node, "a string");
	if (node->len == 0 && row->flags & SPORE_OPTF_NOT_EMPTY)
		return value_mismatch(scope, node, is_path ? "a path" : "at least one character");
	if (!check_host(scope, row, node))
		return false;
	if (is_path && is_to_read)
		*out = value_path_of_file(scope, node);
	else if (is_path)
		*out = value_path(scope, node);
	else
		*out = node->raw;
	return *out != NULL;
}

bool value_read(const struct option_scope *scope, const spore_option *row, const struct json *node,
                void *out)
{
	switch (row->type) {
	case SPORE_OPT_BOOL:
		*(uint32_t *)out = node->boolean;
		return node->type == JSON_BOOL || value_mismatch(scope, node, "true or false");
	case SPORE_OPT_INT:
	case SPORE_OPT_PORT:
		return value_read_int(scope, row, node, out);
	case SPORE_OPT_NUMBER:
		return value_read_number(scope, node, out);
	case SPORE_OPT_STRING:
		return read_string(scope, row, node, out);
	case SPORE_OPT_SECRET:
		return value_read_secret(scope, row, node, out);
	case SPORE_OPT_DURATION:
		return value_read_duration(scope, row, node, out);
	case SPORE_OPT_SIZE:
		return value_read_size(scope, row, node, out);
	case SPORE_OPT_ENUM:
		return read_enum(scope, row, node, out);
	case SPORE_OPT_ADDR:
	case SPORE_OPT_IP:
		return value_read_address(scope, row, node, out);
	case SPORE_OPT_CIDR:
		return value_read_cidr(scope, node, out);
	case SPORE_OPT_PORTS:
		return value_read_ports(scope, node, out);
	case SPORE_OPT_SHA256:
		return value_read_sha256(scope, node, out);
	case SPORE_OPT_NODE:
		*(const spore_cfg **)out = (const spore_cfg *)(const void *)node;
		return true;
	default:
		diag_add(scope->diag, node,
		         "this option's type (%u) is newer than this host: update Spore",
		         row->type);
		return false;
	}
}
