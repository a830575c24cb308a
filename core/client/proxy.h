/* proxy - sets up one visitor at the client: a data connection to the server and a connection to
 * the local service, both started at once. Then a relay carries the bytes. [worker] */
#ifndef CORE_CLIENT_PROXY_H
#define CORE_CLIENT_PROXY_H

#include "base/uuid.h"
#include "client/shared.h"

struct ahead_pool;

/* Starts to set up a visitor, or queues it if the maximum number is being set up. When the queue is
 * full, the visitor is dropped and logged; it expires at the server. The caller has admitted the
 * visitor (client_worker_admit). pool: of its tunnel, on this worker. */
void proxy_start(struct ahead_pool *pool, const struct uuid *id);
/* For the worker: starts queued visitors while there is room. */
void proxy_run_start_waiting(struct loop_task *task);
/* Ends all visitors that are queued or being set up, and starts no other. */
void proxy_stop_all(struct client_worker *worker);

#endif
