#include "wire/about.h"

#include <string.h>

#include "base/utf8.h"
#include "wire/hostname.h"

/* {"About":"..."} and the NUL. */
enum { FRAME_AROUND_ITEM = 13 };

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
	return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

/* ---- values ---- */

/* The length of the text in a JSON string, if it has no control characters. */
static size_t json_length(const char *text)
{
	size_t len = 0;

	for (; *text; text++)
		len += 1 + (*text == '"' || *text == '\\');
	return len;
}

static bool is_value(const char *value)
{
	size_t left = strlen(value), len = json_length(value);

	if (len == 0 || len > ABOUT_VALUE_MAX)
		return false;
	for (size_t n; left > 0; value += n, left -= n) {
		if (!utf8_is_visible(value, left))
			return false;
		n = utf8_sequence(value, left);
	}
	return true;
}

static bool is_host(const char *value)
{
	char name[HOSTNAME_SIZE];
	size_t len = strlen(value);

	return value[len - 1] != '.' && hostname_read(value, HOSTNAME_PATTERN, name);
}

static bool is_tag(const char *value)
{
	size_t len = strcspn(value, "=");

	if (len == 0 || len > ABOUT_LABEL_MAX || !value[len] || !is_alphanumeric(value[0]))
		return false;
	for (size_t i = 1; i < len; i++) {
		if (!is_alphanumeric(value[i]) && !strchr("._-/", value[i]))
			return false;
	}
	return true;
}

static bool is_share(const char *value)
{
	return strcmp(value, "load") == 0 || strcmp(value, "source") == 0;
}

/* ---- keys ---- */

enum key { NAME, VERSION, HOST, TAG, WANTS, SHARE, OTHER };

static const struct row {
	const char *key;
	bool (*is_valid)(const char *value); /* NULL: every value is valid */
	bool is_single;
} rows[OTHER] = {
	[NAME] = { "name", NULL, true },     [VERSION] = { "version", NULL, true },
	[HOST] = { "host", is_host, false }, [TAG] = { "tag", is_tag, false },
	[WANTS] = { "wants", NULL, true },   [SHARE] = { "share", is_share, true },
};

static size_t key_length(const char *item)
{
	return strcspn(item, "=");
}

static const char *value_of(const char *item)
{
	return item + key_length(item) + 1;
}

static enum key find_key(const char *key, size_t len)
{
	enum key i = 0;

	while (i < OTHER && (strlen(rows[i].key) != len || strncmp(rows[i].key, key, len) != 0))
		i++;
	return i;
}

static enum key key_of(const char *item)
{
	return find_key(item, key_length(item));
}

static bool is_key(const char *key, size_t len)
{
	if (len == 0 || len > ABOUT_KEY_MAX || !is_lower(key[0]))
		return false;
	for (size_t i = 1; i < len; i++) {
		if (!is_lower(key[i]) && !is_digit(key[i]) && key[i] != '_')
			return false;
	}
	return true;
}

static bool is_valid_under(const char *key, size_t len, const char *value)
{
	enum key i = find_key(key, len);
	bool (*has_right_form)(const char *value) = i == OTHER ? NULL : rows[i].is_valid;

	if (!is_key(key, len) || !is_value(value))
		return false;
	return !has_right_form || has_right_form(value);
}

bool about_is_valid(const char *key, const char *value)
{
	return is_valid_under(key, strlen(key), value);
}

bool about_is_item(const char *text)
{
	size_t len = key_length(text);

	return text[len] && is_valid_under(text, len, text + len + 1);
}

/* ---- collecting ---- */

static const char *first_item(const struct about *about)
{
	return about->items.len ? (const char *)buf_bytes(&about->items) : NULL;
}

static const char *next_item(const struct about *about, const char *item)
{
	const char *next = item + strlen(item) + 1;

	return next < (const char *)buf_bytes(&about->items) + about->items.len ? next : NULL;
}

/* A client may send only one of the two: they have the same single key, or the same label. */
static bool exclude_each_other(const char *a, const char *b)
{
	enum key key = key_of(a);
	size_t label_len = strcspn(value_of(a), "=") + 1; /* with the '=' */

	if (key == OTHER || key != key_of(b))
		return false;
	if (key == TAG)
		return strncmp(value_of(a), value_of(b), label_len) == 0;
	return rows[key].is_single;
}

enum about_result about_add(struct about *about, const char *item)
{
	size_t size = json_length(item) + FRAME_AROUND_ITEM;

	if (size > (size_t)ABOUT_MAX - about->size)
		return ABOUT_TOO_MUCH;
	for (const char *i = first_item(about); i; i = next_item(about, i)) {
		if (exclude_each_other(item, i))
			return ABOUT_TWICE;
	}
	if (key_of(item) != OTHER && !buf_append(&about->items, item, strlen(item) + 1, ABOUT_MAX))
		return ABOUT_NO_MEMORY;
	about->size = (uint16_t)(about->size + size);
	return ABOUT_TAKEN;
}

void about_ask(struct about *about, uint16_t port)
{
	about->port = port;
	about->asks_for_port = true;
}

/* ---- looking ---- */

static spore_kv split_tag(const char *value)
{
	size_t len = strcspn(value, "=");

	return (spore_kv){ { value, len }, spore_cstr(value + len + 1) };
}

static void show_item(struct about_view *view, const char *item)
{
	const char *value = value_of(item);

	switch (key_of(item)) {
	case NAME:
		view->info.name = spore_cstr(value);
		break;
	case VERSION:
		view->info.version = spore_cstr(value);
		break;
	case HOST:
		view->hosts[view->info.n_hosts++] = spore_cstr(value);
		break;
	case TAG:
		view->tags[view->info.n_tags++] = split_tag(value);
		break;
	case WANTS:
	case SHARE:
	case OTHER:
		break;
	}
}

void about_look(const struct about *about, struct about_view *view_out)
{
	view_out->info = (spore_client_info){
		.struct_size = sizeof view_out->info,
		.hosts = view_out->hosts,
		.tags = view_out->tags,
	};
	if (!about)
		return;
	if (about->asks_for_port)
		view_out->info.known |= SPORE_CLIENT_PORT;
	if (about->size > 0)
		view_out->info.known |= SPORE_CLIENT_ABOUT;
	view_out->info.port = about->port;
	for (const char *i = first_item(about); i; i = next_item(about, i))
		show_item(view_out, i);
}

/* The first item of this key; NULL: there is none. */
static const char *item_of(const struct about *about, enum key key)
{
	const char *item = first_item(about);

	while (item && key_of(item) != key)
		item = next_item(about, item);
	return item;
}

const char *about_name(const struct about *about)
{
	const char *item = item_of(about, NAME);

	return item ? value_of(item) : NULL;
}

enum about_share about_share(const struct about *about)
{
	const char *item = item_of(about, SHARE);

	if (!item)
		return ABOUT_SHARES_NOTHING;
	return strcmp(value_of(item), "source") == 0 ? ABOUT_SHARES_BY_SOURCE
	                                             : ABOUT_SHARES_BY_LOAD;
}

bool about_wants_addresses(const struct about *about)
{
	for (const char *i = first_item(about); i; i = next_item(about, i)) {
		if (strcmp(i, ABOUT_WANTS_ADDRESSES) == 0)
			return true;
	}
	return false;
}

/* ---- memory ---- */

bool about_copy(const struct about *from, struct about *to_out)
{
	*to_out = *from;
	to_out->items = (struct buf){ 0 };
	if (buf_append(&to_out->items, buf_bytes(&from->items), from->items.len, ABOUT_MAX))
		return true;
	*to_out = (struct about){ 0 };
	return false;
}

void about_fini(struct about *about)
{
	buf_fini(&about->items);
	*about = (struct about){ 0 };
}
