/* tls_kernel - lets the kernel encrypt output (kTLS), if the kernel and OpenSSL support it.
 *
 *      SSL ──▶ tls_bio ──▶ a socket BIO of OpenSSL, which gives the keys to the kernel
 *
 * After the handshake the descriptor accepts plaintext, so the host writes and splices to it
 * directly, and OpenSSL sends only alerts. Input is still decrypted here, in batches: OpenSSL 3.0
 * leaves that to the kernel only in TLS 1.2. */
#ifndef TLS_KERNEL_H
#define TLS_KERNEL_H

#include "tls.h"

/* Where Linux lists the protocols that a TCP socket can add. */
#define TLS_KERNEL_LIST "/proc/sys/net/ipv4/tcp_available_ulp"

/* True: the list contains TLS. Trying setsockopt() instead would load a module. [any] */
bool tls_kernel_offers(const char *list);
/* Why the kernel is not used, for the log; NULL: it is used. [main] */
const char *tls_kernel_why_not(const struct tls_conf *conf);

/* Before the handshake: makes the socket BIO, if the instance uses the kernel and the lower stream
 * is the raw socket. A failure leaves the stream unchanged. [worker] */
void tls_kernel_prepare(struct tls_stream *stream);
/* After the handshake. True: the kernel has the keys. [worker] */
bool tls_kernel_has_keys(const struct tls_stream *stream);
/* The kernel's keys cannot be changed. From now on stream->wants_keys tells whether the peer
 * demands it. [worker] */
void tls_kernel_watch_keys(struct tls_stream *stream);

#endif
