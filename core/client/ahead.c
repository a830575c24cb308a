#include "client/ahead.h"

#include <stdlib.h>

#include "base/container.h"
#include "client/uplink.h"
#include "config/settings.h"
#include "log/log.h"
#include "net/sock.h"
#include "net/stream.h"

/* Between a loss and the next try. One that has waited for long before it was lost is none to learn
 * from: a server lets go of it some time. */
static const double soon_s = 0.2, late_s = 30.0;
enum { LONG_MS = 10000, MOST_DOUBLINGS = 8 };

struct ahead {
	struct list node; /* in pool->opening or pool->idle */
	struct ahead_pool *pool;
	struct uplink uplink;
	int64_t since_ms;   /* it waits */
	ahead_fn on_answer; /* set once it is taken */
	void *arg;
	bool waits;
	struct loop_task reap;
};

static void on_ready(struct uplink *uplink);
static void on_failed(struct uplink *uplink, const char *why, enum uplink_failure failure);
static void on_message(struct uplink *uplink, const struct message *message);
static void on_end(struct uplink *uplink, const char *why);
static const struct uplink_events events = { on_ready, on_failed, on_message, on_end };

static struct ahead *ahead_of(struct uplink *uplink)
{
	return CONTAINER_OF(uplink, struct ahead, uplink);
}

static void run_reap(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct ahead, reap));
}

/* ---- how many there are ---- */

static void count_idle(struct ahead *ahead, int delta)
{
	struct client_worker *worker = ahead->pool->worker;

	ahead->waits = delta > 0;
	atomic_fetch_add(&ahead->pool->n_idle, (unsigned)delta);
	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_AHEAD, delta);
}

static void leave_pool(struct ahead *ahead)
{
	if (ahead->waits)
		count_idle(ahead, -1);
	list_remove(&ahead->node);
	ahead->pool->n--;
}

static bool open_one(struct ahead_pool *pool)
{
	struct ahead *ahead = calloc(1, sizeof *ahead);

	if (!ahead)
		return false;
	ahead->pool = pool;
	ahead->reap.run = run_reap;
	list_append(&pool->opening, &ahead->node);
	pool->n++;
	uplink_start(&ahead->uplink, pool->worker, SPORE_AUTH_DATA, &events);
	return true;
}

static void refill_later(struct ahead_pool *pool)
{
	struct ev_loop *ev = loop_ev(pool->worker->loop);
	double delay_s = soon_s * (double)(1u << pool->failures);

	if (ev_is_active(&pool->again) || pool->n >= pool->wanted)
		return;
	if (pool->failures < MOST_DOUBLINGS)
		pool->failures++;
	ev_now_update(ev);
	ev_timer_set(&pool->again, delay_s < late_s ? delay_s : late_s, 0.0);
	ev_timer_start(ev, &pool->again);
}

static void refill(struct ahead_pool *pool)
{
	while (pool->n < pool->wanted && !ev_is_active(&pool->again)) {
		if (!open_one(pool))
			refill_later(pool);
	}
}

static void on_again(struct ev_loop *ev, ev_timer *timer, int happened)
{
	(void)ev;
	(void)happened;
	refill(timer->data);
}

static void end(struct ahead *ahead)
{
	uplink_stop(&ahead->uplink);
	if (!ahead->on_answer)
		leave_pool(ahead);
	loop_reap(ahead->pool->worker->loop, &ahead->reap);
}

/* Nobody was to be carried by it yet, or somebody was. */
static void lose(struct ahead *ahead, const char *why)
{
	struct ahead_pool *pool = ahead->pool;
	bool was_taken = ahead->on_answer;

	log_debug("connection opened ahead was lost", log_str("tunnel", pool->tunnel->name),
	          log_str("error", why));
	if (ahead->waits && loop_now_ms(pool->worker->loop) - ahead->since_ms > LONG_MS)
		pool->failures = 0;
	end(ahead);
	if (was_taken)
		ahead->on_answer(NULL, NULL, ahead->arg);
	else
		refill_later(pool);
}

void ahead_pool_init(struct ahead_pool *pool)
{
	list_init(&pool->opening);
	list_init(&pool->idle);
	ev_timer_init(&pool->again, on_again, 0.0, 0.0);
	pool->again.data = pool;
}

void ahead_pool_keep(struct ahead_pool *pool, unsigned n, const struct uuid *pass)
{
	pool->wanted = n;
	if (n > 0)
		pool->pass = *pass;
	else
		ev_timer_stop(loop_ev(pool->worker->loop), &pool->again);
	while (pool->n > n) {
		struct list *from = list_is_empty(&pool->opening) ? &pool->idle : &pool->opening;

		end(CONTAINER_OF(from->next, struct ahead, node));
	}
	refill(pool);
}

/* ---- one of them ---- */

static void on_ready(struct uplink *uplink)
{
	struct ahead *ahead = ahead_of(uplink);
	struct ahead_pool *pool = ahead->pool;

	link_extend(&uplink->link, MESSAGE_TO_CLIENT_EXTENDED, false);
	link_send(&uplink->link, &(struct message){ .type = MESSAGE_AHEAD, .id = pool->pass });
	sock_keep_alive(stream_fd(uplink->link.stream));
	ahead->since_ms = loop_now_ms(pool->worker->loop);
	list_remove(&ahead->node);
	list_append(&pool->idle, &ahead->node);
	count_idle(ahead, 1);
}

static void on_failed(struct uplink *uplink, const char *why, enum uplink_failure failure)
{
	(void)failure;
	lose(ahead_of(uplink), why);
}

static void on_message(struct uplink *uplink, const struct message *message)
{
	struct ahead *ahead = ahead_of(uplink);
	struct buf received, unsent;
	struct stream *stream;

	if (!ahead->on_answer || message->type != MESSAGE_ACCEPTED) {
		lose(ahead, message->type == MESSAGE_ERROR ? message->text
		                                           : "unexpected message from server");
		return;
	}
	ahead->pool->failures = 0;
	stream = link_take(&uplink->link, &received, &unsent);
	buf_fini(&unsent); /* all was sent, since it was answered */
	end(ahead);
	ahead->on_answer(stream, &received, ahead->arg);
}

static void on_end(struct uplink *uplink, const char *why)
{
	lose(ahead_of(uplink), why ? why : "closed by the server");
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
	deadline_start(&pool->worker->answers, &ahead->uplink.deadline);
	refill(pool);
	return ahead;
}

void ahead_drop(struct ahead *ahead)
{
	if (ahead)
		end(ahead);
}
