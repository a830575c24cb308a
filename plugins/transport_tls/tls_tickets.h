/* tls_tickets - the keys of a server's session tickets. A key that was kept for the life of the
 * process would undo forward secrecy for all who resume with TLS 1.2: so it is replaced after a
 * ticket's life, and forgotten after two. */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include "tls.h"

/* Has the server's context make and read tickets with such keys; false: no randomness. [main] */
bool tls_tickets_set_up(struct tls *tls);
/* Wipes them. [main] */
void tls_tickets_fini(struct tls *tls);

#endif
