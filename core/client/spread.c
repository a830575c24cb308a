#include "client/spread.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/descriptors.h"
#include "client/ahead.h"
#include "client/decline.h"
#include "client/proxy.h"
#include "client/shared.h"
#include "config/settings.h"
#include "log/log.h"

/* ---- visitors ---- */

/* A visitor that is being handed to another worker. */
struct handover {
	struct loop_task task;
	struct ahead_pool *pool;
	struct announced visitor;
};

static void run_handover(struct loop_task *task)
{
	struct handover *handover = CONTAINER_OF(task, struct handover, task);

	proxy_start(handover->pool, &handover->visitor);
	users_leave(handover->pool->users);
	free(handover);
}

static bool has_idle_connection(const struct ahead_pool *pool)
{
	return atomic_load(&pool->n_idle) > 0;
}

static bool has_place(const struct ahead_pool *pool)
{
	return atomic_load(&pool->worker->load) < atomic_load(&pool->worker->max_carried);
}

static bool is_better(const struct ahead_pool *pool, const struct ahead_pool *than)
{
	if (has_place(pool) != has_place(than))
		return has_place(pool);
	if (has_idle_connection(pool) != has_idle_connection(than))
		return has_idle_connection(pool);
	return atomic_load(&pool->worker->load) < atomic_load(&than->worker->load);
}

/* Prefers a worker with a place, then one with a connection opened ahead, then the one with the
 * least load. With equal loads, it is our own worker, because waking another one costs more than it
 * brings. */
static struct ahead_pool *choose_pool(const struct spread *spread)
{
	struct ahead_pool *best = &spread->pools[0];

	for (unsigned i = 1; i < spread->n_workers; i++) {
		if (is_better(&spread->pools[i], best))
			best = &spread->pools[i];
	}
	return best;
}

static void hand_over(const struct spread *spread, struct ahead_pool *pool,
                      const struct announced *visitor)
{
	struct handover *handover = calloc(1, sizeof *handover);

	if (!handover) {
		client_worker_release(pool->worker);
		proxy_refuse(&spread->pools[0], visitor, "out of memory", SHORTAGE_MEMORY);
		return;
	}
	*handover = (struct handover){ .task.run = run_handover,
		                       .pool = pool,
		                       .visitor = *visitor };
	users_enter(pool->users);
	loop_post(pool->worker->loop, &handover->task);
}

/* A place may become free long after the server has given the visitor up. So a server that can end
 * the visitor is told at once. */
static bool must_decline(const struct spread *spread)
{
	const struct client_shared *shared = spread->pools[0].worker->shared;

	return atomic_load(&shared->carried) >= atomic_load(&shared->max_carried) &&
	       decline_is_read(spread->pools[0].decliner, DECLINE_READS_DECLINE);
}

static void decline(const struct spread *spread, const struct announced *visitor)
{
	struct ahead_pool *pool = &spread->pools[0];
	char why[128];

	snprintf(why, sizeof why, "no descriptor is left: %u are enough for %u visitors at once",
	         descriptors_max(), atomic_load(&pool->worker->shared->max_carried));
	proxy_refuse(pool, visitor, why, SHORTAGE_DESCRIPTORS);
}

void spread_visitor(const struct spread *spread, const struct announced *visitor)
{
	const struct client_worker *own = spread->pools[0].worker;
	struct ahead_pool *pool;

	client_stats_add(&own->shared->stats, own->loop, CLIENT_STAT_VISITORS, 1);
	if (must_decline(spread)) {
		decline(spread, visitor);
		return;
	}
	pool = choose_pool(spread);
	client_worker_admit(pool->worker);
	if (pool->worker == own)
		proxy_start(pool, visitor);
	else
		hand_over(spread, pool, visitor);
}

/* ---- connections opened ahead ---- */

/* A pool's new size, posted to its worker. */
struct ahead_order {
	struct loop_task task;
	struct ahead_pool *pool;
	struct ahead_grant grant;
};

static void run_ahead_order(struct loop_task *task)
{
	struct ahead_order *order = CONTAINER_OF(task, struct ahead_order, task);

	ahead_pool_keep(order->pool, &order->grant);
	users_leave(order->pool->users);
	free(order);
}

static void order_ahead(struct ahead_pool *pool, const struct ahead_grant *grant)
{
	struct ahead_order *order = calloc(1, sizeof *order);

	if (!order) {
		log_error("cannot open connections ahead: out of memory",
		          log_str("tunnel", pool->decliner->tunnel));
		return;
	}
	*order = (struct ahead_order){ .task.run = run_ahead_order, .pool = pool, .grant = *grant };
	users_enter(pool->users);
	loop_post(pool->worker->loop, &order->task);
}

void spread_ahead(struct spread *spread, const struct ahead_grant *grant)
{
	unsigned workers = spread->n_workers, grants = grant->n + grant->most;
	struct ahead_grant share = *grant;

	if (grants == 0 && !spread->has_grant)
		return;
	spread->has_grant = grants > 0;
	for (unsigned i = 0; i < workers; i++) {
		share.n = grant->n / workers + (i < grant->n % workers);
		share.most = grant->most / workers + (i < grant->most % workers);
		order_ahead(&spread->pools[i], &share);
	}
}
