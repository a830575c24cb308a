#include "config/effective.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "option/option.h"
#include "option/value_text.h"

enum { POINTER_SIZE = 1024, SOURCE_SIZE = 512 };

/* ---- places ---- */

/* Writes "POINTER/KEY" with the key escaped as in RFC 6901, and printable. */
static void join_pointer(const char *pointer, const char *key, char out[POINTER_SIZE])
{
	char token[POINTER_SIZE / 2], shown[POINTER_SIZE / 2];
	size_t n = 0;

	for (; *key && n + 3 < sizeof token; key++) {
		if (*key == '~' || *key == '/') {
			token[n++] = '~';
			token[n++] = *key == '~' ? '0' : '1';
		} else {
			token[n++] = *key;
		}
	}
	text_printable(token, n, shown, sizeof shown);
	snprintf(out, POINTER_SIZE, "%.*s/%s", POINTER_SIZE / 2 - 1, pointer, shown);
}

/* Counts on from the position of the last call, if that is in the same source and above. */
static unsigned line_of(struct effective *effective, const struct json *node)
{
	const struct json_source *source = node->source;

	if (effective->counted != source || effective->counted_to > node->offset) {
		effective->counted = source;
		effective->counted_to = 0;
		effective->line = 1;
	}
	for (; effective->counted_to < node->offset && effective->counted_to < source->len;
	     effective->counted_to++)
		effective->line += source->text[effective->counted_to] == '\n';
	return effective->line;
}

static const char derived[] = "derived", by_default[] = "default";

/* Without a text, a source is a flag "--port", a variable "SPORE_PORT", or the default content of a
 * section "transport". */
static void describe_source(struct effective *effective, const struct json *node,
                            char out[SOURCE_SIZE])
{
	const struct json_source *source = node ? node->source : NULL;
	char name[SOURCE_SIZE - 32];

	if (source)
		text_printable(source->name, strlen(source->name), name, sizeof name);
	snprintf(out, SOURCE_SIZE, "%s", by_default);
	if (!source)
		return;
	if (source->text)
		snprintf(out, SOURCE_SIZE, "%s:%u", name, line_of(effective, node));
	else if (name[0] == '-')
		snprintf(out, SOURCE_SIZE, "flag %s", name);
	else if (isupper((unsigned char)name[0]))
		snprintf(out, SOURCE_SIZE, "variable %s", name);
}

/* ---- values ---- */

/* The place of the next value, which is not counted yet. NULL: out of memory. */
static struct effective_value *make_room(struct effective *effective)
{
	size_t room = effective->room ? 2 * effective->room : 64;
	struct effective_value *more;

	if (effective->n == effective->room) {
		more = realloc(effective->items, room * sizeof *more);
		if (!more)
			return NULL;
		effective->items = more;
		effective->room = room;
	}
	return &effective->items[effective->n];
}

/* A value that is being written. */
struct entry {
	bool is_unset;
	struct value_text text;
	char *value;
	size_t size;
};

static bool begin_entry(struct effective *effective, struct entry *entry)
{
	*entry = (struct entry){ .value = NULL };
	entry->text.out = open_memstream(&entry->value, &entry->size);
	effective->failed = effective->failed || !entry->text.out;
	return entry->text.out != NULL;
}

static void end_entry(struct effective *effective, struct entry *entry, const char *pointer,
                      const char *source, enum option_change change)
{
	bool written = fclose(entry->text.out) == 0;
	struct effective_value *item = make_room(effective);
	struct effective_value made = { .change = change,
		                        .is_derived = strcmp(source, derived) == 0,
		                        .is_default = strcmp(source, by_default) == 0,
		                        .is_unset = entry->is_unset };

	made.pointer = strdup(pointer);
	made.source = strdup(source);
	made.value = entry->value;
	if (!item || !written || !made.pointer || !made.source) {
		effective->failed = true;
		free(made.pointer);
		free(made.source);
		free(made.value);
		return;
	}
	memcpy(made.digest, entry->text.digest, sizeof made.digest);
	*item = made;
	effective->n++;
}

void effective_add_text(struct effective *effective, const char *pointer, const char *key,
                        const char *text, const struct json *node, enum option_change change)
{
	char full[POINTER_SIZE], source[SOURCE_SIZE];
	struct entry entry;

	join_pointer(pointer, key, full);
	describe_source(effective, node, source);
	if (!begin_entry(effective, &entry))
		return;
	value_text_string(&entry.text, text);
	entry.is_unset = !text;
	end_entry(effective, &entry, full, source, change);
}

void effective_add_use(struct effective *effective, const char *pointer, const char *use,
                       const struct json *node, enum option_change change)
{
	size_t n = effective->n;

	effective_add_text(effective, pointer, "use", use, node, change);
	if (effective->n == n)
		return;
	effective->items[n].is_use = true;
	effective->items[n].is_default = false;
}

void effective_add_empty(struct effective *effective, const char *pointer, const struct json *node,
                         enum option_change change)
{
	char source[SOURCE_SIZE];
	struct entry entry;

	describe_source(effective, node, source);
	if (!begin_entry(effective, &entry))
		return;
	fputs(node ? "[]" : "null", entry.text.out);
	entry.is_unset = !node;
	end_entry(effective, &entry, pointer, source, change);
}

/* ---- tables ---- */

/* Adds the value or values of the option `row` from its field. node: where the value comes from, or
 * NULL. fallback: if the value is an object, where its absent members come from; or NULL. */
static void add_field(struct effective *effective, const struct effective_part *part,
                      const spore_option *row, const struct json *node, const struct json *fallback,
                      const char *pointer, const void *field);

static const struct json *children_of(const struct json *node, enum json_type type)
{
	return node && node->type == type ? node->first : NULL;
}

static void add_empty(struct effective *effective, const struct effective_part *part,
                      const char *text, const struct json *node, const char *pointer)
{
	char source[SOURCE_SIZE];
	struct entry entry;

	describe_source(effective, node, source);
	if (!begin_entry(effective, &entry))
		return;
	fputs(text, entry.text.out);
	entry.is_unset = true;
	end_entry(effective, &entry, pointer, source, part->change);
}

static void add_object(struct effective *effective, const struct effective_part *part,
                       const spore_option_item *item, const struct json *node,
                       const struct json *fallback, const char *pointer, const void *field)
{
	struct option_table table = { item->options, item->n_options, item->option_size };
	struct effective_part inner = *part;

	inner.table = &table;
	inner.object = node;
	inner.fallback = fallback;
	inner.conf = field;
	inner.pointer = pointer;
	effective_add(effective, &inner);
}

/* Adds an entry for each element of a list of objects (keys is NULL) or of a map. */
static void add_elements(struct effective *effective, const struct effective_part *part,
                         const spore_option *row, const struct json *node, const char *pointer,
                         const spore_list *list, const char *const *keys)
{
	const struct json *child = children_of(node, keys ? JSON_OBJECT : JSON_ARRAY);
	const struct json *fallback = option_fallback(row, node);
	const spore_option item = {
		.type = row->item->type, .min = 1, .max = 0, .item = row->item
	};
	char full[POINTER_SIZE], index[24];

	if (list->count == 0)
		add_empty(effective, part, keys ? "{}" : "[]", node, pointer);
	for (size_t i = 0; i < list->count; i++, child = child ? child->next : NULL) {
		snprintf(index, sizeof index, "%zu", i);
		join_pointer(pointer, keys ? keys[i] : index, full);
		add_field(effective, part, &item, child, fallback, full,
		          (const char *)list->items + i * list->stride);
	}
}

/* Is this how a field of zeros is written? */
static bool is_empty(const char *value)
{
	static const char *const empty[] = { "null", "0", "\"0\"", "\"\"", "[]", "false" };

	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
		if (strcmp(value, empty[i]) == 0)
			return true;
	}
	return false;
}

/* The option has neither a value nor a default, and the zero in its field could not be a value: it
 * means that nothing was given. */
static bool is_unset(const spore_option *row, const struct json *node, const void *field)
{
	const int64_t *number = field;
	const spore_list *ports = field;
	bool excludes_zero;

	if (node || row->dflt)
		return false;
	if (row->type == SPORE_OPT_PORTS)
		return ports->count == 0;
	excludes_zero = option_has_bounds(row) && (row->min > 0 || row->max < 0);
	return excludes_zero && *number == 0;
}

static void add_plain(struct effective *effective, const struct effective_part *part,
                      const spore_option *row, const struct json *node, const char *pointer,
                      const void *field)
{
	bool is_given = node || row->dflt, is_derived;
	char source[SOURCE_SIZE];
	struct entry entry;

	if (is_unset(row, node, field)) {
		add_empty(effective, part, "null", node, pointer);
		return;
	}
	if (!begin_entry(effective, &entry))
		return;
	value_text_write(&entry.text, row, field);
	fflush(entry.text.out);
	describe_source(effective, node, source);
	/* A value that no source and no default gave is computed from others. */
	is_derived = !is_given && !is_empty(entry.value);
	entry.is_unset = !is_given && !is_derived;
	end_entry(effective, &entry, pointer, is_derived ? derived : source, part->change);
}

static void add_field(struct effective *effective, const struct effective_part *part,
                      const spore_option *row, const struct json *node, const struct json *fallback,
                      const char *pointer, const void *field)
{
	const spore_map *map = field;
	bool is_list_of_objects = row->type == SPORE_OPT_LIST &&
	                          row->item->type == SPORE_OPT_OBJECT;

	if (row->type == SPORE_OPT_OBJECT)
		add_object(effective, part, row->item, node, fallback, pointer, field);
	else if (is_list_of_objects)
		add_elements(effective, part, row, node, pointer, field, NULL);
	else if (row->type == SPORE_OPT_MAP)
		add_elements(effective, part, row, node, pointer,
		             &(spore_list){ map->items, map->count, map->stride },
		             map->keys ? map->keys : &(const char *){ NULL });
	else if (row->type == SPORE_OPT_NODE && part->on_node)
		part->on_node(effective, pointer, node, part->change, part->arg);
	else
		add_plain(effective, part, row, node, pointer, field);
}

void effective_add(struct effective *effective, const struct effective_part *part)
{
	for (uint32_t i = 0; i < part->table->n; i++) {
		const spore_option *row = option_row(part->table, i);
		const struct json *node = json_get(part->object, row->name);
		struct effective_part own = *part;
		char pointer[POINTER_SIZE];

		if (row->flags & OPTIONF_MOVED)
			continue;
		if (!node)
			node = json_get(part->fallback, row->name);
		own.change = option_change_of(row, part->change);
		join_pointer(part->pointer, row->name, pointer);
		add_field(effective, &own, row, node, NULL, pointer,
		          (const char *)part->conf + row->offset);
	}
}

static void free_value(struct effective_value *value)
{
	free(value->pointer);
	free(value->value);
	free(value->source);
	crypto_wipe(value, sizeof *value);
}

void effective_keep(struct effective *effective, enum option_change change)
{
	size_t kept = 0;

	for (size_t i = 0; i < effective->n; i++) {
		if (effective->items[i].change == change)
			effective->items[kept++] = effective->items[i];
		else
			free_value(&effective->items[i]);
	}
	effective->n = kept;
}

static void put_value(struct effective *effective, struct effective_value *value,
                      const struct effective_value *other)
{
	char *text = strdup(other->value), *source = strdup(other->source);

	if (!text || !source) {
		effective->failed = true;
		free(text);
		free(source);
		return;
	}
	free(value->value);
	free(value->source);
	value->value = text;
	value->source = source;
	value->is_default = other->is_default;
	value->is_unset = other->is_unset;
	memcpy(value->digest, other->digest, sizeof value->digest);
}

void effective_put(struct effective *effective, const struct effective *other)
{
	for (size_t i = 0; i < effective->n; i++) {
		struct effective_value *value = &effective->items[i];

		for (size_t k = 0; k < other->n; k++) {
			if (strcmp(value->pointer, other->items[k].pointer) == 0)
				put_value(effective, value, &other->items[k]);
		}
	}
}

void effective_fini(struct effective *effective)
{
	for (size_t i = 0; i < effective->n; i++)
		free_value(&effective->items[i]);
	free(effective->items);
	*effective = (struct effective){ 0 };
}
