/* tls_ciphers - which ciphers are offered and taken. [main] */
#ifndef TLS_CIPHERS_H
#define TLS_CIPHERS_H

#include "tls.h"

/* Sets those that the options say, or the default ones, once the least version is set. False: a
 * mistake, which was reported with its place. */
bool tls_ciphers_set(struct tls *tls, const spore_create_args *args);

#endif
