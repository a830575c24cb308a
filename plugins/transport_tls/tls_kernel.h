/* tls_kernel - whether this system could do the records of TLS in its kernel (kTLS). They are made here all
 * the same: OpenSSL leaves them to the kernel only where it has the socket itself, without the batches of
 * tls_bio, and nobody has measured yet which is cheaper. [any] */
#ifndef TLS_KERNEL_H
#define TLS_KERNEL_H

#include <stdbool.h>

/* Where Linux lists what can be put upon a TCP socket. */
#define TLS_KERNEL_LIST "/proc/sys/net/ipv4/tcp_available_ulp"

/* Is TLS in that list? Asking by setsockopt() would load a module. */
bool tls_kernel_offers(const char *list);
/* Why the kernel is not used, for the operator. */
const char *tls_kernel_why_not(void);

#endif
