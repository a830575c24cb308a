/* tls_kernel - what is sent encrypted by the kernel (kTLS), where it and OpenSSL can.
 *
 *      SSL ──▶ tls_bio ──▶ a socket BIO of OpenSSL's, which gives the kernel the keys
 *
 * From the end of the handshake on the descriptor takes the reader's bytes as they are, so the host
 * writes and splices straight to it, and OpenSSL sends no more than alerts. What is received is
 * decrypted here all the same, in batches: OpenSSL 3.0 leaves that to the kernel in TLS 1.2 alone.
 */
#ifndef TLS_KERNEL_H
#define TLS_KERNEL_H

#include "tls.h"

/* Where Linux lists what can be put upon a TCP socket. */
#define TLS_KERNEL_LIST "/proc/sys/net/ipv4/tcp_available_ulp"

/* Is TLS in that list? Asking by setsockopt() would load a module. [any] */
bool tls_kernel_offers(const char *list);
/* Why the kernel is not used, for the operator; NULL: it is. [main] */
const char *tls_kernel_why_not(const struct tls_conf *conf);

/* Before the handshake: opens the way to the kernel, if the instance uses it and the lower stream
 * is the bare socket. What fails leaves the stream as it is. [worker] */
void tls_kernel_prepare(struct tls_stream *stream);
/* After it: does the kernel have the keys? */
bool tls_kernel_has_keys(const struct tls_stream *stream);
/* Its keys cannot be changed: from now on stream->wants_keys tells that the other side demands it.
 */
void tls_kernel_watch_keys(struct tls_stream *stream);

#endif
