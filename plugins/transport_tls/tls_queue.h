/* tls_queue - a worker's handshakes under way, oldest first, and who has to go when there are too
 * many. A handshake costs much more memory than a connection that has said nothing. [worker] */
#ifndef TLS_QUEUE_H
#define TLS_QUEUE_H

#include "tls.h"

/* The stream's handshake begins; beyond the worker's share the oldest is evicted, and its host
 * woken. */
void tls_queue_add(struct tls_stream *stream);
/* It is over. Idempotent. */
void tls_queue_remove(struct tls_stream *stream);

#endif
