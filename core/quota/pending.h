/* pending - visitors that wait for a client to take them, by connection id.
 *
 * Shared by all workers: sharded, each shard under a lock that is held for a look-up. An entry has
 * no reader, no watcher and no pointer to its tunnel. Whoever takes it out of the table owns it:
 * that decides every race between an Accept and the expiry. [any] */
#ifndef CORE_PENDING_H
#define CORE_PENDING_H

#include <spore/base.h>
#include <stdbool.h>

#include "base/uuid.h"

struct account;
struct gate;
struct limits;
struct pending;
struct source;

struct visitor {
	struct uuid id;
	int fd;                  /* owned by whoever holds the visitor */
	struct account *account; /* ref, likewise */
	struct source *source;   /* ref, likewise; NULL: visitors are not told apart by source */
	spore_addr peer;
	int64_t since_ns; /* when it arrived, on clock_ns()'s clock */
	int64_t deadline_ms;
};

/* gate: borrowed; counts who waits here. */
struct pending *pending_new(struct gate *gate);
/* Closes what still waits. */
void pending_free(struct pending *pending);

/* False: out of memory; the visitor stays the caller's. */
bool pending_add(struct pending *pending, const struct visitor *visitor);
/* Takes the visitor of this id out; false if there is none (any more). */
bool pending_take(struct pending *pending, const struct uuid *id, const struct limits *limits,
                  struct visitor *visitor_out);
/* The account of a waiting visitor, with a ref of the caller's; NULL if there is none. */
struct account *pending_account(struct pending *pending, const struct uuid *id);
/* Takes out one whose deadline has passed; false when there is none. Call until it says so. */
bool pending_take_expired(struct pending *pending, int64_t now_ms, const struct limits *limits,
                          struct visitor *visitor_out);
bool pending_is_empty(struct pending *pending);
/* How many wait, for a look at them. */
unsigned pending_count(const struct pending *pending);
/* Closes a visitor that one has taken, or never added: its descriptor, its place, its account. */
void visitor_drop(struct visitor *visitor);

#endif
