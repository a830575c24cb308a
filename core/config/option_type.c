#include "config/option_type.h"

#include <stdio.h>

#include "config/value.h"

/* Aligned by hand. */
/* clang-format off */
static const struct {
	const char *id, *name, *many, *example; /* many: in "list of ..." */
} types[] = {
	[SPORE_OPT_BOOL]     = { "bool",     "boolean",          "booleans",            NULL },
	[SPORE_OPT_INT]      = { "int",      "whole number",     "whole numbers",       NULL },
	[SPORE_OPT_NUMBER]   = { "number",   "number",           "numbers",             NULL },
	[SPORE_OPT_STRING]   = { "string",   "text",             "texts",               NULL },
	[SPORE_OPT_SECRET]   = { "secret",   "secret",           "secrets",             "{\"file\": \"secret.key\"}" },
	[SPORE_OPT_DURATION] = { "duration", "duration",         "durations",           "\"1.5s\"" },
	[SPORE_OPT_SIZE]     = { "size",     "size",             "sizes",               "\"64k\"" },
	[SPORE_OPT_ENUM]     = { "enum",     "one of",           "choices",             NULL },
	[SPORE_OPT_ADDR]     = { "addr",     "address and port", "addresses and ports", "\"127.0.0.1:80\"" },
	[SPORE_OPT_IP]       = { "ip",       "IP address",       "IP addresses",        "\"127.0.0.1\"" },
	[SPORE_OPT_PORT]     = { "port",     "port",             "ports",               NULL },
	[SPORE_OPT_PORTS]    = { "ports",    "ports",            "sets of ports",       "\"20000-21000,22000\"" },
	[SPORE_OPT_CIDR]     = { "prefix",   "prefix",           "prefixes",            "\"10.0.0.0/8\"" },
	[SPORE_OPT_LIST]     = { "list",     "list",             "lists",               NULL },
	[SPORE_OPT_MAP]      = { "map",      "map",              "maps",                NULL },
	[SPORE_OPT_OBJECT]   = { "object",   "object",           "objects",             NULL },
	[SPORE_OPT_NODE]     = { "node",     "anything",         "anything",            NULL },
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

const char *option_type_example(const spore_option *row)
{
	if (row->type == SPORE_OPT_STRING && row->flags & SPORE_OPTF_PATH)
		return "\"some.file\"";
	return is_known(row->type) ? types[row->type].example : NULL;
}

bool option_has_bounds(const spore_option *row)
{
	bool scaled = row->type == SPORE_OPT_INT || row->type == SPORE_OPT_DURATION ||
	              row->type == SPORE_OPT_SIZE || row->type == SPORE_OPT_PORT;

	return scaled && row->min <= row->max;
}

/* Those stand in JSON as strings: a line of a text is as good. */
bool option_may_be_file(const spore_option *row)
{
	uint32_t type = row->type == SPORE_OPT_LIST && row->item ? row->item->type : 0;

	return type == SPORE_OPT_STRING || type == SPORE_OPT_ADDR || type == SPORE_OPT_IP ||
	       type == SPORE_OPT_CIDR;
}

struct option_table option_inner(const spore_option *row)
{
	const spore_option_item *item = row->item;

	if (row->type < SPORE_OPT_LIST || row->type > SPORE_OPT_OBJECT || !item)
		return (struct option_table){ NULL, 0, 0 };
	return (struct option_table){ item->options, item->n_options, item->option_size };
}

/* As an operator writes it: "1d", "64k", "5". */
static const char *format_bound(uint32_t type, int64_t bound, char out[VALUE_SCALED_SIZE])
{
	if (type == SPORE_OPT_DURATION)
		return value_format_duration(bound, out);
	if (type == SPORE_OPT_SIZE)
		return value_format_size(bound, out);
	snprintf(out, VALUE_SCALED_SIZE, "%lld", (long long)bound);
	return out;
}

void option_type_describe(const spore_option *row, char *out, size_t size)
{
	const char *name = is_known(row->type) ? types[row->type].name : "unknown";
	char lowest[VALUE_SCALED_SIZE], highest[VALUE_SCALED_SIZE];

	if (row->type == SPORE_OPT_ENUM)
		snprintf(out, size, "%s", row->choices);
	else if ((row->type == SPORE_OPT_LIST || row->type == SPORE_OPT_MAP) && row->item)
		snprintf(out, size, "%s of %s", name,
		         is_known(row->item->type) ? types[row->item->type].many : "unknown");
	else if (row->type == SPORE_OPT_STRING && row->flags & SPORE_OPTF_PATH)
		snprintf(out, size, "path");
	else if (option_has_bounds(row))
		snprintf(out, size, "%s, %s to %s", name, format_bound(row->type, row->min, lowest),
		         format_bound(row->type, row->max, highest));
	else
		snprintf(out, size, "%s", name);
}
