/* source - what the server remembers of an address that connects to the control port, or to a
 * public port if visitors are limited by source. A source is an IPv4 address or an IPv6 /64. The
 * table is bounded, and its hash is seeded.
 *
 * A source limits what happens before authentication: how many unauthenticated connections it has
 * at once, how often it may try a secret, and how long it is banned after wrong secrets. These
 * limits do not apply to data connections that the server asked for when it announced visitors.
 *
 * Behind a proxy, a connection belongs to the source of its client, once the proxy has told who
 * that is. Until then it belongs to a source that stands for the proxy: it has another limit, is
 * never banned, and shares no count with a client at the same address.
 *
 * An honest client may share its address with somebody who is banned for guessing. As long as it
 * has a tunnel, connections of the address are let in: the ban then means that no secret is
 * checked.
 *
 * A source may have tunnels at servers before this one (keep/elders), whose data connections come
 * here. This server does not know how many are expected, so it expects some of each such source.
 * [any] */
#ifndef CORE_SOURCE_H
#define CORE_SOURCE_H

#include <spore/base.h>
#include <stdbool.h>

#include "wire/refusal.h"

struct limit_hit;
struct limits;
struct source;
struct source_table;

/* NULL: no memory or no randomness. [main] */
struct source_table *source_table_new(void);
/* All references must have been released. NULL is fine. [main] */
void source_table_free(struct source_table *table);

/* The source of an address, with a reference. NULL: out of memory. */
struct source *source_get(struct source_table *table, const spore_addr *addr);
/* The source of a proxy at this address, with a reference. It stands for the proxy's connections
 * whose clients are not known yet. NULL: out of memory. */
struct source *source_get_proxy(struct source_table *table, const spore_addr *addr);
bool source_is_proxy(const struct source *source);
struct source *source_ref(struct source *source);
/* NULL is fine. */
void source_unref(struct source *source);

/* A visitor was announced to a client of this source, so a data connection is expected. */
void source_announce(struct source *source);
/* The data connection is no longer expected: it has come, or it will never come. */
void source_unannounce(struct source *source);
/* Counts one more unauthenticated connection. True if it may be an expected data connection, since
 * no more have arrived than are expected. Such a connection is counted separately. */
bool source_enter(struct source *source);
/* Counts one unauthenticated connection less. was_asked_for: what source_enter returned for it. */
void source_leave(struct source *source, bool was_asked_for);

/* Does it have more unauthenticated connections than one source, or one proxy, may have? */
bool source_is_over(const struct source *source, const struct limits *limits);
/* How long the ban of this source still lasts, in milliseconds; 0: it is not banned. */
int64_t source_ban_left(struct source *source, int64_t now_ms);
/* Do wrong secrets ban this source? [any] */
bool source_may_be_banned(const struct source *source, const struct limits *limits);
/* A banned source connects again. True if this connection may go on. If the source has a tunnel,
 * it may, since this can be one of its data connections. Otherwise it may go on only to hear of the
 * ban, and only now and then, since that can cost a TLS handshake. */
bool source_may_hear(struct source *source, int64_t now_ms);
/* A connection of the source was turned away before the server knew what it was for. During a ban
 * it counts as a try. */
void source_turn_away(struct source *source, int64_t now_ms);
/* Was a connection of the source turned away since then? */
bool source_was_turned_away(struct source *source, int64_t since_ms);

/* Counts one more tunnel; false if the source has as many as it may have. */
bool source_add_tunnel(struct source *source, const struct limits *limits);
void source_remove_tunnel(struct source *source);
/* Does it have a tunnel here or at an elder? */
bool source_has_tunnel(const struct source *source);

/* The address has a tunnel at an elder. Does nothing without memory. */
void source_set_elder(struct source_table *table, const spore_addr *addr);
/* No elder lives any more. */
void source_forget_elders(struct source_table *table);
bool source_has_elder(const struct source *source);
/* Copies the addresses of sources with a tunnel here or at an elder to `out`, but at most `most`.
 * Returns how many were copied. Proxies are left out. */
size_t source_list_tunnels(struct source_table *table, spore_addr *out, size_t most);

/* Counts one more waiting connection that was opened ahead; false if the count has reached
 * `most`. */
bool source_add_ahead(struct source *source, unsigned most);
void source_remove_ahead(struct source *source);
/* Counts one more visitor; false and *why_out if the source has too many, or opens them too
 * fast. */
bool source_add_visitor(struct source *source, const struct limits *limits, int64_t now_ms,
                        enum refusal *why_out);
/* NULL is fine. */
void source_remove_visitor(struct source *source);

/* May the source have a secret checked now? Takes a token from its bucket. */
bool source_may_try(struct source *source, const struct limits *limits, int64_t now_ms);
/* Gives the token back: the answer was right. */
void source_return_try(struct source *source);
/* The source gave a wrong answer. True if that bans it. During a ban nothing is counted. */
bool source_was_wrong(struct source *source, const struct limits *limits, int64_t now_ms);
/* The wrong answers of the source are forgotten. */
void source_was_right(struct source *source);

/* Counts one more visitor whose handshake runs; false and *hit_out if the source, or the proxy, has
 * too many. */
bool source_add_handshake(struct source *source, const struct limits *limits,
                          struct limit_hit *hit_out);
void source_remove_handshake(struct source *source);

/* ---- for the operator ---- */

struct source_ban {
	spore_cidr source;
	int64_t left_ms;
	uint64_t tries; /* connections that were turned away during the ban */
	bool has_tunnel;
};

/* Copies the bans that still last to `out`, but at most `most`. Returns how many there are in
 * all. */
size_t source_list_bans(struct source_table *table, int64_t now_ms, struct source_ban *out,
                        size_t most);
/* Bans the address's source for so long, unless it is banned for longer already, with so many tries
 * counted. Does nothing without memory. */
void source_ban(struct source_table *table, const spore_addr *addr, int64_t left_ms, uint64_t tries,
                int64_t now_ms);
/* Ends the ban of the address's source, if it is banned, and forgets its wrong answers and how fast
 * it has tried. False: it is not banned, and no wrong answer is counted. */
bool source_forgive(struct source_table *table, const spore_addr *addr, int64_t now_ms);

#endif
