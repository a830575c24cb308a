/* tls_queue - the handshakes in progress on a worker, oldest first, and their limit. A handshake
 * needs much more memory than a connection that has not sent anything. [worker] */
#ifndef TLS_QUEUE_H
#define TLS_QUEUE_H

#include "tls.h"

/* The handshake of the stream begins. Above the worker's limit the oldest stream is evicted, and
 * the host is asked (conn_wake) to call it. */
void tls_queue_add(struct tls_stream *stream);
/* The handshake is over. Idempotent. */
void tls_queue_remove(struct tls_stream *stream);

#endif
