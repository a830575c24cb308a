/* tls_bio - OpenSSL's way to the lower stream, through the worker's buffers: many records go with
 * one call of the lower stream. OpenSSL never sees a descriptor. [worker] */
#ifndef TLS_BIO_H
#define TLS_BIO_H

#include "tls.h"

/* NULL: out of memory. [main] */
BIO_METHOD *tls_bio_method(void);
BIO *tls_bio_new(struct tls_stream *stream);

/* Around each use of the SSL: `room` is how much plaintext the reader can take, and bounds what is
 * read ahead. Leaving keeps the input that is left; false: out of memory, and input is lost. */
void tls_bio_enter(struct tls_stream *stream, size_t room);
bool tls_bio_leave(struct tls_stream *stream);

/* Reads ahead without OpenSSL: bytes that are there now, or as spore_stream_ops.readv. */
int64_t tls_bio_fill(struct tls_stream *stream);
/* Behind the end of this stream: takes what the lower one says of its own end, so that closing does
 * not leave it unread. A lower stream that is the bare socket has nothing to say. */
void tls_bio_read_away(struct tls_stream *stream);
/* Is there room for another record of output? */
bool tls_bio_has_room(const struct tls_stream *stream);
/* Writes all output to the lower stream. SPORE_EAGAIN keeps the rest in the stream. */
spore_status tls_bio_hand_down(struct tls_stream *stream, uint32_t *want);
/* The same, and flushes below. */
spore_status tls_bio_flush(struct tls_stream *stream, uint32_t *want);
/* Forgets all that the stream has in buffers. */
void tls_bio_drop(struct tls_stream *stream);

#endif
