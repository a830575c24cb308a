#include "ops/plugin_options.h"

#include <stdio.h>
#include <string.h>

/* Aligned by hand. */
/* clang-format off */
static const struct {
	const char *id, *name, *many; /* in JSON; for people; in "list of ..." */
	const char *unit;             /* of its bounds */
} types[] = {
	[SPORE_OPT_BOOL]     = { "bool",     "boolean",          "booleans",            "" },
	[SPORE_OPT_INT]      = { "int",      "whole number",     "whole numbers",       "" },
	[SPORE_OPT_NUMBER]   = { "number",   "number",           "numbers",             "" },
	[SPORE_OPT_STRING]   = { "string",   "text",             "texts",               "" },
	[SPORE_OPT_SECRET]   = { "secret",   "secret",           "secrets",             "" },
	[SPORE_OPT_DURATION] = { "duration", "duration",         "durations",           " ms" },
	[SPORE_OPT_SIZE]     = { "size",     "size",             "sizes",               " bytes" },
	[SPORE_OPT_ENUM]     = { "enum",     "one of",           "choices",             "" },
	[SPORE_OPT_ADDR]     = { "addr",     "address and port", "addresses and ports", "" },
	[SPORE_OPT_IP]       = { "ip",       "IP address",       "IP addresses",        "" },
	[SPORE_OPT_PORT]     = { "port",     "port",             "ports",               "" },
	[SPORE_OPT_PORTS]    = { "ports",    "ports",            "sets of ports",       "" },
	[SPORE_OPT_CIDR]     = { "prefix",     "prefix",           "prefixes",            "" },
	[SPORE_OPT_LIST]     = { "list",     "list",             "lists",               "" },
	[SPORE_OPT_MAP]      = { "map",      "map",              "maps",                "" },
	[SPORE_OPT_OBJECT]   = { "object",   "object",           "objects",             "" },
	[SPORE_OPT_NODE]     = { "node",     "anything",         "anything",            "" },
};
/* clang-format on */
enum { N_TYPES = sizeof types / sizeof *types };

static bool is_known(uint32_t type)
{
	return type < N_TYPES && types[type].name;
}

static const char *id_of(uint32_t type)
{
	return is_known(type) ? types[type].id : "unknown";
}

static bool has_bounds(const spore_option *row)
{
	bool scaled = row->type == SPORE_OPT_INT || row->type == SPORE_OPT_DURATION ||
	              row->type == SPORE_OPT_SIZE || row->type == SPORE_OPT_PORT;

	return scaled && row->min <= row->max;
}

static bool holds_others(const spore_option *row)
{
	return row->type >= SPORE_OPT_LIST && row->type <= SPORE_OPT_OBJECT && row->item;
}

static struct option_table inner_table(const spore_option_item *item)
{
	return (struct option_table){ item->options, item->n_options, item->option_size };
}

/* ---- for people --------------------------------------------------------------------------------- */

static void describe_type(const spore_option *row, char *out, size_t size)
{
	const char *name = is_known(row->type) ? types[row->type].name : "unknown";

	if (row->type == SPORE_OPT_ENUM)
		snprintf(out, size, "%s", row->choices);
	else if ((row->type == SPORE_OPT_LIST || row->type == SPORE_OPT_MAP) && row->item)
		snprintf(out, size, "%s of %s", name,
		         is_known(row->item->type) ? types[row->item->type].many : "unknown");
	else if (row->type == SPORE_OPT_STRING && row->flags & SPORE_OPTF_PATH)
		snprintf(out, size, "path");
	else if (has_bounds(row))
		snprintf(out, size, "%s, %lld to %lld%s", name, (long long)row->min, (long long)row->max,
		         types[row->type].unit);
	else
		snprintf(out, size, "%s", name);
}

static void add_table(struct columns *columns, const struct option_table *table, unsigned depth)
{
	for (uint32_t i = 0; i < table->n; i++) {
		const spore_option *row = option_row(table, i);
		const char *deprecated = row->flags & SPORE_OPTF_DEPRECATED ? " (deprecated)" : "";
		char name[128], type[192], doc[512];

		snprintf(name, sizeof name, "%*s%s", (int)(2 * depth), "", row->name);
		describe_type(row, type, sizeof type);
		snprintf(doc, sizeof doc, "%s%s", row->doc, deprecated);
		columns_add(columns,
		            (const char *[PLUGIN_OPTIONS_COLUMNS]){
				    name, type,
				    row->flags & SPORE_OPTF_REQUIRED ? "required" : row->dflt, doc });
		if (holds_others(row)) {
			struct option_table inner = inner_table(row->item);

			add_table(columns, &inner, depth + 1);
		}
	}
}

void plugin_options_add(struct columns *columns, const struct option_table *table)
{
	add_table(columns, table, 0);
}

/* ---- as JSON ------------------------------------------------------------------------------------ */

static void write_choices(struct jsonout *json, const char *choices)
{
	jsonout_begin(json, "choices", '[');
	for (const char *at = choices;; at++) {
		size_t len = strcspn(at, "|");
		char choice[128];

		snprintf(choice, sizeof choice, "%.*s",
		         (int)(len < sizeof choice ? len : sizeof choice - 1), at);
		jsonout_text(json, NULL, choice);
		at += len;
		if (!*at)
			break;
	}
	jsonout_end(json, ']');
}

static void write_row(struct jsonout *json, const spore_option *row)
{
	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "name", row->name);
	jsonout_text(json, "type", id_of(row->type));
	jsonout_bool(json, "required", row->flags & SPORE_OPTF_REQUIRED);
	if (row->flags & SPORE_OPTF_DEPRECATED)
		jsonout_bool(json, "deprecated", true);
	if (row->flags & SPORE_OPTF_PATH)
		jsonout_bool(json, "path", true);
	jsonout_value(json, "default", row->dflt);
	if (has_bounds(row)) {
		jsonout_int(json, "min", row->min);
		jsonout_int(json, "max", row->max);
	}
	if (row->type == SPORE_OPT_ENUM)
		write_choices(json, row->choices);
	jsonout_text(json, "doc", row->doc);
	if (holds_others(row)) {
		struct option_table inner = inner_table(row->item);

		jsonout_text(json, "of", id_of(row->item->type));
		if (inner.n)
			plugin_options_write(json, "options", &inner);
	}
	jsonout_end(json, '}');
}

void plugin_options_write(struct jsonout *json, const char *key, const struct option_table *table)
{
	jsonout_begin(json, key, '[');
	for (uint32_t i = 0; i < table->n; i++)
		write_row(json, option_row(table, i));
	jsonout_end(json, ']');
}
