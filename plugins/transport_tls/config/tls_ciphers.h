/* tls_ciphers - which ciphers are offered and accepted. [main] */
#ifndef TLS_CIPHERS_H
#define TLS_CIPHERS_H

#include "../tls.h"

/* Sets the configured ciphers, or the default ones. Call it after the minimum version is set.
 * False: a mistake, which has been reported. */
bool tls_ciphers_set(struct tls *tls, const spore_create_args *args);
/* For a server, when its certificate and key are loaded. Does a cipher of TLS 1.2 fit the kind of
 * the key? If none does, this warns if clients can use TLS 1.3, whose ciphers fit every key. False:
 * they cannot, so no client could connect, which has been reported. */
bool tls_ciphers_fit(const struct tls *tls, const spore_create_args *args);

#endif
