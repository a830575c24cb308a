#include "reference/schema_option.h"

#include <stdio.h>
#include <string.h>

#include "config/shorthands.h"
#include "option/option_type.h"

/* ---- types ---- */

/* Patterns for the texts of addresses and ports. They use [.] instead of an escaped dot, since each
 * `\` would have to be written four times. */
#define PORT_                                                                                      \
	"([1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]|[1-9][0-9]{0,3})"
#define PORTS_    "0*" PORT_ "(-0*" PORT_ ")?"
#define OCTET_    "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
#define IPV4_     "(" OCTET_ "[.]){3}" OCTET_
#define H_        "[0-9A-Fa-f]{1,4}"
#define TAIL_     "(" H_ ":" H_ "|" IPV4_ ")"
#define FRONT_(n) "((" H_ ":){0," #n "}" H_ ")?::"
#define IPV6_                                                                                      \
	"((" H_ ":){6}" TAIL_ "|::(" H_ ":){5}" TAIL_ "|(" H_ ")?::(" H_ ":){4}" TAIL_             \
	"|" FRONT_(1) "(" H_ ":){3}" TAIL_ "|" FRONT_(2) "(" H_ ":){2}" TAIL_ "|" FRONT_(3) H_     \
		":" TAIL_ "|" FRONT_(4) TAIL_ "|" FRONT_(5) H_ "|" FRONT_(6) ")"
#define ZONE_          "(%.+)?"

#define TEXT_(pattern) "{\"type\": \"string\", \"pattern\": \"^(" pattern ")$\"}"
#define ONE_MEMBER_(key, schema)                                                                   \
	"{\"type\": \"object\", \"properties\": {\"" key "\": " schema "}, "                       \
	"\"required\": [\"" key "\"], \"additionalProperties\": false}"
#define ONE_KEY_(key) ONE_MEMBER_(key, "{\"type\": \"string\", \"minLength\": 1}")
/* An array that is not empty. */
#define WORDS_                                                                                     \
	"{\"type\": \"array\", \"minItems\": 1, \"maxItems\": 64, \"items\": {\"type\": "          \
	"\"string\"}}"

/* Types that are written once, in "definitions"; all others are written where they are used. A
 * keyword has no effect on a value of another type, so one schema can describe a number and a text.
 * Aligned by hand. */
/* clang-format off */
static const struct {
	uint32_t type;
	const char *schema;
} types[] = {
	{ SPORE_OPT_SECRET,   "{\"anyOf\": [{\"type\": \"string\", \"pattern\": \"[^ \\t\\r\\n]\"}, "
	                      ONE_KEY_("file") ", " ONE_KEY_("env") ", "
	                      ONE_MEMBER_("credential", TEXT_("[^./][^/]*")) ", "
	                      ONE_MEMBER_("command", WORDS_) "]}" },
	{ SPORE_OPT_DURATION, "{\"type\": [\"number\", \"string\"], \"minimum\": 0, "
	                      "\"pattern\": \"^[0-9]+([.][0-9]*)?(ms|s|m|h|d)?$\"}" },
	{ SPORE_OPT_SIZE,     "{\"type\": [\"integer\", \"string\"], \"minimum\": 0, "
	                      "\"pattern\": \"^[0-9]+(b?|([.][0-9]*)?[kKmMgG])$\"}" },
	{ SPORE_OPT_ADDR,     TEXT_("(" IPV4_ "|\\\\[(" IPV4_ "|" IPV6_ ZONE_ ")\\\\]):0*(0|" PORT_ ")") },
	{ SPORE_OPT_IP,       TEXT_(IPV4_ "|" IPV6_ ZONE_) },
	{ SPORE_OPT_PORTS,    "{\"type\": [\"integer\", \"string\"], \"minimum\": 1, \"maximum\": 65535, "
	                      "\"pattern\": \"^" PORTS_ "(," PORTS_ ")*$\"}" },
	{ SPORE_OPT_SHA256,   TEXT_("sha256:[0-9A-Fa-f]{64}") },
	{ SPORE_OPT_CIDR,     TEXT_(IPV4_ "(/0*(3[0-2]|[12]?[0-9]))?|" IPV6_
	                            "(/0*(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?") },
};
/* clang-format on */
enum { N_TYPES = sizeof types / sizeof *types };

static const char list_file[] = ONE_KEY_("file");

void schema_option_write_types(struct jsonout *json)
{
	for (size_t i = 0; i < N_TYPES; i++)
		jsonout_value(json, option_type_id(types[i].type), types[i].schema);
}

/* ---- one option ---- */

static bool refer_to_type(struct jsonout *json, uint32_t type)
{
	char reference[64];

	for (size_t i = 0; i < N_TYPES; i++) {
		if (types[i].type != type)
			continue;
		snprintf(reference, sizeof reference, "#/definitions/%s", option_type_id(type));
		/* Draft 7 ignores all keywords beside "$ref", but not beside "allOf". */
		jsonout_begin(json, "allOf", '[');
		jsonout_begin(json, NULL, '{');
		jsonout_text(json, "$ref", reference);
		jsonout_end(json, '}');
		jsonout_end(json, ']');
		return true;
	}
	return false;
}

/* Bounds count for numbers only; a schema cannot express the bounds of a text such as "5s". A
 * DURATION as a number is in seconds. */
static void write_bound(struct jsonout *json, const char *key, uint32_t type, int64_t bound)
{
	char seconds[32];

	if (type != SPORE_OPT_DURATION) {
		jsonout_int(json, key, bound);
		return;
	}
	snprintf(seconds, sizeof seconds, "%.15g", (double)bound / 1000);
	jsonout_value(json, key, seconds);
}

static void write_bounds(struct jsonout *json, const spore_option *row)
{
	/* min > max: the row has no bounds, but a port always has. */
	bool is_any_port = row->type == SPORE_OPT_PORT && row->min > row->max;

	if (is_any_port || option_has_bounds(row)) {
		write_bound(json, "minimum", row->type, is_any_port ? 0 : row->min);
		write_bound(json, "maximum", row->type, is_any_port ? 65535 : row->max);
	}
}

static void write_choices(struct jsonout *json, const char *choices)
{
	jsonout_begin(json, "enum", '[');
	for (const char *at = choices; at;) {
		size_t len = strcspn(at, "|");
		char choice[128];

		snprintf(choice, sizeof choice, "%.*s",
		         (int)(len < sizeof choice ? len : sizeof choice - 1), at);
		jsonout_text(json, NULL, choice);
		at = at[len] ? at + len + 1 : NULL;
	}
	jsonout_end(json, ']');
}

static void write_type(struct jsonout *json, const spore_option *row);

/* An element of the list or map `of`. A path in it is never empty. */
static void write_item(struct jsonout *json, const char *key, const spore_option *of)
{
	const spore_option_item *item = of->item;
	spore_option row = { .type = item->type,
		             .flags = of->flags & SPORE_OPTF_PATH ? SPORE_OPTF_NOT_EMPTY : 0,
		             .min = 1,
		             .max = 0, /* below min: no bounds */
		             .item = item };

	if (item->type == SPORE_OPT_PORT)
		row.max = 65535;
	jsonout_begin(json, key, '{');
	write_type(json, &row);
	write_bounds(json, &row);
	jsonout_end(json, '}');
}

static void write_list(struct jsonout *json, const spore_option *row)
{
	bool may_be_file = option_may_be_file(row);

	if (may_be_file) {
		jsonout_begin(json, "anyOf", '[');
		if (row->flags & OPTIONF_LONE)
			write_item(json, NULL, row);
		jsonout_begin(json, NULL, '{');
	}
	jsonout_text(json, "type", "array");
	write_item(json, "items", row);
	if (row->flags & SPORE_OPTF_NOT_EMPTY)
		jsonout_int(json, "minItems", 1);
	if (may_be_file) {
		jsonout_end(json, '}');
		jsonout_value(json, NULL, list_file);
		jsonout_end(json, ']');
	}
}

static void write_object(struct jsonout *json, const spore_option *row)
{
	struct option_table table = option_inner(row);

	jsonout_text(json, "type", "object");
	jsonout_begin(json, "properties", '{');
	schema_option_write_rows(json, &table);
	jsonout_end(json, '}');
	schema_option_write_required(json, &table, NULL);
	jsonout_bool(json, "additionalProperties", false);
}

static void write_type(struct jsonout *json, const spore_option *row)
{
	switch (row->type) {
	case SPORE_OPT_BOOL:
		jsonout_text(json, "type", "boolean");
		break;
	case SPORE_OPT_INT:
	case SPORE_OPT_PORT:
		jsonout_text(json, "type", "integer");
		break;
	case SPORE_OPT_NUMBER:
		jsonout_text(json, "type", "number");
		break;
	case SPORE_OPT_STRING:
		jsonout_text(json, "type", "string");
		if (row->flags & SPORE_OPTF_NOT_EMPTY)
			jsonout_int(json, "minLength", 1);
		break;
	case SPORE_OPT_ENUM:
		write_choices(json, row->choices);
		break;
	case SPORE_OPT_LIST:
		write_list(json, row);
		break;
	case SPORE_OPT_MAP:
		jsonout_text(json, "type", "object");
		write_item(json, "additionalProperties", row);
		if (row->flags & SPORE_OPTF_NOT_EMPTY)
			jsonout_int(json, "minProperties", 1);
		break;
	case SPORE_OPT_OBJECT:
		write_object(json, row);
		break;
	default: /* a NODE may be anything */
		refer_to_type(json, row->type);
	}
}

void schema_option_write_body(struct jsonout *json, const spore_option *row, const char *doc)
{
	jsonout_text(json, "description", doc ? doc : row->doc);
	if (row->dflt)
		jsonout_value(json, "default", row->dflt);
	if (row->flags & SPORE_OPTF_DEPRECATED)
		jsonout_bool(json, "deprecated", true);
	write_type(json, row);
	write_bounds(json, row);
}

void schema_option_write_rows(struct jsonout *json, const struct option_table *table)
{
	for (uint32_t i = 0; i < table->n; i++) {
		jsonout_begin(json, option_row(table, i)->name, '{');
		schema_option_write_body(json, option_row(table, i), NULL);
		jsonout_end(json, '}');
	}
}

/* May a flag or a variable set `name`, or something in it? */
static bool has_shorthand(const char *place, const char *name)
{
	char target[128];

	snprintf(target, sizeof target, "%s/%s", place, name);
	for (size_t i = 0; i < n_shorthands; i++) {
		const char *set = shorthands[i].target;
		size_t len = strlen(target);

		/* strchr finds the NUL, too: the target itself. */
		if (strncmp(set, target, len) == 0 && strchr("/[", set[len]))
			return true;
	}
	return false;
}

void schema_option_write_required(struct jsonout *json, const struct option_table *table,
                                  const char *place)
{
	bool some = false;

	for (uint32_t i = 0; i < table->n; i++) {
		const spore_option *row = option_row(table, i);

		if (!(row->flags & SPORE_OPTF_REQUIRED) ||
		    (place && has_shorthand(place, row->name)))
			continue;
		if (!some)
			jsonout_begin(json, "required", '[');
		some = true;
		jsonout_text(json, NULL, row->name);
	}
	if (some)
		jsonout_end(json, ']');
}
