#include "plugin/rows.h"

#include <string.h>

#include "base/text.h"
#include "option/option.h"
#include "option/option_type.h"
#include "plugin/name.h"
#include "json/parse.h"

enum { MAX_DEPTH = 8 };

static bool check_table(const struct option_table *table, size_t size, unsigned depth,
                        struct err *err);

/* The size of the C type for an option's type; 0: this host does not know the type. */
static size_t size_of_type(uint32_t type, const spore_option_item *item)
{
	static const size_t sizes[] = {
		[SPORE_OPT_BOOL] = sizeof(uint32_t),    [SPORE_OPT_INT] = sizeof(int64_t),
		[SPORE_OPT_NUMBER] = sizeof(double),    [SPORE_OPT_STRING] = sizeof(char *),
		[SPORE_OPT_SECRET] = sizeof(spore_str), [SPORE_OPT_DURATION] = sizeof(int64_t),
		[SPORE_OPT_SIZE] = sizeof(int64_t),     [SPORE_OPT_ENUM] = sizeof(int64_t),
		[SPORE_OPT_ADDR] = sizeof(spore_addr),  [SPORE_OPT_IP] = sizeof(spore_addr),
		[SPORE_OPT_PORT] = sizeof(int64_t),     [SPORE_OPT_PORTS] = sizeof(spore_list),
		[SPORE_OPT_CIDR] = sizeof(spore_cidr),  [SPORE_OPT_LIST] = sizeof(spore_list),
		[SPORE_OPT_MAP] = sizeof(spore_map),    [SPORE_OPT_OBJECT] = 0,
		[SPORE_OPT_NODE] = sizeof(spore_cfg *), [SPORE_OPT_SHA256] = sizeof(spore_sha256),
	};

	if (type == SPORE_OPT_OBJECT)
		return item->size;
	return type < sizeof sizes / sizeof *sizes ? sizes[type] : 0;
}

/* The alignment of the C type for an option's type. Tables below the item have been checked. */
static size_t alignment_of(uint32_t type, const spore_option_item *item)
{
	struct option_table inner;
	size_t most = 1;

	if (type == SPORE_OPT_SHA256)
		return _Alignof(spore_sha256);
	if (type == SPORE_OPT_BOOL || type == SPORE_OPT_ADDR || type == SPORE_OPT_IP ||
	    type == SPORE_OPT_CIDR)
		return _Alignof(uint32_t);
	if (type != SPORE_OPT_OBJECT)
		return _Alignof(int64_t);
	inner = (struct option_table){ item->options, item->n_options, item->option_size };
	for (uint32_t i = 0; i < inner.n; i++) {
		const spore_option *row = option_row(&inner, i);
		size_t own = alignment_of(row->type, row->item);

		most = own > most ? own : most;
	}
	return most;
}

static bool refuse_type(const spore_option *row, uint32_t type, struct err *err)
{
	err_set(err,
	        "\"%s\" has the type %u, which this host does not know: use a type of option.h, "
	        "or update Spore",
	        row->name, type);
	return false;
}

/* Checks the item of a list, a map or an object. */
static bool check_item(const spore_option *row, unsigned depth, struct err *err)
{
	const spore_option_item *item = row->item;
	struct option_table inner;

	if (!item || !item->size || item->type == SPORE_OPT_ENUM) {
		err_set(err, "an incomplete row");
		return false;
	}
	if (!size_of_type(item->type, item))
		return refuse_type(row, item->type, err);
	if (row->type != SPORE_OPT_OBJECT && item->size < size_of_type(item->type, item)) {
		err_set(err, "a row whose items are larger than their size says");
		return false;
	}
	inner = option_inner(row);
	if (!check_table(&inner, item->size, depth + 1, err))
		return false;
	if (item->size % alignment_of(item->type, item) == 0)
		return true;
	err_set(err, "\"%s\" has items of %u bytes, which are not aligned", row->name, item->size);
	return false;
}

static bool is_named_twice(const struct option_table *table, uint32_t i)
{
	return option_find(table, option_row(table, i)->name) != option_row(table, i);
}

/* The keys of an instance that the host reads itself. */
static bool is_hosts_key(const char *name)
{
	return strcmp(name, "use") == 0 || strcmp(name, "name") == 0 ||
	       strcmp(name, "on_error") == 0 || strcmp(name, "last_good_for") == 0;
}

static bool check_name(const spore_option *row, unsigned depth, struct err *err)
{
	char shown[96];

	if (depth == 0 && is_hosts_key(row->name)) {
		err_set(err, "a row has the name \"%s\", which is a key of the host", row->name);
		return false;
	}
	if (name_is_good(row->name))
		return true;
	text_escape(row->name, strlen(row->name), shown, sizeof shown);
	err_set(err, "a row has the name \"%s\": expected " NAME_GRAMMAR, shown);
	return false;
}

/* True if reading the default might read the operator's files or variables. */
static bool names_source(const spore_option *row, const struct json *node)
{
	if (row->type == SPORE_OPT_SECRET || option_may_be_file(row))
		return node->type == JSON_OBJECT;
	return (row->type == SPORE_OPT_LIST || row->type == SPORE_OPT_MAP) &&
	       (row->item->type == SPORE_OPT_SECRET || row->item->type == SPORE_OPT_OBJECT);
}

/* Reads the default as option_fill does when the operator does not set the option. */
static bool fits_type(const spore_option *row, struct json_doc *doc)
{
	union {
		spore_list list;
		spore_map map;
		spore_str str;
		spore_addr addr;
		spore_cidr cidr;
		spore_sha256 digest;
		const void *pointer;
		int64_t whole;
		double number;
	} field = { 0 };
	struct diag diag = { 0 };
	const struct option_scope scope = { doc, &diag, NULL, NULL, NULL };
	spore_option alone = *row;
	bool good;

	alone.offset = 0;
	good = option_fill(&scope, &(struct option_table){ &alone, 1, sizeof alone }, NULL, &field);
	diag_fini(&diag);
	return good;
}

static bool is_default_good(const spore_option *row)
{
	struct json_doc *doc = json_doc_new();
	struct json_source *source;
	struct json_error error;
	struct json *node;
	bool good;

	source = doc ? json_source_add(doc, row->name, row->dflt, strlen(row->dflt)) : NULL;
	node = source ? json_parse(doc, source, &error) : NULL;
	if (!node)
		good = false;
	else if (row->type == SPORE_OPT_OBJECT)
		good = node->type == JSON_OBJECT;
	else
		good = names_source(row, node) || fits_type(row, doc);
	json_doc_free(doc);
	return good;
}

static bool check_default(const spore_option *row, struct err *err)
{
	char type[256], expected[256], found[128];

	if (!row->dflt || is_default_good(row))
		return true;
	option_type_describe(row, type, sizeof type);
	text_printable(type, strlen(type), expected, sizeof expected);
	text_printable(row->dflt, strlen(row->dflt), found, sizeof found);
	err_set(err, "the default of \"%s\" is %s: expected JSON (%s)", row->name, found, expected);
	return false;
}

/* "a|b": no choice is empty. */
static bool are_choices_good(const char *choices)
{
	size_t len = strlen(choices);

	return len > 0 && choices[0] != '|' && choices[len - 1] != '|' && !strstr(choices, "||");
}

static bool has_item(const spore_option *row)
{
	return row->type == SPORE_OPT_LIST || row->type == SPORE_OPT_MAP ||
	       row->type == SPORE_OPT_OBJECT;
}

static bool check_row(const struct option_table *table, uint32_t i, size_t size, unsigned depth,
                      struct err *err)
{
	const spore_option *row = option_row(table, i);

	if (!row->name || !row->doc || (row->type == SPORE_OPT_ENUM && !row->choices)) {
		err_set(err, "an incomplete row");
		return false;
	}
	if (!check_name(row, depth, err))
		return false;
	if (row->type == SPORE_OPT_ENUM && !are_choices_good(row->choices)) {
		err_set(err, "\"%s\" has an empty choice", row->name);
		return false;
	}
	if (has_item(row) && !check_item(row, depth, err))
		return false;
	if (!size_of_type(row->type, row->item))
		return refuse_type(row, row->type, err);
	if (row->offset + size_of_type(row->type, row->item) > size) {
		err_set(err, "a row whose field lies outside its struct");
		return false;
	}
	if (row->offset % alignment_of(row->type, row->item) != 0) {
		err_set(err, "\"%s\" has the offset %u, which is not aligned", row->name,
		        row->offset);
		return false;
	}
	if (is_named_twice(table, i)) {
		err_set(err, "two rows of one name");
		return false;
	}
	return check_default(row, err);
}

static bool check_table(const struct option_table *table, size_t size, unsigned depth,
                        struct err *err)
{
	bool good = true;

	if (table->n && (!table->rows || table->stride < sizeof *table->rows)) {
		err_set(err, "an incomplete row");
		return false;
	}
	if (depth > MAX_DEPTH) {
		err_set(err, "more than %d levels, or a table that contains itself", MAX_DEPTH);
		return false;
	}
	for (uint32_t i = 0; i < table->n && good; i++)
		good = check_row(table, i, size, depth, err);
	return good;
}

bool rows_check(const struct option_table *table, size_t size, struct err *err)
{
	return check_table(table, size, 0, err);
}
