#include "config/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/command.h"
#include "config/config.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "json/parse.h"
#include "json/pointer.h"

/* A node that a shorthand needs and that nobody wrote. */
static struct json *make(struct placer *p, enum json_type type, const char *raw,
                         struct json_source *source)
{
	struct json *node = json_new(p->config->doc, type, raw, source);

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
	node = make(p, type, NULL, source);
	if (node)
		json_add(p->config->doc, object, key, node);
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

/* "[hmac]": the entry that uses it; "[0]": the first entry. Added if the section was empty. */
static struct json *get_or_add_entry(struct placer *p, struct json *array, const char *selector,
                                     struct json_source *source)
{
	bool by_index = strcmp(selector, "0") == 0;
	struct json *entry = by_index ? array->first : find_use(array, selector);
	struct json *use;

	if (entry)
		return entry;
	if (array->count > 0)
		return NULL;
	entry = make(p, JSON_OBJECT, NULL, source);
	use = by_index ? NULL : make(p, JSON_STRING, selector, source);
	if (!entry || (!use && !by_index))
		return NULL;
	json_add(p->config->doc, array, NULL, entry);
	if (use)
		json_add(p->config->doc, entry, "use", use);
	return entry;
}

/* One step of a target: "section" or "section[entry]" at *at_inout, which goes behind it. NULL if
 * the file's own shape leaves no room for it. */
static struct json *step(struct placer *p, struct json *object, struct json_source *source,
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

/* The object that holds the target's last part, which is *key_out (NULL: the target is an entry,
 * and this is it); NULL if the file's own shape leaves no room for it. */
static struct json *find_place(struct placer *p, const char *target, struct json_source *source,
                               const char **key_out)
{
	struct json *node = p->root;

	*key_out = target + 1;
	while (node && strpbrk(*key_out, "/["))
		node = step(p, node, source, key_out);
	*key_out = **key_out ? *key_out : NULL;
	return node;
}

/* Nothing but a missing entry is worth a word: a section of another shape gets its own. */
static void refuse_place(struct placer *p, const char *target, const struct json *node)
{
	const char *selector = strchr(target, '[');
	const struct json *array = p->root;
	char section[64], parts[64], *rest = parts, *part;

	if (!node || !selector)
		return;
	snprintf(section, sizeof section, "%.*s", (int)(selector - target - 1), target + 1);
	strcpy(parts, section);
	while ((part = strsep(&rest, "/")) != NULL)
		array = json_get(array, part);
	if (array && array->type == JSON_ARRAY)
		diag_add_key(
			p->diag, node,
			"expected an entry with \"use\": \"%.*s\" in \"%s\" for it, found none",
			(int)strcspn(selector + 1, "]"), selector + 1, section);
}

/* {"file": PATH} in place of the path. */
static struct json *file_object(struct placer *p, struct json *path)
{
	struct json *object = json_new(p->config->doc, JSON_OBJECT, NULL, path->source);

	if (!object)
		return NULL;
	object->offset = path->offset;
	object->end = path->end;
	object->written_as = path->written_as;
	json_add(p->config->doc, object, "file", path);
	return object;
}

/* An array of its parts in place of "a, b". */
static struct json *split_list(struct placer *p, const struct json *text)
{
	struct json *array = json_new(p->config->doc, JSON_ARRAY, NULL, text->source), *part;
	/* A string without escapes stands in its source as it is. */
	bool exact = text->end - text->offset == text->len + 1;

	for (const char *at = text->raw, *next; array && at; at = next) {
		size_t n = strcspn(at, ","), blanks = strspn(at, " ");

		next = at[n] ? at + n + 1 : NULL;
		at += blanks;
		n -= blanks;
		while (n > 0 && at[n - 1] == ' ')
			n--;
		part = json_new_text(p->config->doc, at, n, text->source);
		if (!part)
			return NULL;
		part->offset = text->offset + (exact ? 1 + (size_t)(at - text->raw) : 0);
		json_add(p->config->doc, array, NULL, part);
	}
	if (array)
		array->offset = text->offset;
	return array;
}

/* A list of secrets, unless the variable is bore's, which knows no lists. */
static const struct shorthand_list *list_of(const struct command_value *value)
{
	if (value->shorthand->type != SHORTHAND_SECRETS || !strchr(value->text, ',') ||
	    strncmp(value->origin, "BORE_", 5) == 0)
		return NULL;
	for (size_t i = 0; i < n_shorthand_lists; i++) {
		if (strcmp(shorthand_lists[i].target, value->shorthand->target) == 0)
			return &shorthand_lists[i];
	}
	return NULL;
}

/* {"KEY1": ..., "KEY2": ...} of a list with commas. */
static struct json *list_object(struct placer *p, const char *text, const char *key,
                                struct json_source *source)
{
	struct json *object = json_new(p->config->doc, JSON_OBJECT, NULL, source);
	char *copy = json_doc_alloc(p->config->doc, strlen(text) + 1), *part;

	if (!object || !copy)
		return NULL;
	strcpy(copy, text);
	while ((part = strsep(&copy, ",")) != NULL) {
		struct json *node = json_new(p->config->doc, JSON_STRING, part, source);
		char name[32];

		snprintf(name, sizeof name, "%s%zu", key, object->count + 1);
		if (node)
			json_add(p->config->doc, object, name, node);
	}
	p->config->secrets_in_list = object->count;
	return object;
}

/* A flag's or a variable's text as the node that it means; NULL: out of memory. */
static struct json *make_value(struct placer *p, const struct command_value *value,
                               const struct shorthand_list *list, struct json_source *source)
{
	const struct shorthand *s = value->shorthand;
	enum json_type type = JSON_STRING;
	struct json *node;
	uint64_t number;

	if (list)
		return list_object(p, value->text, list->key, source);
	/* A text that is no number stays text: the option's own check says what was expected. */
	if (s->type == SHORTHAND_NUMBER &&
	    text_to_uint(value->text, strlen(value->text), INT32_MAX, &number))
		type = JSON_NUMBER;
	if (s->type >= SHORTHAND_YES &&
	    (strcmp(value->text, "true") == 0 || strcmp(value->text, "1") == 0))
		type = JSON_BOOL;
	node = json_new(p->config->doc, type, value->text, source);
	if (node && type == JSON_BOOL)
		node->boolean = s->type == SHORTHAND_YES;
	if (node && s->type == SHORTHAND_FILE)
		return file_object(p, node);
	return node && s->type == SHORTHAND_LIST ? split_list(p, node) : node;
}

/* Puts it over what the file says. `twin`: another that means the same, with the same right, or
 * NULL. */
static void place_value(struct placer *p, const struct command_value *value,
                        const struct command_value *twin)
{
	const struct shorthand_list *list = list_of(value);
	const char *target = list ? list->list_target : value->shorthand->target, *key;
	struct json_source *source = json_source_add(p->config->doc, value->origin, NULL, 0);
	struct json *object, *node, *old;

	if (!source)
		return;
	node = make_value(p, value, list, source);
	object = find_place(p, target, source, &key);
	if (!object)
		refuse_place(p, target, node);
	if (object && !key) {
		if (node && node->type != JSON_BOOL)
			diag_add(p->diag, node, "expected true, found \"%s\"", value->text);
		return;
	}
	if (twin && node)
		diag_add(p->diag, node, "%s says the same thing: keep one", twin->origin);
	old = json_get(object, key);
	if (old)
		json_detach(old);
	if (node && object)
		json_add(p->config->doc, object, key, node);
}

/* One of n values that has this target; NULL: none. Bore's variables give way to all others. */
static const struct command_value *find_target(const struct command_value *values, size_t n,
                                               const char *target, bool ours_alone)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(values[i].shorthand->target, target) == 0 &&
		    !(ours_alone && strncmp(values[i].origin, "BORE_", 5) == 0))
			return &values[i];
	}
	return NULL;
}

static bool has_target(const struct command_value *values, size_t n, const char *target)
{
	return find_target(values, n, target, false) != NULL;
}

/* Other users can read a process's arguments. The text has been copied by now. */
static void hide_argument(struct placer *p, const struct command_value *value)
{
	if (value->shorthand->type != SHORTHAND_SECRET &&
	    value->shorthand->type != SHORTHAND_SECRETS)
		return;
	memset((char *)(uintptr_t)value->text, '*', strlen(value->text));
	p->config->secret_in_arguments = true;
}

/* Of those that mean the same, the last one alone, since it may go elsewhere than the others. */
void place_values(struct placer *p)
{
	const struct command *command = p->command;

	for (size_t i = 0; i < command->n_variables; i++) {
		const struct command_value *value = &command->variables[i];
		const char *target = value->shorthand->target;

		if (!has_target(value + 1, command->n_variables - i - 1, target) &&
		    !has_target(command->flags, command->n_flags, target))
			place_value(p, value, find_target(command->variables, i, target, true));
	}
	for (size_t i = 0; i < command->n_flags; i++) {
		const struct command_value *value = &command->flags[i];
		const char *target = value->shorthand->target;

		if (!has_target(value + 1, command->n_flags - i - 1, target))
			place_value(p, value, find_target(command->flags, i, target, true));
		hide_argument(p, value);
	}
}

/* A flat key whose target is an entry: true makes it. False is said for the reader alone, so it
 * must not be there for another reason. */
static void place_flat_entry(struct placer *p, struct json *node, const struct shorthand *s)
{
	bool wanted = node->type == JSON_BOOL && node->boolean;
	const char *key, *entry = strchr(s->target, '[') + 1;
	struct json *section;
	char section_name[32], use[32];

	snprintf(section_name, sizeof section_name, "%.*s", (int)strcspn(s->target + 1, "["),
	         s->target + 1);
	snprintf(use, sizeof use, "%.*s", (int)strcspn(entry, "]"), entry);
	p->from = node;
	section = json_get(p->root, section_name);
	if (node->type != JSON_BOOL)
		diag_add(p->diag, node, "expected true or false, found %s",
		         json_type_name(node->type));
	else if (!wanted && section && section->type == JSON_ARRAY && find_use(section, use))
		diag_add_key(p->diag, node,
		             "\"%s\" is false, but other keys ask for it: leave them out",
		             node->key);
	else if (wanted && !find_place(p, s->target, node->source, &key))
		diag_add_key(p->diag, node, "\"%s\" and /%s say one thing twice: keep one",
		             node->key, section_name);
	json_detach(node);
}

static void place_flat_entries(struct placer *p)
{
	struct json *next;

	for (struct json *node = p->root->first; node; node = next) {
		const struct shorthand *s = shorthand_find(p->config->role, node->key);

		next = node->next;
		if (s && s->type == SHORTHAND_ENTRY)
			place_flat_entry(p, node, s);
	}
}

/* Moves the seed's flat keys to where they mean. */
static void place_flat_keys(struct placer *p)
{
	struct json *next;

	for (struct json *node = p->root->first; node; node = next) {
		const struct shorthand *s = shorthand_find(p->config->role, node->key);
		struct json *object, *other;
		const char *key;
		char pointer[256];

		next = node->next;
		if (!s || s->type == SHORTHAND_NO || s->type == SHORTHAND_ENTRY)
			continue;
		if (has_target(p->command->variables, p->command->n_variables, s->target) ||
		    has_target(p->command->flags, p->command->n_flags, s->target)) {
			json_detach(node);
			continue;
		}
		p->from = node;
		object = find_place(p, s->target, node->source, &key);
		other = json_get(object, key);
		node->written_as = node->key;
		if (!object)
			refuse_place(p, s->target, node);
		if (other) {
			json_pointer(other, pointer, sizeof pointer);
			diag_add_key(p->diag, node, "\"%s\" and %s say one thing twice: keep one",
			             node->key, pointer);
		}
		json_detach(node);
		if (!object || other)
			continue;
		if (s->type == SHORTHAND_FILE)
			node = file_object(p, node);
		if (s->type == SHORTHAND_LIST && node->type == JSON_STRING)
			node = split_list(p, node);
		if (node)
			json_add(p->config->doc, object, key, node);
	}
	p->from = NULL;
}

void place_flat(struct placer *p)
{
	place_flat_keys(p);
	place_flat_entries(p);
}

void place_defaults(struct placer *p)
{
	for (size_t i = 0; i < n_default_sections; i++) {
		const struct default_section *d = &default_sections[i];
		struct json_source *source;
		struct json_error error;
		struct json *node;

		if (json_get(p->root, d->key))
			continue;
		source = json_source_add(p->config->doc, d->key, d->json, strlen(d->json));
		node = source ? json_parse(p->config->doc, source, &error) : NULL;
		if (!node)
			continue;
		source->text = NULL; /* the operator has no such line */
		json_add(p->config->doc, p->root, d->key, node);
	}
}
