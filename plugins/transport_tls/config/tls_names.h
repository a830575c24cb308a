/* tls_names - what a server chooses by the client's first message: its certificate, by the name
 * that the client asks for (SNI), and the protocol above TLS (ALPN). */
#ifndef TLS_NAMES_H
#define TLS_NAMES_H

#include "../tls.h"

/* Loads `certificates`, and takes over `alpn`. False: a mistake was reported. [main] */
bool tls_names_set_up(struct tls *tls, const spore_create_args *args);
/* The context whose certificate this entry of `certificates` takes over from: that of the same
 * file, or of the same number if its file is no longer used. Borrowed; NULL: none. [main] */
SSL_CTX *tls_names_before(const struct tls *tls, const struct tls *previous, size_t number);
void tls_names_fini(struct tls *tls);

#endif
