/* tls_error - explains to the operator why a TLS connection failed, and what to do. [worker] */
#ifndef TLS_ERROR_H
#define TLS_ERROR_H

#include "tls.h"

/* Keeps the text for the slot `error` of the stream. Only the first call counts. */
void tls_error_set(struct tls_stream *stream, const char *format, ...) SPORE_PRINTF(2, 3);
/* After a failed call of OpenSSL: explains the cause in its error queue, then empties the queue.
 * Returns the status for the host. */
spore_status tls_error_take(struct tls_stream *stream);
/* False: the first byte from the peer begins neither a handshake nor an alert. */
bool tls_error_speaks_tls(const struct tls_stream *stream);
/* The latest reason in OpenSSL's error queue as text. [any] */
const char *tls_error_reason(void);

#endif
