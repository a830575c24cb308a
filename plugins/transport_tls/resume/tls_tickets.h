/* tls_tickets - the keys of a server's session tickets. A key that lived as long as the process
 * would undo forward secrecy for resumed sessions of TLS 1.2. So a key is replaced after the
 * lifetime of a ticket and wiped after two. */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include "../tls.h"

/* Makes the server's context use such keys. False: no randomness. [main] */
bool tls_tickets_set_up(struct tls *tls);
/* Wipes the keys. [main] */
void tls_tickets_fini(struct tls *tls);

#endif
