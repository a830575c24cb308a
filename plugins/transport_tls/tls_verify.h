/* tls_verify - verifies the peer's certificate, and explains to the operator why it is rejected.
 * Any failure rejects the peer. */
#ifndef TLS_VERIFY_H
#define TLS_VERIFY_H

#include "tls.h"

/* Makes the context verify according to the options. [main] */
void tls_verify_set_up(struct tls *tls);
/* Client: sets the name that the server's certificate must have. False: the name is not 1 to 255
 * bytes long, or memory is out. [worker] */
bool tls_verify_expect(SSL *ssl, const char *name);

#endif
