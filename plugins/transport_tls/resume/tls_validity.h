/* tls_validity - how long a session may be resumed after the handshake that verified it. TLS 1.3
 * gives a new ticket with each resumption, so the age of a ticket limits only the pause between two
 * connections. The limit for all resumptions is kept in the session and passed from ticket to
 * ticket (RFC 8446, 4.6.1). */
#ifndef TLS_VALIDITY_H
#define TLS_VALIDITY_H

#include "../tls.h"

/* A full handshake has verified this chain (NULL: no certificate was demanded). The session and
 * those resumed from it are valid for ticket_life, but not longer than any certificate of the
 * chain. False: out of memory. [worker] */
bool tls_validity_begin(const struct tls *tls, SSL_SESSION *session, STACK_OF(X509) * chain);
/* True: tls_validity_begin() was called for this session. [any] */
bool tls_validity_has_begun(SSL_SESSION *session);
/* True: a certificate that was verified has expired. [any] */
bool tls_validity_has_expired(SSL_SESSION *session);
/* True: the session may still be resumed. [any] */
bool tls_validity_holds(const struct tls *tls, SSL_SESSION *session);

#endif
