#include "inventory/plugin_options.h"

#include <stdio.h>
#include <string.h>

#include "option/option_type.h"

/* ---- for people ---- */

static void add_options(struct columns *columns, const struct option_table *table, unsigned depth)
{
	for (uint32_t i = 0; i < table->n; i++) {
		const spore_option *row = option_row(table, i);
		const char *deprecated = row->flags & SPORE_OPTF_DEPRECATED ? " (deprecated)" : "";
		char name[128], type[192], doc[512];
		struct option_table inner;

		snprintf(name, sizeof name, "%*s%s", (int)(2 * depth), "", row->name);
		option_type_describe(row, type, sizeof type);
		snprintf(doc, sizeof doc, "%s%s", row->doc, deprecated);
		columns_add(columns,
		            (const char *[PLUGIN_OPTIONS_COLUMNS]){
				    name, type,
				    row->flags & SPORE_OPTF_REQUIRED ? "required" : row->dflt,
				    doc });
		inner = option_inner(row);
		add_options(columns, &inner, depth + 1);
	}
}

void plugin_options_add(struct columns *columns, const struct option_table *table)
{
	add_options(columns, table, 0);
}

/* ---- as JSON ---- */

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

/* Is the option a list, a map or an object? */
static bool has_items(const spore_option *row)
{
	return row->type >= SPORE_OPT_LIST && row->type <= SPORE_OPT_OBJECT && row->item;
}

static void write_option(struct jsonout *json, const spore_option *row)
{
	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "name", row->name);
	jsonout_text(json, "type", option_type_id(row->type));
	jsonout_bool(json, "required", row->flags & SPORE_OPTF_REQUIRED);
	if (row->flags & SPORE_OPTF_DEPRECATED)
		jsonout_bool(json, "deprecated", true);
	if (row->flags & SPORE_OPTF_PATH)
		jsonout_bool(json, "path", true);
	jsonout_value(json, "default", row->dflt);
	if (option_has_bounds(row)) {
		jsonout_int(json, "min", row->min);
		jsonout_int(json, "max", row->max);
	}
	if (row->type == SPORE_OPT_ENUM)
		write_choices(json, row->choices);
	jsonout_text(json, "doc", row->doc);
	if (has_items(row)) {
		struct option_table inner = option_inner(row);

		jsonout_text(json, "of", option_type_id(row->item->type));
		if (inner.n)
			plugin_options_write(json, "options", &inner);
	}
	jsonout_end(json, '}');
}

void plugin_options_write(struct jsonout *json, const char *key, const struct option_table *table)
{
	jsonout_begin(json, key, '[');
	for (uint32_t i = 0; i < table->n; i++)
		write_option(json, option_row(table, i));
	jsonout_end(json, ']');
}
