/* tls_session - resumption on a client: the newest session that the server gave, for all data
 * connections of all workers. */
#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include "tls.h"

/* Has the client's context keep sessions. [main] */
void tls_session_set_up(struct tls *tls);
void tls_session_fini(struct tls *tls);
/* Offers the newest session, if there is one, to the server that `ssl` is about to reach. [any] */
void tls_session_offer(struct tls *tls, SSL *ssl);
/* A handshake failed: the next one starts afresh. [any] */
void tls_session_forget(struct tls *tls);

#endif
