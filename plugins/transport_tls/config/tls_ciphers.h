/* tls_ciphers - which ciphers are offered and accepted. [main] */
#ifndef TLS_CIPHERS_H
#define TLS_CIPHERS_H

#include "../tls.h"

/* Sets the configured ciphers, or the default ones. Call it after the minimum version is set.
 * False: a mistake, which has been reported. */
bool tls_ciphers_set(struct tls *tls, const spore_create_args *args);

#endif
