/* proxy - sets up one visitor at the client: a data connection to the server and a connection to
 * the local service, both started at once. Then a relay carries the bytes. [worker] */
#ifndef CORE_CLIENT_PROXY_H
#define CORE_CLIENT_PROXY_H

#include "base/uuid.h"
#include "client/shared.h"
#include "net/shortage.h"

struct ahead_pool;
struct buf;
struct message;
struct stream;

/* A visitor that the server has announced. */
struct announced {
	struct uuid id;
	spore_addr from; /* of family 0: the server has not told the address */
	spore_addr to;   /* where the visitor connected to, as struct ahead_grant has it */
	struct server_place server; /* the one that has announced it */
	bool reads_claim;           /* that server reads Claim */
};

/* If a connection opened ahead does not answer Accept for so long, it may be dead: the client dials
 * another one beside it. Whichever the server accepts is used. */
enum { PROXY_SLOW_MS = 250 };
/* For the worker's list of slow answers. */
void proxy_on_slow(struct deadline *deadline);

/* A visitor waits in the queue for so long. The server drops it after 10 s, so it is useless to set
 * up one that has waited longer. */
enum { PROXY_WAIT_MS = 9000 };
/* For the worker's list of waits. */
void proxy_on_late(struct deadline *deadline);

/* Opened leaves with the service's first bytes or its end, so that the server has one message to
 * read, not two. It waits for them no longer than this from Open on; a deadline is up to 1 ms late.
 */
enum { PROXY_HOLD_MS = 4 };
/* For the worker's list of Opened that wait. */
void proxy_on_held(struct deadline *deadline);

/* Declines a visitor that was not admitted. pool: of its tunnel, on this worker. lacks: what this
 * machine lacks for it. */
void proxy_refuse(struct ahead_pool *pool, const struct announced *visitor, const char *why,
                  enum shortage lacks);
/* Starts to set up a visitor, or queues it if the maximum number is being set up. When the queue is
 * full, the visitor is declined. The caller has admitted the
 * visitor (client_worker_admit). pool: of its tunnel, on this worker. */
void proxy_start(struct ahead_pool *pool, const struct announced *visitor);
/* As ahead_pool.on_open. Takes the visitor, perhaps into the queue. If it may have been served
 * already, or if no descriptor or service is there for it, closes the connection with a reset. Then
 * the server announces the visitor. */
void proxy_take_open(struct ahead_pool *pool, const struct message *open, struct stream *stream,
                     struct buf *received, struct buf *unsent);
/* For the worker: starts queued visitors while there is room. */
void proxy_run_start_waiting(struct loop_task *task);
/* For worker->relays.on_moved. */
bool proxy_count(const uint64_t bytes[2], void *arg);
/* Ends all visitors that are queued or being set up, and starts no other. */
void proxy_stop_all(struct client_worker *worker);

#endif
