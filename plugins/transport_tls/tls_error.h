/* tls_error - why a TLS connection failed, in words that tell the operator what to do. [worker] */
#ifndef TLS_ERROR_H
#define TLS_ERROR_H

#include "tls.h"

/* Keeps the text for stream_error(); the first cause stays. */
void tls_error_set(struct tls_stream *stream, const char *format, ...) SPORE_PRINTF(2, 3);
/* The last call of OpenSSL failed: its cause in words, out of its error queue, which is empty then.
 * Returns the status for the host. */
spore_status tls_error_take(struct tls_stream *stream);
/* False: the first byte that came from the other side begins neither a handshake nor an alert. */
bool tls_error_speaks_tls(const struct tls_stream *stream);
/* The latest reason in OpenSSL's queue as text. [any] */
const char *tls_error_reason(void);

#endif
