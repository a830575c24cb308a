#include "option/option_type.h"

#include <stdio.h>

#include "option/value_number.h"

/* A row without `doc` is not described on its own. */
/* clang-format off */
static const struct {
	const char *id, *name, *many; /* many: in "list of ..." */
	const char *example;          /* JSON; NULL: needs none */
	const char *doc;
} types[] = {
	[SPORE_OPT_BOOL]     = { "bool",     "boolean",          "booleans",            "true",
	                         "`true` or `false`" },
	[SPORE_OPT_INT]      = { "int",      "whole number",     "whole numbers",       "5",
	                         "a number without a fraction or an exponent" },
	[SPORE_OPT_NUMBER]   = { "number",   "number",           "numbers",             "0.5",
	                         "any number" },
	[SPORE_OPT_STRING]   = { "string",   "text",             "texts",               "\"x\"",
	                         "a string. A relative path starts at the folder of the configuration file" },
	[SPORE_OPT_SECRET]   = { "secret",   "secret",           "secrets",             "{\"file\": \"secret.key\"}",
	                         "the secret as a string; `{\"file\": PATH}`, a file that holds it, without the newline (LF or CRLF) "
	                         "at its end; `{\"env\": NAME}`, an environment variable; `{\"credential\": NAME}`, a credential "
	                         "of systemd; or `{\"command\": [\"PROGRAM\", \"ARGUMENT\"]}`, a program that prints it" },
	[SPORE_OPT_DURATION] = { "duration", "duration",         "durations",           "\"1.5s\"",
	                         "a number with one of the units ms, s, m, h, d; a number without a unit is in seconds" },
	[SPORE_OPT_SIZE]     = { "size",     "size",             "sizes",               "\"64k\"",
	                         "a number of bytes, or a number with one of the units k, m, g (powers of 1024)" },
	[SPORE_OPT_ENUM]     = { "enum",     "one of",           "choices",             NULL, NULL },
	[SPORE_OPT_ADDR]     = { "addr",     "address and port", "addresses and ports", "\"127.0.0.1:80\"",
	                         "an IP address and a port. An IPv6 address stands in brackets: `\"[::1]:80\"`" },
	[SPORE_OPT_IP]       = { "ip",       "IP address",       "IP addresses",        "\"127.0.0.1\"",
	                         "an IPv4 or IPv6 address" },
	[SPORE_OPT_PORT]     = { "port",     "port",             "ports",               "8080",
	                         "a whole number" },
	[SPORE_OPT_PORTS]    = { "ports",    "ports",            "sets of ports",       "\"20000-21000,22000\"",
	                         "ports and port ranges, separated by commas. A range starts with its lowest port" },
	[SPORE_OPT_CIDR]     = { "prefix",   "prefix",           "prefixes",            "\"10.0.0.0/8\"",
	                         "an IP prefix, without bits set after it, or an IP address" },
	[SPORE_OPT_LIST]     = { "list",     "list",             "lists",               "[\"a\", \"b\"]",
	                         "an array. A list of texts, addresses, prefixes or digests may also be `{\"file\": PATH}`: a file "
	                         "with one element per line, in which `#` starts a comment" },
	[SPORE_OPT_MAP]      = { "map",      "map",              "maps",                "{\"a\": 1}",
	                         "an object whose keys are names that the operator chooses" },
	[SPORE_OPT_OBJECT]   = { "object",   "object",           "objects",             NULL, NULL },
	[SPORE_OPT_NODE]     = { "node",     "anything",         "anything",            NULL, NULL },
	[SPORE_OPT_SHA256]   = { "sha256",   "SHA-256",          "SHA-256 digests",     "\"sha256:"
	                         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
	                         "`sha256:` and 64 hex digits" },
};
/* clang-format on */
enum { N_TYPES = sizeof types / sizeof *types };

static bool is_known(uint32_t type)
{
	return type < N_TYPES && types[type].name;
}

const char *option_type_id(uint32_t type)
{
	return is_known(type) ? types[type].id : "unknown";
}

bool option_type_at(uint32_t index, struct option_type *type_out)
{
	for (uint32_t i = 0; i < N_TYPES; i++) {
		if (types[i].doc && index-- == 0) {
			*type_out = (struct option_type){ types[i].name, types[i].example,
				                          types[i].doc };
			return true;
		}
	}
	return false;
}

/* Writes a bound in the form that an operator writes: "1d", "64k", "5". */
static const char *format_bound(uint32_t type, int64_t bound, char out[VALUE_SCALED_SIZE])
{
	if (type == SPORE_OPT_DURATION)
		return value_format_duration(bound, out);
	if (type == SPORE_OPT_SIZE)
		return value_format_size(bound, out);
	snprintf(out, VALUE_SCALED_SIZE, "%lld", (long long)bound);
	return out;
}

static const char *describe_items(const spore_option *container_row)
{
	uint32_t type = container_row->item->type;

	if (!is_known(type))
		return "unknown";
	return container_row->flags & SPORE_OPTF_PATH ? "paths" : types[type].many;
}

void option_type_describe(const spore_option *row, char *out, size_t size)
{
	const char *name = is_known(row->type) ? types[row->type].name : "unknown";
	char lowest[VALUE_SCALED_SIZE], highest[VALUE_SCALED_SIZE];

	if (row->type == SPORE_OPT_ENUM)
		snprintf(out, size, "%s", row->choices);
	else if (row->flags & OPTIONF_LONE && row->item && is_known(row->item->type))
		snprintf(out, size, "%s, or %s of %s", types[row->item->type].name, name,
		         describe_items(row));
	else if ((row->type == SPORE_OPT_LIST || row->type == SPORE_OPT_MAP) && row->item)
		snprintf(out, size, "%s of %s", name, describe_items(row));
	else if (row->type == SPORE_OPT_STRING && row->flags & SPORE_OPTF_PATH)
		snprintf(out, size, "path");
	else if (option_has_bounds(row))
		snprintf(out, size, "%s, %s to %s", name, format_bound(row->type, row->min, lowest),
		         format_bound(row->type, row->max, highest));
	else
		snprintf(out, size, "%s", name);
}
