/* proxy - sets up one visitor at the client: a data connection to the server and a connection to
 * the local service, both started at once. Then a relay carries the bytes. [worker] */
#ifndef CORE_CARRY_PROXY_H
#define CORE_CARRY_PROXY_H

#include "carry/carried.h"
#include "carry/shared.h"
#include "net/shortage.h"

struct ahead_pool;
struct buf;
struct message;
struct stream;

/* A visitor waits in the queue at most this long. The server drops a visitor after 10 s, so it is
 * useless to set up one that has waited longer. */
enum { PROXY_WAIT_MS = 9000 };
/* For the worker's list of waits. */
void proxy_on_late(struct deadline *deadline);

/* Declines a visitor that was not admitted. pool: of its tunnel, on this worker. lacks: what this
 * machine lacks for it. */
void proxy_refuse(struct ahead_pool *pool, const struct announced *visitor, const char *why,
                  enum shortage lacks);
/* Starts to set up a visitor, or queues it if the maximum number is being set up. When the queue is
 * full, the visitor is declined. The caller has admitted the visitor (client_worker_admit). pool:
 * of its tunnel, on this worker. */
void proxy_start(struct ahead_pool *pool, const struct announced *visitor);
/* For ahead_pool.on_open. Takes the visitor, perhaps into the queue. If it may have been served
 * already, or if no descriptor or service is there for it, closes the connection with a reset. Then
 * the server announces the visitor. */
void proxy_take_open(struct ahead_pool *pool, const struct message *open, struct stream *stream,
                     struct buf *received, struct buf *unsent);
/* For the worker: starts queued visitors while there is room. */
void proxy_run_start_waiting(struct loop_task *task);
/* Ends all visitors that are queued or being set up, and starts no other. */
void proxy_stop_all(struct client_worker *worker);

#endif
