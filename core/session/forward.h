/* forward - joins a client's data connection and the visitor that it takes over. [worker] */
#ifndef CORE_FORWARD_H
#define CORE_FORWARD_H

#include "base/buf.h"
#include "quota/pending.h"
#include "session/context.h"

struct stream;

/* Takes the stream, the visitor and both buffers. `received`: bytes that followed Accept, for the
 * visitor; `unsent`: bytes still to be sent to the client. */
void forward_start(struct server_worker *worker, struct stream *stream, struct visitor *visitor,
                   struct buf *received, struct buf *unsent);
/* For worker->relays.on_moved. */
void forward_count(const uint64_t moved[2], void *arg);

/* The following functions take the `arg` of a relay. */

/* What admin commands show of a relay, besides relay_view. */
struct forward_view {
	uint64_t id, tunnel; /* see server_new_id */
	uint16_t port;       /* the tunnel's */
	spore_addr visitor;
	int64_t age_ms;
};

struct forward_view forward_look(const void *arg);
/* Is `id` this relay's, or its tunnel's? */
bool forward_is_of(const void *arg, uint64_t id);

#endif
