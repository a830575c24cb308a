/* tls_session - resumption on a client: keeps the newest session from the server for the
 * connections of all workers. */
#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include "../tls.h"

/* Makes the client's context keep sessions. [main] */
void tls_session_set_up(struct tls *tls);
void tls_session_fini(struct tls *tls);
/* Offers the newest session, if there is one, in the handshake that `ssl` is about to begin.
 * [any] */
void tls_session_offer(struct tls *tls, SSL *ssl);
/* After a failed handshake: the next one starts without a session. [any] */
void tls_session_forget(struct tls *tls);

#endif
