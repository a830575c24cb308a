#include "option/option.h"

#include <spore/auth.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "log/log.h"
#include "option/list_file.h"
#include "option/value.h"
#include "option/value_describe.h"
#include "json/parse.h"

static bool fill_one(const struct option_scope *scope, const spore_option *row,
                     const struct json *node, void *out);

/* fallback: the object that has the values of keys which `object` lacks; NULL: none. */
static bool fill_object(const struct option_scope *scope, const struct option_table *table,
                        const struct json *object, const struct json *fallback, void *conf);

/* Fills an element of a list or map. A path in it must not be empty. fallback: as for
 * fill_object. */
static bool fill_item(const struct option_scope *scope, const spore_option *container_row,
                      const struct json *node, const struct json *fallback, void *out)
{
	const spore_option_item *item = container_row->item;
	bool is_path = container_row->flags & SPORE_OPTF_PATH;
	spore_option row = { .name = node->key,
		             .type = item->type,
		             .flags = (container_row->flags &
		                       (SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_HOST)) |
		                      (is_path ? SPORE_OPTF_NOT_EMPTY : 0),
		             .min = 1,
		             .max = item->type == SPORE_OPT_PORT ? 65535 : 0, /* 0: no bounds */
		             .item = item };

	if (fallback && node->type == JSON_OBJECT && !node->unknown) {
		struct option_table table = option_inner(container_row);
		struct option_scope inner = *scope;

		inner.ignore = NULL;
		return fill_object(&inner, &table, node, fallback, out);
	}
	return fill_one(scope, &row, node, out);
}

/* Reports a value that is not of the container's type. It may be a secret if the container holds
 * secrets. */
static bool check_container(const struct option_scope *scope, const struct json *node,
                            enum json_type type, bool of_secrets)
{
	char found[96];

	if (node->type == type)
		return true;
	if (of_secrets)
		json_mark_secret(scope->doc, node);
	diag_add(scope->diag, node, "expected %s, found %s", json_type_name(type),
	         of_secrets ? json_type_name(node->type)
	                    : value_describe(node, found, sizeof found));
	return false;
}

static bool check_count(const struct option_scope *scope, const spore_option *row,
                        const struct json *node)
{
	bool is_empty = node->count == 0 && row->flags & SPORE_OPTF_NOT_EMPTY;
	bool has_many = node->count > SPORE_AUTH_HOSTS_MAX && row->flags & SPORE_OPTF_HOST;

	if (is_empty)
		diag_add(scope->diag, node, "expected at least one element, found none");
	if (has_many)
		diag_add(scope->diag, node, "expected at most %d host names, found %zu",
		         SPORE_AUTH_HOSTS_MAX, node->count);
	return !is_empty && !has_many;
}

const struct json *option_fallback(const spore_option *row, const struct json *map)
{
	const struct json *all = NULL;

	if (row->type == SPORE_OPT_MAP && row->flags & SPORE_OPTF_INHERITS &&
	    row->item->type == SPORE_OPT_OBJECT && map && map->type == JSON_OBJECT)
		all = json_get(map, "*");
	return all && all->type == JSON_OBJECT ? all : NULL;
}

/* Fills the elements of a list or map. That of "*" comes first: if it has a mistake, the others do
 * not fall back to it, since they would only repeat the mistake. */
static bool fill_items(const struct option_scope *scope, const spore_option *row,
                       const struct json *container, const char **keys, char *items)
{
	const struct json *all = option_fallback(row, container), *fallback = NULL;
	bool good = true;
	size_t i = 0;

	for (const struct json *child = container->first; child; child = child->next, i++) {
		keys[i] = child->key;
		if (child != all)
			continue;
		good = fill_item(scope, row, child, NULL, items + i * row->item->size);
		fallback = good ? all : NULL;
	}
	i = 0;
	for (const struct json *child = container->first; child; child = child->next, i++) {
		if (child == all)
			continue;
		good = fill_item(scope, row, child, fallback, items + i * row->item->size) && good;
	}
	return good;
}

/* True if the option may be written as one element without brackets, and the value is neither a
 * list nor an object. A mistake in it is reported as one of an element, since most such lists have
 * only one. */
static bool is_lone(const spore_option *row, const struct json *node)
{
	return row->flags & OPTIONF_LONE && node->type != JSON_ARRAY && node->type != JSON_OBJECT;
}

static bool fill_lone(const struct option_scope *scope, const spore_option *row,
                      const struct json *node, spore_list *out)
{
	void *item = json_doc_alloc(scope->doc, row->item->size);

	*out = (spore_list){ item, item != NULL, row->item->size };
	return item && fill_item(scope, row, node, NULL, item);
}

/* The list or map that the value is, or that is in the file that it names. NULL: it has a mistake,
 * which was reported. */
static const struct json *checked_container(const struct option_scope *scope,
                                            const spore_option *row, const struct json *node)
{
	enum json_type type = row->type == SPORE_OPT_MAP ? JSON_OBJECT : JSON_ARRAY;

	if (node->type == JSON_OBJECT && option_may_be_file(row))
		node = list_file_read(scope, node);
	if (!node || !check_container(scope, node, type, row->item->type == SPORE_OPT_SECRET) ||
	    !check_count(scope, row, node))
		return NULL;
	return node;
}

static bool fill_container(const struct option_scope *scope, const spore_option *row,
                           const struct json *node, void *out)
{
	bool is_map = row->type == SPORE_OPT_MAP, good;
	const spore_option_item *item = row->item;
	const char **keys;
	char *items;

	if (is_lone(row, node))
		return fill_lone(scope, row, node, out);
	node = checked_container(scope, row, node);
	if (!node)
		return false;
	items = json_doc_alloc(scope->doc, node->count * item->size);
	keys = json_doc_alloc(scope->doc, (node->count + 1) * sizeof *keys); /* ends with NULL */
	if (!items || !keys)
		return false;
	good = fill_items(scope, row, node, keys, items);
	if (is_map)
		*(spore_map *)out = (spore_map){ keys, items, node->count, item->size };
	else
		*(spore_list *)out = (spore_list){ items, node->count, item->size };
	return good;
}

static bool fill_one(const struct option_scope *scope, const spore_option *row,
                     const struct json *node, void *out)
{
	struct option_scope inner = *scope;
	struct option_table table;

	inner.ignore = NULL;
	if (node->unknown) {
		if (row->type == SPORE_OPT_SECRET)
			json_mark_secret(scope->doc, node);
		return false;
	}
	if (row->type == SPORE_OPT_LIST || row->type == SPORE_OPT_MAP)
		return fill_container(&inner, row, node, out);
	if (row->type != SPORE_OPT_OBJECT)
		return value_read(scope, row, node, out);
	if (!check_container(scope, node, JSON_OBJECT, false))
		return false;
	table = option_inner(row);
	return option_fill(&inner, &table, node, out);
}

static bool is_ignored(const struct option_scope *scope, const char *key)
{
	for (const char *const *i = scope->ignore; i && *i; i++) {
		if (strcmp(*i, key) == 0)
			return true;
	}
	return false;
}

/* "a, b, c", cut to fit. */
static void join_names(const char *const *names, size_t n, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i ? ", " : "", names[i]);
	if (len >= size)
		memcpy(out + size - 4, "...", 4);
}

static bool has_secret(const spore_option *row)
{
	return row->type == SPORE_OPT_SECRET || (row->item && row->item->type == SPORE_OPT_SECRET);
}

static void refuse_unknown(const struct option_scope *scope, const struct option_table *table,
                           const struct json *member)
{
	enum { MOST = 128 };
	const char *names[MOST] = { NULL }, *meant;
	const spore_option *row;
	char known[512] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < table->n && n < MOST; i++)
		names[n++] = option_row(table, i)->name;
	for (const char *const *i = scope->ignore; i && *i && n < MOST; i++)
		names[n++] = *i;
	meant = text_suggest(member->key, names, n);
	row = meant ? option_find(table, meant) : NULL;
	if (row && has_secret(row))
		json_mark_secret(scope->doc, member);
	join_names(names, n, known, sizeof known);
	if (meant)
		diag_add_key(scope->diag, member, "unknown key \"%s\": did you mean \"%s\"?",
		             member->key, meant);
	else
		diag_add_key(scope->diag, member, "unknown key \"%s\": expected one of %s",
		             member->key, known);
}

static bool fill_inner_defaults(const struct option_scope *scope, const spore_option *row,
                                void *out)
{
	struct option_scope inner = { .doc = scope->doc,
		                      .diag = scope->diag,
		                      .folder = scope->folder };
	struct option_table table = option_inner(row);

	return option_fill(&inner, &table, NULL, out);
}

/* The default is JSON text and is read like the operator's value. */
static bool fill_default(const struct option_scope *scope, const spore_option *row, void *out)
{
	struct json_source *source;
	struct json_error error;
	struct json *node;
	char name[64];

	if (!row->dflt && row->type == SPORE_OPT_OBJECT)
		return fill_inner_defaults(scope, row, out);
	if (!row->dflt)
		return true;
	snprintf(name, sizeof name, "default of %s", row->name);
	source = json_source_add(scope->doc, name, row->dflt, strlen(row->dflt));
	node = source ? json_parse(scope->doc, source, &error) : NULL;
	if (!node) {
		diag_add(scope->diag, NULL, "the default of \"%s\" is not JSON: %s", row->name,
		         row->dflt);
		return false;
	}
	return fill_one(scope, row, node, out);
}

static bool refuse_unknown_keys(const struct option_scope *scope, const struct option_table *table,
                                const struct json *object)
{
	bool good = true;

	for (const struct json *i = object ? object->first : NULL; i; i = i->next) {
		if (is_ignored(scope, i->key) || option_find(table, i->key))
			continue;
		refuse_unknown(scope, table, i);
		good = false;
	}
	return good;
}

/* Checks the values that `node` replaces. A wrong one is a mistake, although it is not used. */
static bool check_overridden(const struct option_scope *scope, const spore_option *row,
                             const struct json *node)
{
	uint64_t unused[8];
	bool good = true;

	while ((node = node->overrides) != NULL)
		good = fill_one(scope, row, node, unused) && good;
	return good;
}

/* If the value has a mistake, the option gets its default. An object keeps what could be read. */
static bool fill_given(const struct option_scope *scope, const spore_option *row,
                       const struct json *node, void *out)
{
	bool good = check_overridden(scope, row, node);

	if (row->flags & SPORE_OPTF_DEPRECATED)
		log_warn("deprecated option", log_str("option", row->name),
		         log_str("doc", row->doc));
	if (fill_one(scope, row, node, out))
		return good;
	if (row->type != SPORE_OPT_OBJECT || node->type != JSON_OBJECT)
		fill_default(scope, row, out);
	return false;
}

/* fallback: as for fill_object. */
static bool fill_row(const struct option_scope *scope, const spore_option *row,
                     const struct json *object, const struct json *fallback, void *out)
{
	const struct json *node = json_get(object, row->name);

	if (!node)
		node = json_get(fallback, row->name);
	if (node)
		return fill_given(scope, row, node, out);
	/* A key is required only if the object that should contain it is there. */
	if (!object || !(row->flags & SPORE_OPTF_REQUIRED))
		return fill_default(scope, row, out);
	diag_add(scope->diag, object, "expected the key \"%s\" (%s), found none", row->name,
	         row->doc);
	return false;
}

static bool fill_object(const struct option_scope *scope, const struct option_table *table,
                        const struct json *object, const struct json *fallback, void *conf)
{
	bool good = refuse_unknown_keys(scope, table, object);

	for (uint32_t i = 0; i < table->n; i++) {
		const spore_option *row = option_row(table, i);

		good = fill_row(scope, row, object, fallback, (char *)conf + row->offset) && good;
	}
	return good;
}

bool option_fill(const struct option_scope *scope, const struct option_table *table,
                 const struct json *object, void *conf)
{
	return fill_object(scope, table, object, NULL, conf);
}
