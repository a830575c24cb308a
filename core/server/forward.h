/* forward - joins a client's data connection and the visitor that it takes. [worker] */
#ifndef CORE_FORWARD_H
#define CORE_FORWARD_H

#include "base/buf.h"
#include "quota/pending.h"
#include "server/worker.h"

struct census_relay;
struct relay_view;
struct stream;

/* Takes the stream, the visitor and the bytes: `received` came behind Accept and are the visitor's;
 * `unsent` still belong to the client's connection. */
void forward_start(struct worker *worker, struct stream *stream, struct visitor *visitor,
                   struct buf *received, struct buf *unsent);
/* For the worker's relays, as their on_moved. */
void forward_count(const uint64_t moved[2], void *arg);
/* What an operator is told of a relay. */
void forward_describe(const struct relay_view *view, struct census_relay *out);
/* By the arg of a relay: is it this visitor's, or a visitor's of this tunnel? */
bool forward_is_of(const void *arg, uint64_t id);

#endif
