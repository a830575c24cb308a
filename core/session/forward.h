/* forward - joins a client's data connection and the visitor that it takes over. [worker] */
#ifndef CORE_FORWARD_H
#define CORE_FORWARD_H

#include "base/buf.h"
#include "quota/kick.h"
#include "quota/pending.h"
#include "session/context.h"

struct stream;

/* Sends the header ahead of the visitor's bytes, if it has one.
 * Takes the stream, the visitor and both buffers. `received`: bytes that followed Accept, for the
 * visitor; `unsent`: bytes still to be sent to the client; `shown`: bytes of the visitor that were
 * sent before. */
void forward_start(struct server_worker *worker, struct stream *stream, struct visitor *visitor,
                   struct buf *received, struct buf *unsent, size_t shown);
/* The visitor's stream on this worker; NULL: out of memory, or a transport has refused; drop the
 * visitor. */
struct stream *forward_open(struct server_worker *worker, struct visitor *visitor);
/* Memory is out: takes the same, and resets both connections. */
void forward_give_up(struct server_worker *worker, struct stream *stream, struct visitor *visitor,
                     struct buf *received, struct buf *unsent);
/* Takes a visitor whose connection broke before it could be joined, and tells of its end. */
void forward_drop_broken(struct server_worker *worker, struct visitor *visitor);
/* For worker->relays.on_moved. */
bool forward_count(const uint64_t moved[2], void *arg);

/* The following functions take the `arg` of a relay. */

/* What admin commands show of a relay, besides relay_view. */
struct forward_view {
	uint64_t id, tunnel; /* see server_new_id */
	uint16_t port;       /* the tunnel's */
	spore_addr visitor;
	const char *identity; /* of the tunnel's owner; valid as long as the relay */
	int64_t age_ms;
};

struct forward_view forward_look(const void *arg);
/* What the operator ends on one worker, and what was ended so far. */
struct forward_kick {
	const struct kick *kick;
	struct kicked *kicked;
};

/* Is this relay to be ended? Then it is counted. kick: a struct forward_kick. */
bool forward_is_kicked(const void *arg, void *kick);
/* Was the client of its tunnel lost? */
bool forward_has_lost_client(const void *arg);

#endif
