/* tls_expiry - reports when the certificates of an instance expire: a gauge for each kind of
 * certificate, and a warning, from two weeks before, when they are read and then once a day.
 *
 * Among the instances of one name only the newest reports, on worker 0. Older ones may still have
 * connections, but their certificates no longer matter. */
#ifndef TLS_EXPIRY_H
#define TLS_EXPIRY_H

#include "tls.h"

/* Collects the certificates of the context, and warns. `previous` is the instance that this one is
 * to replace, or NULL. False: out of memory. [main] */
bool tls_expiry_set_up(struct tls *tls, const struct tls *previous, const char *instance);
/* May be called without tls_expiry_set_up. [main] */
void tls_expiry_fini(struct tls *tls);

/* From now on this instance reports for its name. Does nothing on workers other than 0. False: out
 * of memory. [worker] */
bool tls_expiry_start(struct tls_worker *worker);
/* Sets the gauges to 0, if this instance still reports: no certificate is in use. [worker] */
void tls_expiry_stop(struct tls_worker *worker);

#endif
