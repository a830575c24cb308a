#include "config/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "config/command.h"
#include "diag/diag.h"
#include "expand/ports.h"
#include "json/parse.h"
#include "json/pointer.h"

/* Makes a node that a shorthand needs and that the operator did not write. */
static struct json *make_node(struct placer *p, enum json_type type, const char *raw,
                              struct json_source *source)
{
	struct json *node = json_new(p->doc, type, raw, source);

	if (node && p->from) {
		node->offset = p->from->offset;
		node->end = p->from->end;
	}
	return node;
}

static struct json *get_or_add(struct placer *p, struct json *object, const char *key,
                               enum json_type type, struct json_source *source)
{
	struct json *node = json_get(object, key);

	if (node)
		return node;
	node = make_node(p, type, NULL, source);
	if (node)
		json_add(p->doc, object, key, node);
	return node;
}

static struct json *find_use(const struct json *array, const char *use)
{
	for (struct json *i = array->first; i; i = i->next) {
		const struct json *u = json_get(i, "use");

		if (u && u->type == JSON_STRING && strcmp(u->raw, use) == 0)
			return i;
	}
	return NULL;
}

/* The entry that the selector names: "hmac" is the entry with this "use", "0" is the only entry. If
 * the section is empty, an entry is added. NULL: there is no such entry, or memory is exhausted. */
static struct json *get_or_add_entry(struct placer *p, struct json *array, const char *selector,
                                     struct json_source *source)
{
	bool by_index = strcmp(selector, "0") == 0;
	struct json *entry = by_index ? array->first : find_use(array, selector);
	struct json *use;

	if (by_index && array->count > 1)
		return NULL; /* the selector does not say which one */
	if (entry)
		return entry;
	if (array->count > 0)
		return NULL;
	entry = make_node(p, JSON_OBJECT, NULL, source);
	if (entry && !by_index) {
		use = make_node(p, JSON_STRING, selector, source);
		if (!use)
			return NULL;
		json_add(p->doc, entry, "use", use);
	}
	if (entry)
		json_add(p->doc, array, NULL, entry);
	return entry;
}

/* Follows one step of a target, "section" or "section[entry]", and moves *at_inout past it. NULL:
 * the file has a value of another type there. */
static struct json *follow_step(struct placer *p, struct json *object, struct json_source *source,
                                const char **at_inout)
{
	char section[32], selector[32];
	const char *at = *at_inout;
	size_t n = strcspn(at, "/[");
	bool entry = at[n] == '[';
	enum json_type type = entry ? JSON_ARRAY : JSON_OBJECT;
	struct json *node;

	snprintf(section, sizeof section, "%.*s", (int)n, at);
	at += n;
	node = get_or_add(p, object, section, type, source);
	if (!node || node->type != type)
		return NULL;
	if (entry) {
		n = strcspn(at, "]");
		snprintf(selector, sizeof selector, "%.*s", (int)n - 1, at + 1);
		at += n + 1;
		node = get_or_add_entry(p, node, selector, source);
	}
	*at_inout = *at ? at + 1 : at;
	return node && node->type == JSON_OBJECT ? node : NULL;
}

/* The object that holds the last part of the target, which is *key_out. If the target is an entry,
 * returns the entry, and *key_out is NULL. NULL: the file has a value of another type there. */
static struct json *find_place(struct placer *p, const char *target, struct json_source *source,
                               const char **key_out)
{
	struct json *node = json_doc_root(p->doc);

	*key_out = target + 1;
	while (node && strpbrk(*key_out, "/["))
		node = follow_step(p, node, source, key_out);
	*key_out = **key_out ? *key_out : NULL;
	return node;
}

/* Reports a missing entry. A section of the wrong type is reported by its own check. */
static void refuse_place(struct placer *p, const char *target, const struct json *node)
{
	const char *selector = strchr(target, '[');
	const struct json *array = json_doc_root(p->doc);
	char section[64], parts[64], *rest = parts, *part;

	if (!node || !selector)
		return;
	snprintf(section, sizeof section, "%.*s", (int)(selector - target - 1), target + 1);
	strcpy(parts, section);
	while ((part = strsep(&rest, "/")) != NULL)
		array = json_get(array, part);
	if (!array || array->type != JSON_ARRAY)
		return;
	if (selector[1] == '0')
		diag_add_key(p->diag, node,
		             "expected one entry in \"%s\", which this would set, found %zu: "
		             "write it into an entry",
		             section, array->count);
	else
		diag_add_key(p->diag, node,
		             "expected an entry with \"use\": \"%.*s\" in \"%s\" for this key, "
		             "found none",
		             (int)strcspn(selector + 1, "]"), selector + 1, section);
}

/* Wraps a path: {"file": PATH}. */
static struct json *make_file_object(struct placer *p, struct json *path)
{
	struct json *object = json_new(p->doc, JSON_OBJECT, NULL, path->source);

	if (!object)
		return NULL;
	object->offset = path->offset;
	object->end = path->end;
	object->written_as = path->written_as;
	json_add(p->doc, object, "file", path);
	return object;
}

/* Makes an array of the strings in "a, b". */
static struct json *split_list(struct placer *p, const struct json *text)
{
	struct json *array = json_new(p->doc, JSON_ARRAY, NULL, text->source), *part;
	/* True if the string has no escapes. Then it has the same bytes in its source, so each
	 * part gets a position of its own. */
	bool exact = text->end - text->offset == text->len + 1;

	for (const char *at = text->raw, *next; array && at; at = next) {
		size_t n = strcspn(at, ","), blanks = strspn(at, " ");

		next = at[n] ? at + n + 1 : NULL;
		at += blanks;
		n -= blanks;
		while (n > 0 && at[n - 1] == ' ')
			n--;
		part = json_new_text(p->doc, at, n, text->source);
		if (!part)
			return NULL;
		part->offset = text->offset + (exact ? 1 + (size_t)(at - text->raw) : 0);
		json_add(p->doc, array, NULL, part);
	}
	if (array)
		array->offset = text->offset;
	return array;
}

static bool is_of_bore(const struct command_value *value)
{
	return strncmp(value->origin, "BORE_", 5) == 0;
}

/* The row that makes a list of a value with commas; NULL: the value is not split. bore has no
 * lists, so the value of a BORE_ variable is never split. */
static const struct shorthand_list *find_list(const struct command_value *value)
{
	if (value->shorthand->type != SHORTHAND_SECRETS || !strchr(value->text, ',') ||
	    is_of_bore(value))
		return NULL;
	for (size_t i = 0; i < n_shorthand_lists; i++) {
		if (strcmp(shorthand_lists[i].target, value->shorthand->target) == 0)
			return &shorthand_lists[i];
	}
	return NULL;
}

/* Makes {"KEY1": ..., "KEY2": ...} of a text with commas. */
static struct json *make_list_object(struct placer *p, const char *text, const char *key,
                                     struct json_source *source)
{
	struct json *object = json_new(p->doc, JSON_OBJECT, NULL, source);
	char *copy = json_doc_alloc(p->doc, strlen(text) + 1), *part;

	if (!object || !copy)
		return NULL;
	strcpy(copy, text);
	while ((part = strsep(&copy, ",")) != NULL) {
		struct json *node = json_new(p->doc, JSON_STRING, part, source);
		char name[32];

		snprintf(name, sizeof name, "%s%zu", key, object->count + 1);
		if (node)
			json_add(p->doc, object, name, node);
	}
	p->secrets_in_list = object->count;
	return object;
}

/* False: the text means neither true nor false. */
static bool read_bool(const char *text, bool *value_out)
{
	static const struct {
		const char *no, *yes;
	} words[] = { { "false", "true" }, { "0", "1" }, { "no", "yes" }, { "off", "on" } };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		*value_out = strcasecmp(text, words[i].yes) == 0;
		if (*value_out || strcasecmp(text, words[i].no) == 0)
			return true;
	}
	return false;
}

static bool is_list_text(const struct shorthand *s, const struct json *node)
{
	if (!node || node->type != JSON_STRING)
		return false;
	return s->type == SHORTHAND_LIST || (s->type == SHORTHAND_TEXTS && strchr(node->raw, ','));
}

/* The node for the text of a flag or variable; NULL: out of memory. */
static struct json *make_value(struct placer *p, const struct command_value *value,
                               const struct shorthand_list *list, struct json_source *source)
{
	const struct shorthand *s = value->shorthand;
	enum json_type type = JSON_STRING;
	struct json *node;
	uint64_t number;
	bool truth = false;

	if (list)
		return make_list_object(p, value->text, list->key, source);
	/* If the text is not a number or boolean, the node stays a string. The check of the option
	 * reports it. */
	if (s->type == SHORTHAND_NUMBER &&
	    text_to_uint(value->text, strlen(value->text), INT32_MAX, &number))
		type = JSON_NUMBER;
	if (s->type >= SHORTHAND_YES && read_bool(value->text, &truth))
		type = JSON_BOOL;
	node = json_new(p->doc, type, value->text, source);
	if (node && type == JSON_BOOL)
		node->boolean = truth == (s->type != SHORTHAND_NO);
	if (node && s->type == SHORTHAND_FILE)
		return make_file_object(p, node);
	return is_list_text(s, node) ? split_list(p, node) : node;
}

/* The old value has no effect any more, but it is still checked, and messages name its place. */
static void override_value(struct json *node, struct json *old)
{
	node->overrides = old;
	if (old)
		old->parent = node->parent;
}

/* The flat key that a list replaces, as an object like the one made of the list. So it is checked
 * like the elements of the list. NULL: the file has no such key. */
static struct json *wrap_replaced(struct placer *p)
{
	struct json *object = p->replaced ? json_new(p->doc, JSON_OBJECT, NULL, p->replaced->source)
	                                  : NULL;

	if (object)
		json_add(p->doc, object, p->replaced_key, p->replaced);
	return object;
}

/* Splits a target such as "/transport[tls]" into the name of the section and the "use" of the
 * entry. Returns the section. */
static struct json *find_section(const struct placer *p, const char *target, char use_out[32],
                                 char name_out[32])
{
	const char *selector = strchr(target, '[');

	snprintf(name_out, 32, "%.*s", (int)(selector - target - 1), target + 1);
	snprintf(use_out, 32, "%.*s", (int)strcspn(selector + 1, "]"), selector + 1);
	return json_get(json_doc_root(p->doc), name_out);
}

static bool has_entry(const struct placer *p, const char *target)
{
	char use[32], name[32];
	const struct json *section = find_section(p, target, use, name);

	return section && section->type == JSON_ARRAY && find_use(section, use);
}

/* A value true adds the entry. A value false does not remove an entry of the file. */
static void place_entry(struct placer *p, const struct json *node,
                        const struct command_value *value)
{
	const char *target = value->shorthand->target, *key;

	if (node->type != JSON_BOOL)
		diag_add(p->diag, node, "expected true or false, found \"%s\"", value->text);
	else if (node->boolean && !find_place(p, target, node->source, &key))
		refuse_place(p, target, node);
	else if (!node->boolean && has_entry(p, target))
		diag_add(p->diag, node, "expected true, since the file has %s, found \"%s\"",
		         target, value->text);
}

/* Places a value in the tree and replaces what the file has there. `twin`: another value of the
 * same precedence for the same target, which is a mistake; or NULL. */
static void place_value(struct placer *p, const struct command_value *value,
                        const struct command_value *twin)
{
	const struct shorthand_list *list = find_list(value);
	const char *target = list ? list->list_target : value->shorthand->target, *key;
	struct json_source *source = json_source_add(p->doc, value->origin, NULL, 0);
	struct json *object, *node, *old;

	if (!source)
		return;
	node = make_value(p, value, list, source);
	if (node && value->shorthand->type == SHORTHAND_ENTRY) {
		place_entry(p, node, value);
		return;
	}
	object = find_place(p, target, source, &key);
	if (!object)
		refuse_place(p, target, node);
	if (twin && node)
		diag_add(p->diag, node, "conflicts with %s: keep one", twin->origin);
	old = json_get(object, key);
	if (old)
		json_detach(old);
	if (node && object) {
		json_add(p->doc, object, key, node);
		/* A list replaces a value that was at another place. */
		override_value(node, list ? wrap_replaced(p) : old);
	}
}

/* The first of n values for this target, or NULL. `ours_alone`: skips BORE_ variables, which any
 * other value overrides. */
static const struct command_value *find_target(const struct command_value *values, size_t n,
                                               const char *target, bool ours_alone)
{
	for (size_t i = 0; i < n; i++) {
		if (ours_alone && is_of_bore(&values[i]))
			continue;
		if (strcmp(values[i].shorthand->target, target) == 0)
			return &values[i];
	}
	return NULL;
}

static bool has_target(const struct command_value *values, size_t n, const char *target)
{
	return find_target(values, n, target, false) != NULL;
}

/* Wipes a secret from the arguments, which other users can read. Its text has been copied. */
static void wipe_argument(struct placer *p, const struct command_value *value)
{
	if (value->shorthand->type != SHORTHAND_SECRET &&
	    value->shorthand->type != SHORTHAND_SECRETS)
		return;
	memset((char *)(uintptr_t)value->text, '*', strlen(value->text));
	p->secret_in_arguments = true;
}

/* True: at most one of the two may be placed. A list goes to another place than a single value, so
 * neither would override the other. */
static bool excludes(const struct command_value *a, const struct command_value *b)
{
	return a && b && (find_list(a) || find_list(b));
}

/* Places the local ports after the first one, which is placed already. */
static void place_more_ports(struct placer *p, bool has_tunnels)
{
	const struct command *command = p->command;
	size_t n = port_spans_count(command->spans, command->n_spans);
	struct json *tunnels = json_get(json_doc_root(p->doc), "tunnels");

	if (n <= 1 || !tunnels || tunnels->type != JSON_ARRAY)
		return;
	if (has_tunnels)
		diag_add(p->diag, tunnels->first,
		         "expected at most one local port on the command line together with these "
		         "tunnels, found %zu",
		         n);
	else
		port_spans_expand(p->doc, tunnels, command->spans, command->n_spans, p->diag);
}

/* If several values of one precedence have the same target, places the last one; an earlier one is
 * its twin. Flags come after variables, so that a value that a flag overrides is checked, too. */
void place_values(struct placer *p)
{
	const struct command *command = p->command;
	bool has_tunnels = json_get(json_doc_root(p->doc), "tunnels") != NULL;

	for (size_t i = 0; i < command->n_variables; i++) {
		const struct command_value *value = &command->variables[i];
		const char *target = value->shorthand->target;

		if (!has_target(value + 1, command->n_variables - i - 1, target) &&
		    !excludes(value, find_target(command->flags, command->n_flags, target, false)))
			place_value(p, value, find_target(command->variables, i, target, true));
	}
	for (size_t i = 0; i < command->n_flags; i++) {
		const struct command_value *value = &command->flags[i];
		const char *target = value->shorthand->target;

		if (!has_target(value + 1, command->n_flags - i - 1, target))
			place_value(p, value, find_target(command->flags, i, target, true));
		wipe_argument(p, value);
	}
	place_more_ports(p, has_tunnels);
}

/* A flat key whose target is an entry: true adds the entry; false is an error if the section has
 * such an entry. */
static void place_flat_entry(struct placer *p, struct json *node, const struct shorthand *s)
{
	bool wanted = node->type == JSON_BOOL && node->boolean;
	char section_name[32], use[32];
	const char *key;

	find_section(p, s->target, use, section_name);
	p->from = node;
	if (node->type != JSON_BOOL)
		diag_add(p->diag, node, "expected true or false, found %s",
		         json_type_name(node->type));
	else if (!wanted && has_entry(p, s->target))
		diag_add_key(p->diag, node, "\"%s\" is false, but other keys need it: remove them",
		             node->key);
	else if (wanted && !find_place(p, s->target, node->source, &key))
		diag_add_key(p->diag, node, "\"%s\" conflicts with /%s: keep one", node->key,
		             section_name);
	json_detach(node);
}

static void place_flat_entries(struct placer *p)
{
	struct json *next;

	for (struct json *node = json_doc_root(p->doc)->first; node; node = next) {
		const struct shorthand *s = shorthand_find(p->role, node->key);

		next = node->next;
		if (s && s->type == SHORTHAND_ENTRY)
			place_flat_entry(p, node, s);
	}
}

/* Does a flag or a variable give a list in place of this key of the file? The list has another
 * place, so the key must be removed from its own. */
static bool is_replaced(const struct placer *p, const struct shorthand *s)
{
	const struct command *command = p->command;
	const struct command_value *value = find_target(command->flags, command->n_flags, s->target,
	                                                false);

	for (size_t i = 0; !value && i < command->n_variables; i++) {
		if (strcmp(command->variables[i].shorthand->target, s->target) == 0)
			value = &command->variables[i];
	}
	return value && find_list(value);
}

/* Removes the key, and keeps it to be checked with the list that replaces it. */
static void keep_replaced(struct placer *p, struct json *node, const struct shorthand *s)
{
	node->written_as = node->key;
	json_detach(node);
	p->replaced = s->type == SHORTHAND_FILE ? make_file_object(p, node) : node;
	p->replaced_key = node->written_as;
}

/* Moves a flat key to its place, unless there is a value already. */
static void place_flat_key(struct placer *p, struct json *node, const struct shorthand *s)
{
	struct json *object, *other;
	const char *key;
	char pointer[256];

	p->from = node;
	object = find_place(p, s->target, node->source, &key);
	other = json_get(object, key);
	node->written_as = node->key;
	if (!object)
		refuse_place(p, s->target, node);
	if (other) {
		json_pointer(other, pointer, sizeof pointer);
		diag_add_key(p->diag, node, "\"%s\" conflicts with %s: keep one", node->key,
		             pointer);
	}
	json_detach(node);
	if (!object || other)
		return;
	if (s->type == SHORTHAND_FILE)
		node = make_file_object(p, node);
	else if (is_list_text(s, node))
		node = split_list(p, node);
	if (node)
		json_add(p->doc, object, key, node);
}

static void place_flat_keys(struct placer *p)
{
	struct json *next;

	for (struct json *node = json_doc_root(p->doc)->first; node; node = next) {
		const struct shorthand *s = shorthand_find(p->role, node->key);

		next = node->next;
		if (!s || s->type == SHORTHAND_NO || s->type == SHORTHAND_ENTRY)
			continue;
		if (is_replaced(p, s))
			keep_replaced(p, node, s);
		else
			place_flat_key(p, node, s);
	}
}

void place_flat(struct placer *p)
{
	place_flat_keys(p);
	/* Only now it is known which entries the keys need. */
	place_flat_entries(p);
	p->from = NULL;
}

void place_defaults(struct placer *p)
{
	for (size_t i = 0; i < n_default_sections; i++) {
		const struct default_section *d = &default_sections[i];
		struct json_source *source;
		struct json_error error;
		struct json *node;

		if (json_get(json_doc_root(p->doc), d->key))
			continue;
		source = json_source_add(p->doc, d->key, d->json, strlen(d->json));
		node = source ? json_parse(p->doc, source, &error) : NULL;
		if (!node)
			continue;
		source->text = NULL; /* so that no message quotes what the operator did not write */
		json_add(p->doc, json_doc_root(p->doc), d->key, node);
	}
}
