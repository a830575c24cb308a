#include "client/spread.h"

#include <stdlib.h>

#include "base/container.h"
#include "client/ahead.h"
#include "client/proxy.h"
#include "client/shared.h"
#include "config/settings.h"
#include "log/log.h"

/* ---- visitors ---- */

/* A visitor that is being handed to another worker. */
struct handover {
	struct loop_task task;
	struct ahead_pool *pool;
	struct uuid id;
};

static void run_handover(struct loop_task *task)
{
	struct handover *handover = CONTAINER_OF(task, struct handover, task);

	proxy_start(handover->pool, &handover->id);
	free(handover);
}

static bool has_idle_connection(const struct ahead_pool *pool)
{
	return atomic_load(&pool->n_idle) > 0;
}

static bool is_better(const struct ahead_pool *pool, const struct ahead_pool *than)
{
	if (has_idle_connection(pool) != has_idle_connection(than))
		return has_idle_connection(pool);
	return atomic_load(&pool->worker->load) < atomic_load(&than->worker->load);
}

/* Prefers a worker with a connection opened ahead, then the one with the least load. With equal
 * loads, it is our own worker, because waking another one costs more than it brings. */
static struct ahead_pool *choose_pool(const struct spread *spread)
{
	struct ahead_pool *best = &spread->pools[0];

	for (unsigned i = 1; i < spread->n_workers; i++) {
		if (is_better(&spread->pools[i], best))
			best = &spread->pools[i];
	}
	return best;
}

static void hand_over(const struct client_worker *from, struct ahead_pool *pool,
                      const struct uuid *id)
{
	struct handover *handover = calloc(1, sizeof *handover);

	if (!handover) {
		client_worker_release(pool->worker);
		client_stats_fail(&from->shared->stats, from->loop, CLIENT_FAILURE_MEMORY);
		log_error("connection dropped: out of memory",
		          log_str("tunnel", pool->tunnel->name));
		return;
	}
	*handover = (struct handover){ .task.run = run_handover, .pool = pool, .id = *id };
	loop_post(pool->worker->loop, &handover->task);
}

void spread_visitor(const struct spread *spread, const struct uuid *id)
{
	struct ahead_pool *pool = choose_pool(spread);
	const struct client_worker *own = spread->pools[0].worker;

	client_stats_add(&own->shared->stats, own->loop, CLIENT_STAT_VISITORS, 1);
	client_worker_admit(pool->worker);
	if (pool->worker == own)
		proxy_start(pool, id);
	else
		hand_over(own, pool, id);
}

/* ---- connections opened ahead ---- */

/* A pool's new size, posted to its worker. */
struct ahead_order {
	struct loop_task task;
	struct ahead_pool *pool;
	unsigned n;
	struct uuid pass;
};

static void run_ahead_order(struct loop_task *task)
{
	struct ahead_order *order = CONTAINER_OF(task, struct ahead_order, task);

	ahead_pool_keep(order->pool, order->n, &order->pass);
	free(order);
}

static void order_ahead(struct ahead_pool *pool, unsigned n, const struct uuid *pass)
{
	struct ahead_order *order = calloc(1, sizeof *order);

	if (!order) {
		log_error("cannot open connections ahead: out of memory",
		          log_str("tunnel", pool->tunnel->name));
		return;
	}
	*order = (struct ahead_order){ .task.run = run_ahead_order, .pool = pool, .n = n };
	if (pass)
		order->pass = *pass;
	loop_post(pool->worker->loop, &order->task);
}

void spread_ahead(struct spread *spread, unsigned n, const struct uuid *pass)
{
	unsigned workers = spread->n_workers;

	if (n == 0 && !spread->n_ahead)
		return;
	spread->n_ahead = n;
	for (unsigned i = 0; i < workers; i++)
		order_ahead(&spread->pools[i], n / workers + (i < n % workers), pass);
}
