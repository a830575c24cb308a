/* tls_bio - connects OpenSSL with the lower stream through the worker's buffers, so that one call
 * of the lower stream moves many records. OpenSSL never sees a descriptor. [worker] */
#ifndef TLS_BIO_H
#define TLS_BIO_H

#include "tls.h"

/* NULL: out of memory. [main] */
BIO_METHOD *tls_bio_method(void);
BIO *tls_bio_new(struct tls_stream *stream);

/* Call these around every use of the SSL. `room` is how much plaintext the reader can take; it
 * limits reading ahead. tls_bio_leave keeps the unread input; false: out of memory, and input is
 * lost. */
void tls_bio_enter(struct tls_stream *stream, size_t room);
bool tls_bio_leave(struct tls_stream *stream);

/* Reads ahead without OpenSSL. Returns the number of bytes, or as spore_stream_ops.readv. */
int64_t tls_bio_fill(struct tls_stream *stream);
/* After the end of this stream: reads the end of the lower stream, too, so that nothing is unread
 * at close. The raw socket has no such end. */
void tls_bio_read_away(struct tls_stream *stream);
/* True: there is room for another record of output. */
bool tls_bio_has_room(const struct tls_stream *stream);
/* Writes all output to the lower stream. On SPORE_EAGAIN the stream keeps the rest. */
spore_status tls_bio_hand_down(struct tls_stream *stream, uint32_t *want);
/* The same, then flushes the lower stream. */
spore_status tls_bio_flush(struct tls_stream *stream, uint32_t *want);
/* Moves the stream's output from the worker's buffer to its own. False: out of memory, and the
 * output is lost. */
bool tls_bio_take_along(struct tls_stream *stream);
/* Drops everything that the stream has in buffers. */
void tls_bio_drop(struct tls_stream *stream);

#endif
