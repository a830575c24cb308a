/* proxy - one visitor on the client's side: a data connection to the server and a connection to the
 * local service, both begun at once, then a relay. [worker] */
#ifndef CORE_PROXY_H
#define CORE_PROXY_H

#include "base/uuid.h"
#include "client/shared.h"

struct ahead_pool;

/* Begins, or queues when max_dials are on their way. Past a bounded queue the visitor is dropped
 * (it expires at the server), and said so. pool: its tunnel's, on this worker. */
void proxy_start(struct ahead_pool *pool, const struct uuid *id);
/* For the worker: begins those that wait, as far as there is room. */
void proxy_run_start_waiting(struct loop_task *task);
/* Ends those that are being set up. */
void proxy_stop_all(struct client_worker *worker);

#endif
