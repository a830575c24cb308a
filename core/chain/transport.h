/* transport - lays the configured transports on a stream, and opens it. [worker] */
#ifndef CORE_TRANSPORT_H
#define CORE_TRANSPORT_H

#include "chain/plugin_set.h"
#include "net/stream.h"

/* role: SPORE_ROLE_* of this end; server_name: what was dialled, NULL on a server. False and *err:
 * the stream is the caller's to close, with what was laid on it so far. */
bool transport_wrap(const struct plugin_set *set, struct stream *stream, uint32_t role,
                    const char *server_name, struct err *err);

/* Opens a wrapped stream; its transports may finish their handshakes through tickets. True: it is
 * open already; else the stream's owner hears. */
bool transport_open(struct stream *stream);

#endif
