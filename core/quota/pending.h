/* pending - the visitors that wait for a client to accept them, by connection id.
 *
 * All workers share the table. It has shards, each with a lock that is held for one look-up.
 * Nothing reads or watches the socket of a waiting visitor, and its entry has no pointer to the
 * tunnel. Whoever takes a visitor out of the table owns it, which decides every race between an
 * Accept and the expiry. [any] */
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
	int fd;                  /* owned, as are the references, by whoever holds the visitor */
	struct account *account; /* ref */
	struct source *source;   /* ref; NULL: visitors are not counted by source */
	spore_addr peer;
	int64_t since_ns;    /* time of arrival, by clock_ns() */
	int64_t deadline_ms; /* by clock_ms() */
};

/* gate: borrowed; counts the waiting visitors. NULL: out of memory. */
struct pending *pending_new(struct gate *gate);
/* Closes the visitors that still wait. NULL is fine. */
void pending_free(struct pending *pending);

/* False: out of memory; the visitor still belongs to the caller. */
bool pending_add(struct pending *pending, const struct visitor *visitor);
/* Takes out the visitor of this id, and lets the next one in, if limits allow. False: there is no
 * such visitor, or not any more. */
bool pending_take(struct pending *pending, const struct uuid *id, const struct limits *limits,
                  struct visitor *visitor_out);
/* The account of a waiting visitor, with a reference for the caller; NULL: no such visitor. */
struct account *pending_account(struct pending *pending, const struct uuid *id);
/* Takes out one visitor whose deadline has passed; false: there is none left. Call it until
 * then. */
bool pending_take_expired(struct pending *pending, int64_t now_ms, const struct limits *limits,
                          struct visitor *visitor_out);
bool pending_is_empty(struct pending *pending);
/* How many visitors wait. */
unsigned pending_count(const struct pending *pending);
/* Closes a visitor that was taken or never added: its descriptor, its place and its references. */
void visitor_drop(struct visitor *visitor);

#endif
