/* tls_expiry - until when an instance's certificates are good: a gauge for each kind of them, and a
 * warning from two weeks ahead, when they are read and then once a day.
 *
 * One instance of a name speaks for it, on worker 0: the newest. An older one may have connections
 * for long, but its certificates are of no concern any more. */
#ifndef TLS_EXPIRY_H
#define TLS_EXPIRY_H

#include "tls.h"

/* Takes note of what was loaded into the context, and warns. `previous`: the instance that this one
 * is to replace, or NULL. False: out of memory. [main] */
bool tls_expiry_set_up(struct tls *tls, const struct tls *previous, const char *instance);
/* Also where it was not set up. [main] */
void tls_expiry_fini(struct tls *tls);

/* From now on this instance speaks for its name; nothing happens on other workers than the first.
 * False: out of memory. [worker] */
bool tls_expiry_start(struct tls_worker *worker);
/* If it still speaks, the gauges fall to 0: no certificate is in use. [worker] */
void tls_expiry_stop(struct tls_worker *worker);

#endif
