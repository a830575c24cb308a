#include "expand/entry.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag/diag.h"
#include "json/json.h"

enum { URL, PASSWORD, N_KEYS = 3 };
enum { NAME_SIZE = 96 };

struct expansion {
	struct json_doc *doc;
	const struct entry_keys *keys;
	struct diag *diag;
	struct json *section;
};

static struct json *get_key(const struct expansion *e, size_t at)
{
	return json_get(e->section, e->keys->keys[at].key);
}

static bool has_entry(const struct expansion *e)
{
	const struct json *list = json_get(json_doc_root(e->doc), e->keys->list);

	for (const struct json *i = list ? list->first : NULL; i; i = i->next) {
		const struct json *use = json_get(i, "use");

		if (use && use->type == JSON_STRING && strcmp(use->raw, e->keys->use) == 0)
			return true;
	}
	return false;
}

/* ---- the password in a URL ---- */

/* Where the user begins and ends: in "SCHEME://USER:PASSWORD@HOST". NULL: there is none. */
static const char *find_user(const char *url, const char **end_out)
{
	const char *scheme = strstr(url, "://"), *user = scheme ? scheme + 3 : url;

	*end_out = strrchr(user, '@');
	return *end_out ? user : NULL;
}

/* NULL: there is none. */
static const char *find_password(const char *url)
{
	const char *end, *user = find_user(url, &end);
	const char *colon = user ? memchr(user, ':', (size_t)(end - user)) : NULL;

	return colon ? colon + 1 : NULL;
}

static bool is_hex(char c)
{
	return c && strchr("0123456789abcdefABCDEF", c);
}

/* Decodes the escapes of n bytes in place. A '%' that begins no escape stays. Returns the new
 * length. */
static size_t decode(char *text, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++, to++) {
		char digits[3] = { 0 };

		text[to] = text[i];
		if (text[i] != '%' || i + 2 >= n || !is_hex(text[i + 1]) || !is_hex(text[i + 2]))
			continue;
		memcpy(digits, text + i + 1, 2);
		text[to] = (char)strtoul(digits, NULL, 16);
		i += 2;
	}
	return to;
}

/* ---- variables ---- */

static const char *read_variable(const struct entry_key *key, const char **name_out)
{
	for (size_t i = 0; i < 2; i++) {
		*name_out = key->variables[i];
		if (*name_out && getenv(*name_out))
			return getenv(*name_out);
	}
	return NULL;
}

static void add_text(const struct expansion *e, size_t at, const char *text, size_t len,
                     struct json_source *source)
{
	struct json *node = json_new_text(e->doc, text, len, source);

	if (node)
		json_add(e->doc, e->section, e->keys->keys[at].key, node);
}

/* Splits "SCHEME://USER:PASSWORD@HOST" into the URL without the password, and the password, unless
 * the section has one already. `text` holds one after the other; add_text copies it. */
static void add_url(const struct expansion *e, const char *url, struct json_source *source)
{
	const char *password = find_password(url), *end;
	size_t len = strlen(url), n_front, n_password;
	char *text = json_doc_alloc(e->doc, len + 1);

	if (!text)
		return;
	if (!password || !find_user(url, &end)) {
		add_text(e, URL, url, len, source);
		return;
	}
	n_front = (size_t)(password - 1 - url); /* without the colon */
	n_password = (size_t)(end - password);
	memcpy(text, url, n_front);
	strcpy(text + n_front, end);
	add_text(e, URL, text, strlen(text), source);
	memcpy(text, password, n_password);
	if (!get_key(e, PASSWORD) && n_password > 0)
		add_text(e, PASSWORD, text, decode(text, n_password), source);
}

static void read_variables(const struct expansion *e)
{
	for (size_t at = 0; at < N_KEYS; at++) {
		const char *name, *text = read_variable(&e->keys->keys[at], &name);
		struct json_source *source;

		if (get_key(e, at) || !text || !*text || (at > URL && !get_key(e, URL)))
			continue;
		source = json_source_add(e->doc, name, NULL, 0);
		if (source && at == URL)
			add_url(e, text, source);
		else if (source)
			add_text(e, at, text, strlen(text), source);
	}
}

/* ---- the entry ---- */

/* False: the key is a mistake, which was reported. */
static bool check_key(const struct expansion *e, size_t at)
{
	const struct json *node = get_key(e, at);

	if (!node)
		return true;
	if (has_entry(e)) {
		diag_add_key(e->diag, node,
		             "\"%s\" conflicts with the entry \"%s\" of /%s: keep one", node->key,
		             e->keys->use, e->keys->list);
		return false;
	}
	if (get_key(e, URL))
		return true;
	diag_add_key(e->diag, node, "expected \"%s\" only together with \"%s\"", node->key,
	             e->keys->keys[URL].key);
	return false;
}

/* False: a key is a mistake, which was reported. */
static bool check_keys(const struct expansion *e)
{
	const struct json *url = get_key(e, URL);
	bool good = true;

	for (size_t at = 0; at < N_KEYS; at++)
		good = check_key(e, at) && good;
	if (!url || url->type != JSON_STRING || !find_password(url->raw))
		return good;
	json_mark_secret(e->doc, url);
	diag_add(e->diag, url, "expected a user alone, since the secret belongs into \"%s\"",
	         e->keys->keys[PASSWORD].key);
	return false;
}

/* Moves the key from its section into `entry`, under the name of the option that it stands for.
 * Messages still name the place where the operator wrote it (written_as). entry NULL: there is no
 * entry, so the key is only removed. */
static void move_key(const struct expansion *e, size_t at, struct json *entry)
{
	struct json *node = get_key(e, at);
	char name[NAME_SIZE];

	if (!node)
		return;
	snprintf(name, sizeof name, "%s/%s", e->keys->section, node->key);
	node->written_as = json_doc_text(e->doc, name, strlen(name));
	json_detach(node);
	if (entry)
		json_add(e->doc, entry, e->keys->keys[at].option, node);
}

/* Puts the entry in front of the elements of its list. */
static void add_first(const struct expansion *e, struct json *entry)
{
	struct json *root = json_doc_root(e->doc), *old = json_get(root, e->keys->list);
	struct json *list = json_new(e->doc, JSON_ARRAY, NULL, entry->source);

	if (!list)
		return;
	json_add(e->doc, list, NULL, entry);
	if (old) {
		list->source = old->source;
		list->offset = old->offset;
		list->end = old->end;
		list->written_as = old->written_as;
		while (old->first)
			json_add(e->doc, list, NULL, old->first);
		json_detach(old);
	}
	json_add(e->doc, root, e->keys->list, list);
}

static void make_entry(const struct expansion *e)
{
	const struct json *url = get_key(e, URL);
	struct json *entry = json_new(e->doc, JSON_OBJECT, NULL, url->source);
	struct json *use = json_new(e->doc, JSON_STRING, e->keys->use, url->source);

	if (!entry || !use)
		return;
	entry->offset = url->offset;
	entry->end = url->end;
	json_add(e->doc, entry, "use", use);
	for (size_t at = 0; at < N_KEYS; at++)
		move_key(e, at, entry);
	add_first(e, entry);
}

void entry_expand(struct json_doc *doc, const struct entry_keys *keys, struct diag *diag)
{
	struct json *root = json_doc_root(doc);
	const struct json *list = json_get(root, keys->list);
	struct expansion e = { doc, keys, diag, json_get(root, keys->section) };
	const struct json *url;

	if (!e.section || e.section->type != JSON_OBJECT || (list && list->type != JSON_ARRAY))
		return;
	if (!has_entry(&e))
		read_variables(&e);
	url = get_key(&e, URL);
	if (url && url->type == JSON_STRING && url->len == 0) {
		for (size_t at = 0; at < N_KEYS; at++)
			move_key(&e, at, NULL);
	} else if (check_keys(&e) && url) {
		make_entry(&e);
	}
}
