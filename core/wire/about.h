/* about - what a client says about itself and its tunnel: items "KEY=VALUE", one per frame.
 *
 *   item     = key "=" value
 *   key      = a letter a-z, then a-z, 0-9 or _; at most ABOUT_KEY_MAX bytes
 *   value    = 1 to ABOUT_VALUE_MAX bytes of UTF-8 without control characters; a quote or a
 *              backslash counts twice, as JSON writes it
 *
 *   name     the tunnel's name                               at most once
 *   version  the client's name and version: "spore/1.0.0"    at most once
 *   host     a host name that the client asks for; the first label may be "*"
 *   tag      LABEL=VALUE: a letter or digit, then letters, digits, '.', '_', '-' or '/', at most
 *            ABOUT_LABEL_MAX bytes; the value may be empty   at most once per label
 *   wants    "addresses": the client reads Visitor           at most once
 *   share    "load" or "source": the client wants to share its port with others of its owner, and
 *            visitors by these rules (share/share)           at most once
 *
 * Other keys are valid, so that later clients may send more. They count towards ABOUT_MAX, but are
 * not kept. The frames of one client have at most ABOUT_MAX bytes in all, as message_format writes
 * them, with their NULs. Pure, except for memory. [any], one thread at a time. */
#ifndef CORE_ABOUT_H
#define CORE_ABOUT_H

#include <spore/auth.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	ABOUT_MAX = 1024,
	ABOUT_KEY_MAX = 32,
	ABOUT_VALUE_MAX = 200,
	ABOUT_LABEL_MAX = 63,
	ABOUT_MOST = ABOUT_MAX / 19 /* items of one key: the shortest frame is that of "host=a" */
};

enum about_share { ABOUT_SHARES_NOTHING, ABOUT_SHARES_BY_LOAD, ABOUT_SHARES_BY_SOURCE };

#define ABOUT_WANTS_ADDRESSES "wants=addresses"

/* What one client has said. Zero-initialized: nothing. */
struct about {
	struct buf items;   /* the items that are kept, each followed by NUL */
	uint16_t size;      /* bytes of all frames */
	uint16_t port;      /* the requested public port; 0: any */
	bool asks_for_port; /* the client has sent Hello, so `port` is valid */
};

/* The same, for a plugin. Points into the struct about. */
struct about_view {
	spore_client_info info;
	spore_str hosts[ABOUT_MOST];
	spore_kv tags[ABOUT_MOST];
};

enum about_result {
	ABOUT_TAKEN,
	ABOUT_TOO_MUCH, /* more than ABOUT_MAX bytes */
	ABOUT_TWICE,    /* a second item of a key or label that may come once */
	ABOUT_NO_MEMORY
};

/* Is this text a valid item? */
bool about_is_item(const char *text);
/* Is the value valid under this key? */
bool about_is_valid(const char *key, const char *value);
/* Adds an item, which is valid. Unless the result is ABOUT_TAKEN, nothing has changed. */
enum about_result about_add(struct about *about, const char *item);
/* Notes that the client has asked for this port. */
void about_ask(struct about *about, uint16_t port);
/* Fills *view_out, also if about is NULL. */
void about_look(const struct about *about, struct about_view *view_out);
/* The tunnel's name; NULL: the client has given none. Valid until about changes. */
const char *about_name(const struct about *about);
/* Is the client to be told visitors' addresses from the first one on? */
bool about_wants_addresses(const struct about *about);
/* Does the client want to share its port? */
enum about_share about_share(const struct about *about);
/* *to_out is overwritten. False: out of memory; *to_out holds nothing. */
bool about_copy(const struct about *from, struct about *to_out);
void about_fini(struct about *about);

#endif
