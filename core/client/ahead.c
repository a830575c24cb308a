#include "client/ahead.h"

#include <stdlib.h>

#include "base/container.h"
#include "client/uplink.h"
#include "config/settings.h"
#include "log/log.h"
#include "net/sock.h"
#include "net/stream.h"

/* The pause between a loss and the next attempt doubles with each failure. The loss of a connection
 * that was idle for a long time does not count as a failure; servers close old ones. */
static const double first_s = 0.2, most_s = 30.0;
enum { LONG_IDLE_MS = 10000, MAX_DOUBLINGS = 8 };

struct ahead {
	struct list node; /* in pool->opening or pool->idle; in no list once it is taken */
	struct ahead_pool *pool;
	struct uplink uplink;
	int64_t idle_since_ms;
	bool is_idle;
	ahead_fn on_answer; /* set once it is taken */
	void *arg;
	struct loop_task reap;
};

static void on_uplink_ready(struct uplink *uplink);
static void on_uplink_failed(struct uplink *uplink, const struct uplink_failure *failure);
static void on_uplink_message(struct uplink *uplink, const struct message *message);
static void on_uplink_end(struct uplink *uplink, const char *why);
static void on_uplink_late(struct uplink *uplink, const char *why);
static const struct uplink_events uplink_events = {
	.on_ready = on_uplink_ready,
	.on_failed = on_uplink_failed,
	.on_message = on_uplink_message,
	.on_end = on_uplink_end,
	.on_late = on_uplink_late,
};

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
	list_remove(&ahead->node);
	ahead->pool->n--;
}

static bool open_connection(struct ahead_pool *pool)
{
	struct ahead *ahead = calloc(1, sizeof *ahead);

	if (!ahead)
		return false;
	ahead->pool = pool;
	ahead->reap.run = run_free_ahead;
	list_append(&pool->opening, &ahead->node);
	pool->n++;
	uplink_start(&ahead->uplink, pool->worker, SPORE_AUTH_DATA, &pool->grant.server,
	             &uplink_events);
	return true;
}

static void refill_later(struct ahead_pool *pool)
{
	struct ev_loop *ev = loop_ev(pool->worker->loop);
	double pause_s = first_s * (double)(1u << pool->failures);

	if (ev_is_active(&pool->pause) || pool->n >= pool->grant.n)
		return;
	if (pool->failures < MAX_DOUBLINGS)
		pool->failures++;
	ev_now_update(ev);
	ev_timer_set(&pool->pause, pause_s < most_s ? pause_s : most_s, 0.0);
	ev_timer_start(ev, &pool->pause);
}

static void refill(struct ahead_pool *pool)
{
	while (pool->n < pool->grant.n && !ev_is_active(&pool->pause)) {
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
	list_init(&pool->opening);
	list_init(&pool->idle);
	ev_timer_init(&pool->pause, on_ahead_pause_over, 0.0, 0.0);
	pool->pause.data = pool;
}

void ahead_pool_keep(struct ahead_pool *pool, const struct ahead_grant *grant)
{
	pool->grant = *grant;
	if (grant->n == 0)
		ev_timer_stop(loop_ev(pool->worker->loop), &pool->pause);
	while (pool->n > grant->n) {
		struct list *from = list_is_empty(&pool->opening) ? &pool->idle : &pool->opening;

		end_ahead(CONTAINER_OF(from->next, struct ahead, node));
	}
	refill(pool);
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
	const struct client_settings *settings = pool->worker->shared->settings;

	link_extend(&uplink->link, MESSAGE_TO_CLIENT_EXTENDED, false);
	link_send(&uplink->link,
	          &(struct message){ .type = MESSAGE_AHEAD, .id = pool->grant.pass });
	sock_keep_alive(stream_fd(uplink->link.stream), settings->keepalive_data,
	                settings->peer_timeout);
	ahead->idle_since_ms = loop_now_ms(pool->worker->loop);
	list_remove(&ahead->node);
	list_append(&pool->idle, &ahead->node);
	set_idle(ahead, true);
}

static void on_uplink_failed(struct uplink *uplink, const struct uplink_failure *failure)
{
	lose_ahead(ahead_of(uplink), failure->why);
}

static void on_uplink_message(struct uplink *uplink, const struct message *message)
{
	struct ahead *ahead = ahead_of(uplink);
	struct buf received, unsent;
	struct stream *stream;

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

struct ahead *ahead_take(struct ahead_pool *pool, const struct uuid *id, ahead_fn on_answer,
                         void *arg)
{
	struct ahead *ahead;

	if (list_is_empty(&pool->idle))
		return NULL;
	ahead = CONTAINER_OF(pool->idle.next, struct ahead, node);
	leave_pool(ahead);
	ahead->on_answer = on_answer;
	ahead->arg = arg;
	link_send(&ahead->uplink.link, &(struct message){ .type = MESSAGE_ACCEPT, .id = *id });
	uplink_expect_answer(&ahead->uplink);
	refill(pool);
	return ahead;
}

void ahead_drop(struct ahead *ahead)
{
	if (ahead)
		end_ahead(ahead);
}
