/* worker - what a client has on each of its worker threads: the lists of deadlines, the relays, and
 * a look at the connections when the way to the server may have changed. */
#ifndef CORE_CLIENT_WORKER_H
#define CORE_CLIENT_WORKER_H

#include "carry/shared.h"

/* The worker takes a reference to the set, and its part of what the machine allows to one of
 * n_workers. `client`, `shared` and `loop` are set. [main], before the worker opens */
void worker_init(struct client_worker *worker, struct plugin_set *set, unsigned n_workers);
/* [main], after the loop's last use of the worker */
void worker_fini(struct client_worker *worker);
/* Visitors may come. [worker] */
void worker_open(struct client_worker *worker);
/* Ends all relays. No proxy is left, and no tunnel is in the pools. [worker] */
void worker_close(struct client_worker *worker);
/* Goes on with another set, of which it takes a reference. [worker] */
void worker_use(struct client_worker *worker, struct plugin_set *set, unsigned n_workers);
/* The way to the server may have changed: the worker looks at its connections soon. [any] */
void worker_post_look(struct client_worker *worker);

#endif
