#include "client/client.h"

#include <stdlib.h>

#include "base/descriptors.h"
#include "client/ahead.h"
#include "client/proxy.h"
#include "client/session.h"
#include "log/log.h"
#include "loop/call.h"
#include "net/resolve.h"

/* As bore's client waits for a Challenge or a Hello. */
enum { ANSWER_MS = 3000 };
static const double tick_s = 0.05;

struct client {
	struct client_env env;
	struct client_shared shared;
	struct client_worker *workers; /* owned */
	struct session *sessions;      /* owned; on worker 0 */
	struct ahead_pool *pools;      /* owned; of each session, one for each worker */
	size_t n_sessions;
	ev_async exit;     /* on the main loop; unlike a task it can be recalled */
	atomic_int status; /* enum client_exit; set on worker 0, read by main */
	ev_timer tick;     /* on the main loop: the progress of a drain */
	void (*on_drained)(void *arg);
	void *arg;
};

/* ---- the end, told to main ---- */

static void on_exit_told(struct ev_loop *ev, ev_async *watcher, int events)
{
	struct client *client = watcher->data;

	(void)ev;
	(void)events;
	client->env.on_exit((enum client_exit)atomic_load(&client->status), client->env.arg);
}

/* [worker 0] */
static void on_over(struct session *session, enum client_exit status)
{
	struct client *client = session->uplink.worker->client;

	if (atomic_load(&client->status) != CLIENT_ENDED)
		return; /* it is on its way */
	atomic_store(&client->status, status);
	ev_async_send(loop_ev(client->env.main_loop), &client->exit);
}

/* ---- the workers' ---- */

static void run_open(void *arg)
{
	struct client_worker *worker = arg;
	struct relay_limits limits = { .most_pipes = worker->max_pipes };

	deadline_list_init(&worker->answers, worker->loop, ANSWER_MS, uplink_on_late);
	deadline_list_init(&worker->silence, worker->loop, SESSION_SILENCE_MS, session_on_silence);
	linger_list_init(&worker->lingerers, worker->loop, &worker->max_lingerers);
	relay_set_init(&worker->relays, worker->loop, &limits);
	list_init(&worker->proxies);
	list_init(&worker->waiting);
	worker->start_waiting.run = proxy_run_start_waiting;
}

static void run_start(void *arg)
{
	struct client *client = arg;

	for (size_t i = 0; i < client->n_sessions; i++)
		session_start(&client->sessions[i]);
}

static void run_end_sessions(void *arg)
{
	struct client *client = arg;

	for (size_t i = 0; i < client->n_sessions; i++)
		session_stop(&client->sessions[i]);
}

static void close_pools(const struct client_worker *worker)
{
	struct client *client = worker->client;
	size_t n = client->n_sessions * client->env.n_workers;

	for (size_t i = (size_t)(worker - client->workers); i < n; i += client->env.n_workers)
		ahead_pool_keep(&client->pools[i], 0, NULL);
}

static void run_close(void *arg)
{
	struct client_worker *worker = arg;

	proxy_stop_all(worker);
	close_pools(worker);
	relay_set_fini(&worker->relays);
	linger_list_fini(&worker->lingerers);
	deadline_list_fini(&worker->answers);
	deadline_list_fini(&worker->silence);
}

/* ---- life ---- */

static void on_tick(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct client *client = timer->data;

	(void)events;
	if (atomic_load(&client->shared.carried) > 0)
		return;
	ev_timer_stop(ev, timer);
	client->on_drained(client->arg);
}

/* A visitor takes two descriptors; a few are for everything else, with what stands open all the
 * time. */
static unsigned max_carried(unsigned descriptors, unsigned standing)
{
	unsigned reserve = 32 + standing + 2 * relay_most_pipes(descriptors);

	return descriptors > reserve ? (descriptors - reserve) / 2 : 1;
}

static void set_up(struct client *client)
{
	const struct settings *settings = &client->env.set->config->settings;
	const struct tunnel_settings *tunnels = settings->tunnels.items;
	unsigned n = client->env.n_workers, descriptors = descriptors_max();
	unsigned standing = (1 + (unsigned)settings->client.ahead) * (unsigned)client->n_sessions;

	ev_async_init(&client->exit, on_exit_told);
	client->exit.data = client;
	ev_async_start(loop_ev(client->env.main_loop), &client->exit);
	ev_timer_init(&client->tick, on_tick, tick_s, tick_s);
	client->tick.data = client;
	client->shared.set = client->env.set;
	client->shared.settings = &settings->client;
	client->shared.resolver = client->env.resolver;
	turns_init(&client->shared.turns, client->env.loops[0], session_start_turn);
	client_stats_init(&client->shared.stats, client->env.metrics);
	for (unsigned i = 0; i < n; i++) {
		struct client_worker *worker = &client->workers[i];

		worker->client = client;
		worker->shared = &client->shared;
		worker->loop = client->env.loops[i];
		worker->max_carried = (max_carried(descriptors, standing) + n - 1) / n;
		worker->max_lingerers = worker->max_carried / 4 + 1;
		worker->max_pipes = relay_most_pipes(descriptors) / n;
		worker->max_dialling = (unsigned)(settings->client.max_dials + n - 1) / n;
		loop_call(worker->loop, run_open, worker);
	}
	for (size_t i = 0; i < client->n_sessions; i++)
		client->sessions[i] = (struct session){ .tunnel = &tunnels[i],
			                                .workers = client->workers,
			                                .pools = &client->pools[i * n],
			                                .n_workers = n,
			                                .n_sessions = client->n_sessions,
			                                .on_over = on_over };
	for (size_t i = 0; i < client->n_sessions * n; i++) {
		client->pools[i] = (struct ahead_pool){ .worker = &client->workers[i % n],
			                                .tunnel = &tunnels[i / n] };
		ahead_pool_init(&client->pools[i]);
	}
	for (size_t i = 0; i < client->n_sessions; i++) {
		session_init(&client->sessions[i]);
		resolver_refresh(client->env.resolver, tunnels[i].local_host);
	}
}

struct client *client_start(const struct client_env *env)
{
	struct client *client = calloc(1, sizeof *client);

	if (!client)
		return NULL;
	client->env = *env;
	client->n_sessions = env->set->config->settings.tunnels.count;
	client->workers = calloc(env->n_workers, sizeof *client->workers);
	client->sessions = calloc(client->n_sessions, sizeof *client->sessions);
	client->pools = calloc(client->n_sessions * env->n_workers, sizeof *client->pools);
	if (!client->workers || !client->sessions || !client->pools) {
		free(client->pools);
		free(client->workers);
		free(client->sessions);
		free(client);
		return NULL;
	}
	set_up(client);
	loop_call(env->loops[0], run_start, client);
	return client;
}

void client_drain(struct client *client, void (*on_drained)(void *arg), void *arg)
{
	client->on_drained = on_drained;
	client->arg = arg;
	loop_call(client->env.loops[0], run_end_sessions, client);
	ev_timer_start(loop_ev(client->env.main_loop), &client->tick);
	ev_feed_event(loop_ev(client->env.main_loop), &client->tick, EV_TIMER);
}

void client_stop(struct client *client)
{
	if (!client)
		return;
	ev_timer_stop(loop_ev(client->env.main_loop), &client->tick);
	loop_call(client->env.loops[0], run_end_sessions, client);
	for (unsigned i = 0; i < client->env.n_workers; i++)
		loop_call(client->env.loops[i], run_close, &client->workers[i]);
	for (unsigned i = 0; i < client->env.n_workers; i++)
		loop_settle(client->env.loops[i]);
	ev_async_stop(loop_ev(client->env.main_loop), &client->exit);
	free(client->pools);
	free(client->sessions);
	free(client->workers);
	free(client);
}
