#include "carry/proxy_state.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/zeroed.h"
#include "carry/ahead.h"
#include "config/config.h"
#include "net/dial.h"
#include "net/stream.h"
#include "thread/users.h"

void proxy_state_free(struct proxy *proxy)
{
	config_unref(proxy->config);
	users_leave(proxy->pool->users);
	free(proxy);
}

static void run_free(struct loop_task *task)
{
	proxy_state_free(CONTAINER_OF(task, struct proxy, reap));
}

struct proxy *proxy_state_new(struct ahead_pool *pool, const struct announced *visitor)
{
	struct proxy *proxy = zeroed_new(sizeof *proxy);

	if (!proxy)
		return NULL;
	proxy->worker = pool->worker;
	proxy->config = config_ref(pool->config);
	proxy->tunnel = pool->tunnel;
	proxy->pool = pool;
	users_enter(pool->users);
	proxy->visitor = *visitor;
	proxy->since_ms = loop_now_ms(pool->worker->loop);
	proxy->reap.run = run_free;
	deadline_init(&proxy->slow);
	deadline_init(&proxy->late);
	list_init(&proxy->node);
	return proxy;
}

void proxy_state_lend(struct proxy *proxy, bool lends)
{
	if (lends && !proxy->lends)
		ahead_pool_lend(proxy->pool);
	else if (!lends && proxy->lends)
		ahead_pool_lose(proxy->pool);
	proxy->lends = lends;
}

struct carried proxy_state_carried(const struct proxy *proxy)
{
	return (struct carried){ proxy->pool, proxy->visitor.id, proxy->visitor.from,
		                 proxy->since_ms };
}

void proxy_state_end(struct proxy *proxy, bool is_relayed)
{
	struct client_worker *worker = proxy->worker;
	struct carried visitor = proxy_state_carried(proxy);

	ahead_drop(proxy->ahead);
	deadline_stop(&proxy->slow);
	deadline_stop(&proxy->late);
	uplink_stop(&proxy->uplink);
	dial_stop(proxy->dial);
	stream_close(proxy->server, false);
	stream_close(proxy->local, false);
	proxy_state_lend(proxy, false);
	buf_fini(&proxy->received);
	buf_fini(&proxy->unsent);
	list_remove(&proxy->node);
	if (proxy->is_started)
		worker->n_dialling--;
	else
		worker->n_waiting--;
	if (!is_relayed) {
		carried_log_failure(&visitor, proxy->failure ? proxy->failure : "the client ends");
		proxy->pool->tally.now--;
		client_worker_release(worker);
	}
	loop_reap(worker->loop, &proxy->reap);
	loop_at_turn_end(worker->loop, &worker->start_waiting);
}
