/* pending - visitors that wait for a client to take them, by connection id.
 *
 * All workers share the table. It is sharded, and each shard has a lock that is held for one
 * look-up. An entry has no reader, no watcher and no pointer to its tunnel. Whoever takes a visitor
 * out of the table owns the visitor: that decides every race between two Accepts, and between an
 * Accept and the expiry. [any] */
#ifndef CORE_PENDING_H
#define CORE_PENDING_H

#include <spore/base.h>
#include <stdbool.h>

#include "base/uuid.h"

struct account;
struct gate;
struct instance;
struct limits;
struct pending;
struct pending_entry;
struct source;

struct visitor {
	struct uuid id;
	int fd;                  /* owned */
	struct account *account; /* ref */
	struct source *source;   /* ref; NULL: visitors are not limited by source */
	spore_addr peer;
	int64_t since_ns; /* when it arrived, on clock_ns()'s clock */
	int64_t deadline_ms;
};

/* gate: borrowed; counts the visitors that wait here. */
struct pending *pending_new(struct gate *gate);
/* Closes the visitors that still wait. No result of pending_find is in use any more. NULL is fine. */
void pending_free(struct pending *pending);

/* False: out of memory; the visitor stays the caller's. */
bool pending_add(struct pending *pending, const struct visitor *visitor);
/* The functions that take a visitor out make room for another one. `limits` say how many tunnels that
 * have waited for room are woken. */

/* Takes the visitor of this id out of the table. False: no such visitor waits. */
bool pending_take(struct pending *pending, const struct uuid *id, const struct limits *limits,
                  struct visitor *visitor_out);

enum pending_result { PENDING_TAKEN, PENDING_UNKNOWN, PENDING_FOREIGN };

/* As pending_take, but only for the owner of the visitor's tunnel: the auth instance `by` and the
 * session. A foreign visitor stays in the table. */
enum pending_result pending_take_own(struct pending *pending, const struct uuid *id,
                                     const struct instance *by, uint64_t session,
                                     const struct limits *limits, struct visitor *visitor_out);

/* The visitor of this id, for a taker who is not authenticated yet; NULL: no such visitor waits. The
 * visitor goes on waiting: others may find it too, take it, or let it expire. The caller ends this
 * with exactly one call of pending_claim or pending_forget. */
struct pending_entry *pending_find(struct pending *pending, const struct uuid *id);
/* The account of the visitor's tunnel. Borrowed; valid until the claim or the forgetting. */
const struct account *pending_entry_account(const struct pending_entry *entry);
/* Takes the visitor out of the table, without a second look-up. False: it is not there any more. */
bool pending_claim(struct pending *pending, struct pending_entry *entry,
                   const struct limits *limits, struct visitor *visitor_out);
/* Leaves the visitor as it is. NULL is fine. */
void pending_forget(struct pending *pending, struct pending_entry *entry);

/* Takes out one visitor whose deadline has passed; false: there is none. Call it until then. */
bool pending_take_expired(struct pending *pending, int64_t now_ms, const struct limits *limits,
                          struct visitor *visitor_out);
bool pending_is_empty(struct pending *pending);
/* The number of visitors that wait. It may be out of date when the caller sees it. */
unsigned pending_count(const struct pending *pending);
/* Ends a visitor that is not in the table: closes its descriptor and gives back its place and its
 * account. */
void visitor_drop(struct visitor *visitor);

#endif
