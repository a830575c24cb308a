#include "carry/proxy.h"

#include "base/container.h"
#include "carry/ahead.h"
#include "carry/carried.h"
#include "carry/decline.h"
#include "carry/failure.h"
#include "carry/origin.h"
#include "carry/proxy_join.h"
#include "carry/proxy_server.h"
#include "carry/proxy_service.h"
#include "carry/proxy_state.h"
#include "net/addr.h"
#include "net/stream.h"

enum { MAX_WAITING = 4096 };

/* Do idle connections take descriptors that visitors may need? */
static bool is_crowded(const struct client_worker *worker)
{
	return worker->n_dialling + worker->relays.count + worker->n_kept / 2 >=
	       atomic_load(&worker->max_carried);
}

static void set_up_proxy(struct proxy *proxy)
{
	struct client_worker *worker = proxy->worker;
	bool was_opened = proxy->was_opened; /* then the dial may end the proxy */

	proxy->is_started = true;
	worker->n_dialling++;
	if (is_crowded(worker))
		ahead_close_oldest(worker);
	list_append(&worker->proxies, &proxy->node);
	/* The service is dialled first: if that fails at once, the server has not been asked yet
	 * and can be told. */
	if (!proxy_service_dial(proxy) || was_opened)
		return;
	proxy->asks_local_first = proxy->dial && proxy_service_is_first(proxy);
	if (!proxy->asks_local_first)
		proxy_server_connect(proxy);
}

/* ---- the queue ---- */

/* Must visitors wait because no descriptor is left for them? */
static bool lacks_descriptors(const struct client_worker *worker)
{
	return worker->n_dialling + worker->relays.count >= atomic_load(&worker->max_carried);
}

/* May another visitor be set up? The number of visitors that dial is limited, and descriptors limit
 * the number of all visitors. */
static bool has_room(const struct client_worker *worker)
{
	return worker->n_dialling < worker->max_dialling && !lacks_descriptors(worker);
}

void proxy_on_late(struct deadline *deadline)
{
	struct proxy *proxy = CONTAINER_OF(deadline, struct proxy, late);
	enum shortage lacks = lacks_descriptors(proxy->worker) ? SHORTAGE_DESCRIPTORS
	                                                       : SHORTAGE_NONE;

	proxy->failure = "waited too long for its turn";
	failure_decline(
		proxy->pool, CLIENT_FAILURE_QUEUE,
		&(struct declined){ .id = &proxy->visitor.id,
	                            .is_ended = proxy->was_opened,
	                            .lacks = lacks,
	                            .event = "connection dropped",
	                            .error = lacks ? "it waited too long: no descriptor was free"
	                                           : "it waited too long for its turn" });
	proxy_state_end(proxy, false);
}

void proxy_run_start_waiting(struct loop_task *task)
{
	struct client_worker *worker = CONTAINER_OF(task, struct client_worker, start_waiting);

	while (has_room(worker) && !list_is_empty(&worker->waiting)) {
		struct proxy *proxy = CONTAINER_OF(worker->waiting.next, struct proxy, node);

		deadline_stop(&proxy->late);
		list_remove(&proxy->node);
		worker->n_waiting--;
		set_up_proxy(proxy);
	}
}

void proxy_refuse(struct ahead_pool *pool, const struct announced *visitor, const char *why,
                  enum shortage lacks)
{
	struct client_worker *worker = pool->worker;
	struct carried carried = { pool, visitor->id, visitor->from, loop_now_ms(worker->loop) };

	failure_decline(pool, CLIENT_FAILURE_QUEUE,
	                &(struct declined){ .id = &visitor->id,
	                                    .lacks = lacks,
	                                    .event = "connection dropped",
	                                    .error = why });
	carried_log_failure(&carried, failure_text(lacks, why));
}

static void start_or_queue(struct proxy *proxy)
{
	struct client_worker *worker = proxy->worker;

	proxy->pool->tally.visitors++;
	proxy->pool->tally.now++;
	if (has_room(worker)) {
		set_up_proxy(proxy);
	} else {
		worker->n_waiting++;
		list_append(&worker->waiting, &proxy->node);
		deadline_start(&worker->waits, &proxy->late);
	}
}

void proxy_start(struct ahead_pool *pool, const struct announced *visitor)
{
	struct client_worker *worker = pool->worker;
	bool is_full = worker->n_waiting >= MAX_WAITING;
	struct proxy *proxy = is_full ? NULL : proxy_state_new(pool, visitor);

	if (!proxy) {
		proxy_refuse(pool, visitor,
		             is_full ? "too many wait to be set up" : failure_no_memory.why,
		             is_full ? SHORTAGE_NONE : failure_no_memory.lacks);
		client_worker_release(worker);
		return;
	}
	start_or_queue(proxy);
}

/* ---- a visitor that the server hands over ---- */

/* Notes the visitor as taken, if the client may take it. After a visitor that did not reach the
 * service, the client dials the service before it takes the next visitor. This needs a visitor that
 * is announced, not one that is handed over. */
static bool note_visitor(const struct ahead_pool *pool, const struct uuid *id)
{
	struct client_worker *worker = pool->worker;

	return !lacks_descriptors(worker) && worker->n_waiting < MAX_WAITING &&
	       !pool->lacks_service &&
	       taken_note(&worker->shared->taken, id, TAKEN_OPENED, loop_now_ms(worker->loop)) ==
	               TAKEN_NOT;
}

static bool append_opened(struct buf *unsent)
{
	char frame[FRAME_MAX + 1];
	size_t len = message_format(&(struct message){ .type = MESSAGE_OPENED }, frame);

	return buf_append(unsent, frame, len, SIZE_MAX);
}

/* Frames the visitor's bytes from here on, and holds Opened back. False: out of memory. */
static bool hold_opened(struct proxy *proxy)
{
	proxy->origin = proxy_join_frame(proxy);
	if (proxy->origin)
		origin_hold(proxy->origin);
	return proxy->origin != NULL;
}

/* Takes the stream and both buffers. NULL: out of memory; nothing was taken. */
static struct proxy *new_opened(struct ahead_pool *pool, const struct announced *visitor,
                                struct stream *server, const struct buf *received,
                                const struct buf *unsent)
{
	struct proxy *proxy = proxy_state_new(pool, visitor);

	if (!proxy)
		return NULL;
	proxy->server = server;
	proxy->received = *received;
	proxy->unsent = *unsent;
	proxy->carries = proxy->was_opened = true;
	proxy->grant = pool->grants;
	if (hold_opened(proxy))
		return proxy;
	proxy_state_free(proxy);
	return NULL;
}

static void start_opened(struct proxy *proxy)
{
	struct client_worker *worker = proxy->worker;

	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_VISITORS, 1);
	client_worker_admit(worker);
	start_or_queue(proxy);
}

void proxy_take_open(struct ahead_pool *pool, const struct message *open, struct stream *stream,
                     struct buf *received, struct buf *unsent)
{
	struct announced visitor = { .id = open->id,
		                     .to = pool->grant.to,
		                     .server = pool->grant.server };
	struct proxy *proxy = NULL;
	bool is_new;

	if (!addr_parse(open->text, &visitor.from)) /* the server does not tell the address */
		visitor.from = (spore_addr){ 0 };
	is_new = note_visitor(pool, &open->id);
	if (is_new && append_opened(unsent))
		proxy = new_opened(pool, &visitor, stream, received, unsent);
	if (proxy) {
		start_opened(proxy);
	} else {
		stream_close(stream, true);
		buf_fini(received);
		buf_fini(unsent);
		if (is_new)
			taken_forget(&pool->worker->shared->taken, &open->id);
		ahead_pool_lose(pool);
	}
}

void proxy_stop_all(struct client_worker *worker)
{
	worker->max_dialling = 0; /* the end of one must not start another */
	while (!list_is_empty(&worker->proxies))
		proxy_state_end(CONTAINER_OF(worker->proxies.next, struct proxy, node), false);
	while (!list_is_empty(&worker->waiting))
		proxy_state_end(CONTAINER_OF(worker->waiting.next, struct proxy, node), false);
}
