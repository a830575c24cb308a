/* tls_validity - how long a session may stand for the verification that it began with. TLS 1.3
 * gives a new ticket with each resumption, so a ticket's own age bounds a pause alone: what bounds
 * the whole travels in the session, from each ticket to the next (RFC 8446, 4.6.1). */
#ifndef TLS_VALIDITY_H
#define TLS_VALIDITY_H

#include "tls.h"

/* A full handshake verified this chain (NULL: none was asked for): the session, and all that come
 * of it, hold for ticket_life, and no longer than any certificate of the chain. False: out of
 * memory. [worker] */
bool tls_validity_begin(const struct tls *tls, SSL_SESSION *session, STACK_OF(X509) * chain);
/* Has a full handshake been through tls_validity_begin() for this session? [any] */
bool tls_validity_has_begun(SSL_SESSION *session);
/* May it still be resumed? [any] */
bool tls_validity_holds(const struct tls *tls, SSL_SESSION *session);

#endif
