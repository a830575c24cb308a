#include "carry/ahead.h"

#include <stdlib.h>

#include "base/container.h"
#include "carry/uplink.h"
#include "config/settings.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/sock.h"
#include "net/stream.h"
#include "way/homes.h"

/* The pause between a loss and the next attempt doubles with each failure. The loss of a connection
 * that was idle for a long time does not count as a failure; servers close old ones. */
static const double first_s = 0.2, most_s = 30.0;
enum { LONG_IDLE_MS = 10000, MAX_DOUBLINGS = 8 };

struct ahead {
	struct list node; /* in pool->opening or pool->idle; in no list once it is taken */
	struct ahead_pool *pool;
	struct uplink uplink;
	int64_t idle_since_ms;
	struct deadline idle; /* of one that was kept for the next visitor */
	bool is_idle, is_kept;
	ahead_fn on_answer; /* set once it is taken */
	void *arg;
	struct loop_task reap;
};

static const struct uplink_events uplink_events; /* at the end of the file */

static struct ahead *ahead_of(struct uplink *uplink)
{
	return CONTAINER_OF(uplink, struct ahead, uplink);
}

static void run_free_ahead(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct ahead, reap));
}

/* ---- the pool ---- */

static void set_idle(struct ahead *ahead, bool is_idle)
{
	struct client_worker *worker = ahead->pool->worker;
	int delta = is_idle - ahead->is_idle;

	if (delta == 0)
		return;
	ahead->is_idle = is_idle;
	atomic_fetch_add(&ahead->pool->n_idle, (unsigned)delta);
	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_AHEAD, delta);
}

static void leave_pool(struct ahead *ahead)
{
	set_idle(ahead, false);
	deadline_stop(&ahead->idle);
	if (ahead->is_kept)
		ahead->pool->worker->n_kept--;
	ahead->is_kept = false;
	list_remove(&ahead->node);
	ahead->pool->n--;
}

/* NULL: out of memory. */
static struct ahead *new_ahead(struct ahead_pool *pool, struct list *in)
{
	struct ahead *ahead = calloc(1, sizeof *ahead);

	if (!ahead)
		return NULL;
	ahead->pool = pool;
	ahead->reap.run = run_free_ahead;
	deadline_init(&ahead->idle);
	list_append(in, &ahead->node);
	pool->n++;
	return ahead;
}

static bool open_connection(struct ahead_pool *pool)
{
	struct ahead *ahead = new_ahead(pool, &pool->opening);

	if (!ahead)
		return false;
	uplink_start(&ahead->uplink, pool->worker, SPORE_AUTH_DATA, &pool->grant.server,
	             &uplink_events);
	return true;
}

/* Are fewer connections open than there should be? */
static bool is_short(const struct ahead_pool *pool)
{
	return pool->n + pool->lent < pool->grant.n;
}

static void refill_later(struct ahead_pool *pool)
{
	struct ev_loop *ev = loop_ev(pool->worker->loop);
	double pause_s = first_s * (double)(1u << pool->failures);

	if (ev_is_active(&pool->pause) || !is_short(pool))
		return;
	if (pool->failures < MAX_DOUBLINGS)
		pool->failures++;
	ev_now_update(ev);
	ev_timer_set(&pool->pause, pause_s < most_s ? pause_s : most_s, 0.0);
	ev_timer_start(ev, &pool->pause);
}

static void refill(struct ahead_pool *pool)
{
	while (is_short(pool) && !ev_is_active(&pool->pause)) {
		if (!open_connection(pool))
			refill_later(pool);
	}
}

static void on_ahead_pause_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	refill(timer->data);
}

static void end_ahead(struct ahead *ahead)
{
	uplink_stop(&ahead->uplink);
	if (!ahead->on_answer)
		leave_pool(ahead);
	loop_reap(ahead->pool->worker->loop, &ahead->reap);
}

void ahead_pool_init(struct ahead_pool *pool)
{
	list_init(&pool->node);
	list_init(&pool->opening);
	list_init(&pool->idle);
	ev_timer_init(&pool->pause, on_ahead_pause_over, 0.0, 0.0);
	pool->pause.data = pool;
}

void ahead_pool_use(struct ahead_pool *pool, struct config *config,
                    const struct tunnel_settings *tunnel)
{
	struct config *old = pool->config;

	pool->config = config_ref(config);
	pool->tunnel = tunnel;
	config_unref(old);
}

void ahead_pool_keep(struct ahead_pool *pool, const struct ahead_grant *grant)
{
	if (pool->is_left)
		return;
	pool->grant = *grant;
	pool->grants++;
	if (grant->n == 0)
		ev_timer_stop(loop_ev(pool->worker->loop), &pool->pause);
	while (pool->n > grant->n) {
		struct list *from = list_is_empty(&pool->opening) ? &pool->idle : &pool->opening;

		end_ahead(CONTAINER_OF(from->next, struct ahead, node));
	}
	refill(pool);
}

static void close_homeless(struct list *connections, struct homes *homes)
{
	struct list *next;

	for (struct list *i = connections->next; i != connections; i = next) {
		struct ahead *ahead = CONTAINER_OF(i, struct ahead, node);
		int fd = uplink_fd(&ahead->uplink);
		spore_addr addr;

		next = i->next;
		if (fd >= 0 && !homes_have(homes, fd, &addr))
			end_ahead(ahead);
	}
}

void ahead_pool_look(struct ahead_pool *pool, struct homes *homes)
{
	close_homeless(&pool->opening, homes);
	close_homeless(&pool->idle, homes);
	refill(pool);
}

/* ---- connections that have had a visitor ---- */

bool ahead_pool_carries(const struct ahead_pool *pool, const struct server_place *server)
{
	return pool->grant.most > 0 && server_place_equal(&pool->grant.server, server);
}

struct message ahead_accept(const struct ahead_pool *pool, const struct uuid *id, bool carries)
{
	return (struct message){ .type = carries ? MESSAGE_CARRY : MESSAGE_ACCEPT,
		                 .id = *id,
		                 .pass = pool->grant.pass };
}

static void begin_idling(struct ahead *ahead)
{
	ahead->idle_since_ms = loop_now_ms(ahead->pool->worker->loop);
	set_idle(ahead, true);
}

/* Idle connections may use a quarter of the descriptors. */
static bool may_keep(const struct ahead_pool *pool)
{
	const struct client_worker *worker = pool->worker;

	return pool->n < pool->grant.most && worker->n_kept < atomic_load(&worker->max_carried) / 2;
}

void ahead_pool_lend(struct ahead_pool *pool)
{
	pool->lent++;
}

void ahead_pool_lose(struct ahead_pool *pool)
{
	pool->lent--;
	refill(pool);
}

void ahead_pool_return(struct ahead_pool *pool, unsigned grant, struct stream *stream,
                       struct buf *received)
{
	struct client_worker *worker = pool->worker;
	bool keeps = grant == pool->grants && may_keep(pool) && !conn_is_stale(stream_conn(stream));
	struct ahead *ahead = keeps ? new_ahead(pool, &pool->idle) : NULL;

	if (!ahead) {
		stream_close(stream, false);
		buf_fini(received);
		ahead_pool_lose(pool);
		return;
	}
	pool->lent--;
	begin_idling(ahead);
	ahead->is_kept = true;
	worker->n_kept++;
	deadline_start(&worker->idle_ends, &ahead->idle);
	if (!uplink_resume(&ahead->uplink, worker, stream, received, &uplink_events)) {
		end_ahead(ahead);
		refill_later(pool);
	}
}

bool ahead_close_oldest(struct client_worker *worker)
{
	struct list *oldest = worker->idle_ends.running.next;

	if (oldest == &worker->idle_ends.running)
		return false;
	end_ahead(CONTAINER_OF(CONTAINER_OF(oldest, struct deadline, node), struct ahead, idle));
	return true;
}

void ahead_on_idle(struct deadline *deadline)
{
	struct ahead *ahead = CONTAINER_OF(deadline, struct ahead, idle);
	struct ahead_pool *pool = ahead->pool;

	if (pool->n + pool->lent > pool->grant.n)
		end_ahead(ahead);
	else
		deadline_start(&pool->worker->idle_ends, deadline);
}

/* ---- one connection ---- */

static bool was_idle_for_long(const struct ahead *ahead)
{
	return ahead->is_idle &&
	       loop_now_ms(ahead->pool->worker->loop) - ahead->idle_since_ms > LONG_IDLE_MS;
}

static void lose_ahead(struct ahead *ahead, const char *why)
{
	struct ahead_pool *pool = ahead->pool;

	log_debug("connection opened ahead was lost", log_str("tunnel", pool->tunnel->name),
	          log_str("error", why));
	if (was_idle_for_long(ahead))
		pool->failures = 0;
	end_ahead(ahead);
	if (ahead->on_answer)
		ahead->on_answer(NULL, NULL, ahead->arg);
	else
		refill_later(pool);
}

static void on_uplink_ready(struct uplink *uplink)
{
	struct ahead *ahead = ahead_of(uplink);
	struct ahead_pool *pool = ahead->pool;
	const struct client_settings *settings = client_worker_settings(pool->worker);

	link_extend(&uplink->link, MESSAGE_TO_CLIENT_EXTENDED, false);
	link_send(&uplink->link,
	          &(struct message){ .type = MESSAGE_AHEAD, .id = pool->grant.pass });
	sock_keep_alive(stream_fd(uplink->link.stream), settings->keepalive_data,
	                settings->peer_timeout);
	list_remove(&ahead->node);
	list_append(&pool->idle, &ahead->node);
	begin_idling(ahead);
}

static void on_uplink_failed(struct uplink *uplink, const struct uplink_failure *failure)
{
	lose_ahead(ahead_of(uplink), failure->why);
}

/* If the connection was asked for another visitor in the same moment, that one is asked for
 * elsewhere: the server does not answer. */
static void take_open(struct ahead *ahead, const struct message *open)
{
	struct ahead_pool *pool = ahead->pool;
	struct buf received, unsent;
	struct stream *stream = link_take(&ahead->uplink.link, &received, &unsent);

	end_ahead(ahead);
	pool->failures = 0;
	pool->lent++;
	pool->on_open(pool, open, stream, &received, &unsent);
	if (ahead->on_answer)
		ahead->on_answer(NULL, NULL, ahead->arg);
}

static void on_uplink_message(struct uplink *uplink, const struct message *message)
{
	struct ahead *ahead = ahead_of(uplink);
	struct buf received, unsent;
	struct stream *stream;

	if (message->type == MESSAGE_OPEN && !conn_is_stale(stream_conn(uplink->link.stream))) {
		take_open(ahead, message);
		return;
	}
	if (!ahead->on_answer || message->type != MESSAGE_ACCEPTED) {
		lose_ahead(ahead, message->type == MESSAGE_ERROR
		                          ? message->text
		                          : "unexpected message from server");
		return;
	}
	ahead->pool->failures = 0;
	stream = link_take(&uplink->link, &received, &unsent);
	buf_fini(&unsent); /* it is empty: the server has answered everything */
	end_ahead(ahead);
	ahead->on_answer(stream, &received, ahead->arg);
}

static void on_uplink_end(struct uplink *uplink, const char *why)
{
	lose_ahead(ahead_of(uplink), why ? why : "closed by the server");
}

static void on_uplink_late(struct uplink *uplink, const char *why)
{
	lose_ahead(ahead_of(uplink), why);
}

/* The one that was used last. Closes those whose transport vouches for the server no more. */
static struct ahead *find_fresh(struct ahead_pool *pool)
{
	while (!list_is_empty(&pool->idle)) {
		struct ahead *ahead = CONTAINER_OF(pool->idle.prev, struct ahead, node);

		if (!conn_is_stale(stream_conn(ahead->uplink.link.stream)))
			return ahead;
		end_ahead(ahead);
	}
	return NULL;
}

struct ahead *ahead_take(struct ahead_pool *pool, const struct message *accept, ahead_fn on_answer,
                         void *arg)
{
	struct ahead *ahead = find_fresh(pool);

	if (!ahead) {
		refill(pool); /* all of them may have become stale */
		return NULL;
	}
	leave_pool(ahead);
	ahead->on_answer = on_answer;
	ahead->arg = arg;
	link_send(&ahead->uplink.link, accept);
	uplink_expect_answer(&ahead->uplink);
	if (accept->type == MESSAGE_CARRY)
		pool->lent++;
	refill(pool);
	return ahead;
}

void ahead_drop(struct ahead *ahead)
{
	if (ahead)
		end_ahead(ahead);
}

static const struct uplink_events uplink_events = {
	.on_ready = on_uplink_ready,
	.on_failed = on_uplink_failed,
	.on_message = on_uplink_message,
	.on_end = on_uplink_end,
	.on_late = on_uplink_late,
};
