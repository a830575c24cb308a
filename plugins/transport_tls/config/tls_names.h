/* tls_names - what a server chooses by the client's first message: its certificate, by the name
 * that the client asks for (SNI), and the protocol above TLS (ALPN). */
#ifndef TLS_NAMES_H
#define TLS_NAMES_H

#include "../tls.h"

/* Loads `certificates`, and takes over `alpn`. False: a mistake was reported. [main] */
bool tls_names_set_up(struct tls *tls, const spore_create_args *args);
void tls_names_fini(struct tls *tls);

#endif
