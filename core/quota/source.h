/* source - what is remembered of an address that connects, to the control port or (where that is
 * limited) as a visitor: one entry an IPv4 address or IPv6 /64, in a bounded table with a seeded
 * hash.
 *
 * It guards what happens before authentication: how many connections of one source may be on their
 * way at once, how often it may try a secret, and for how long it is shut out after wrong ones.
 * Data connections that our own announcements asked for are beside all of that. [any] */
#ifndef CORE_SOURCE_H
#define CORE_SOURCE_H

#include <spore/base.h>
#include <stdbool.h>

#include "wire/refusal.h"

struct limits;
struct source;
struct source_table;

/* NULL: no memory or no randomness. [main] */
struct source_table *source_table_new(void);
/* All sources have been given back. NULL is fine. [main] */
void source_table_free(struct source_table *table);

/* The source of an address, with a ref. NULL: out of memory. */
struct source *source_get(struct source_table *table, const spore_addr *addr);
struct source *source_ref(struct source *source);
void source_unref(struct source *source);

/* A data connection was asked of it, or has come (or never will). */
void source_announce(struct source *source);
void source_unannounce(struct source *source);
/* One more connection that has not authenticated. True when it was asked for: there are no more
 * such on their way than were announced, and they count for nothing else. */
bool source_enter(struct source *source);
/* was_asked_for: what source_enter said. */
void source_leave(struct source *source, bool was_asked_for);

/* What is limited is said in each call, since it may change while the process runs. */

/* More than its share is on the way. */
bool source_is_over(const struct source *source, const struct limits *limits);
bool source_is_banned(struct source *source, int64_t now_ms);

/* One more tunnel; false when it has as many as it may. */
bool source_add_tunnel(struct source *source, const struct limits *limits);
void source_remove_tunnel(struct source *source);
/* One more connection opened ahead that waits, likewise. */
bool source_add_ahead(struct source *source, unsigned most);
void source_remove_ahead(struct source *source);
/* One more visitor; false and *why_out when too many are there, or came of late. NULL is fine for
 * the second. */
bool source_add_visitor(struct source *source, const struct limits *limits, int64_t now_ms,
                        enum refusal *why_out);
void source_remove_visitor(struct source *source);

/* May it have a secret checked now? Takes a token. */
bool source_may_try(struct source *source, const struct limits *limits, int64_t now_ms);
/* It gave a wrong answer; true when that bans it. */
bool source_was_wrong(struct source *source, const struct limits *limits, int64_t now_ms);
void source_was_right(struct source *source);

#endif
