#include "client/client.h"

#include <stdlib.h>

#include "base/descriptors.h"
#include "client/ahead.h"
#include "client/proxy.h"
#include "client/session.h"
#include "log/log.h"
#include "loop/call.h"
#include "net/resolve.h"

static const double drain_poll_s = 0.05;

struct client {
	struct client_env env;
	struct client_shared shared;
	struct client_worker *workers; /* owned */
	struct session *sessions;      /* owned; one for each tunnel, on worker 0 */
	struct ahead_pool *pools;      /* owned; one for each worker, tunnel after tunnel */
	ev_async exit;                 /* on the main loop; unlike a task it can be recalled */
	size_t n_over;                 /* sessions that have ended for good; on worker 0 */
	enum client_exit first_status; /* of the first of them; on worker 0 */
	atomic_int status;             /* enum client_exit; set on worker 0, read by main */
	ev_timer drain_poll;           /* on the main loop */
	void (*on_drained)(void *arg);
	void *arg;
};

/* ---- exit ---- */

/* [main] */
static void on_exit_sent(struct ev_loop *ev, ev_async *watcher, int events)
{
	struct client *client = watcher->data;

	(void)ev;
	(void)events;
	client->env.on_exit((enum client_exit)atomic_load(&client->status), client->env.arg);
}

/* The client ends with its last tunnel, and with the status of the tunnel that ended first.
 * [worker] 0 */
static void on_session_over(struct session *session, enum client_exit status)
{
	struct client *client = session->worker->client;

	if (client->n_over++ == 0)
		client->first_status = status;
	if (client->n_over < client->shared.n_tunnels)
		return;
	atomic_store(&client->status, (int)client->first_status);
	ev_async_send(loop_ev(client->env.main_loop), &client->exit);
}

/* ---- calls that run on the workers ---- */

static void run_open_worker(void *arg)
{
	struct client_worker *worker = arg;
	struct relay_limits limits = { .most_pipes = worker->max_pipes };

	deadline_list_init(&worker->answers, worker->loop, worker->shared->settings->answer_timeout,
	                   uplink_on_late);
	deadline_list_init(&worker->silence, worker->loop, SESSION_SILENCE_MS, session_on_silence);
	linger_list_init(&worker->lingerers, worker->loop, &worker->max_lingerers);
	relay_set_init(&worker->relays, worker->loop, &limits);
	list_init(&worker->proxies);
	list_init(&worker->waiting);
	worker->start_waiting.run = proxy_run_start_waiting;
}

static void close_pools(const struct client_worker *worker)
{
	struct client *client = worker->client;
	unsigned n_workers = client->env.n_workers;
	size_t n_pools = client->shared.n_tunnels * n_workers;

	for (size_t i = (size_t)(worker - client->workers); i < n_pools; i += n_workers)
		ahead_pool_keep(&client->pools[i], 0, NULL);
}

static void run_close_worker(void *arg)
{
	struct client_worker *worker = arg;

	proxy_stop_all(worker);
	close_pools(worker);
	relay_set_fini(&worker->relays);
	linger_list_fini(&worker->lingerers);
	deadline_list_fini(&worker->answers);
	deadline_list_fini(&worker->silence);
}

static void run_start_sessions(void *arg)
{
	struct client *client = arg;

	for (size_t i = 0; i < client->shared.n_tunnels; i++)
		session_start(&client->sessions[i]);
}

static void run_stop_sessions(void *arg)
{
	struct client *client = arg;

	for (size_t i = 0; i < client->shared.n_tunnels; i++)
		session_stop(&client->sessions[i]);
}

/* ---- start ---- */

/* How many visitors the descriptors allow. A visitor takes two. The reserve is for what stays open
 * all the time, and for everything else. */
static unsigned max_carried(unsigned descriptors, unsigned standing)
{
	unsigned reserve = 32 + standing + 2 * relay_most_pipes(descriptors);

	return descriptors > reserve ? (descriptors - reserve) / 2 : 1;
}

static void on_drain_poll(struct ev_loop *ev, ev_timer *timer, int events);

static void set_up_main(struct client *client)
{
	ev_async_init(&client->exit, on_exit_sent);
	client->exit.data = client;
	ev_async_start(loop_ev(client->env.main_loop), &client->exit);
	ev_timer_init(&client->drain_poll, on_drain_poll, drain_poll_s, drain_poll_s);
	client->drain_poll.data = client;
}

static void set_up_shared(struct client *client)
{
	const struct settings *settings = &client->env.set->config->settings;
	struct client_shared *shared = &client->shared;

	shared->set = client->env.set;
	shared->settings = &settings->client;
	shared->resolver = client->env.resolver;
	shared->n_tunnels = settings->tunnels.count;
	turns_init(&shared->turns, client->env.loops[0], session_on_turn);
	client_stats_init(&shared->stats, client->env.metrics);
}

static void set_up_workers(struct client *client)
{
	const struct client_settings *settings = client->shared.settings;
	unsigned n = client->env.n_workers, descriptors = descriptors_max();
	unsigned per_tunnel = 1 + (unsigned)settings->ahead;
	unsigned standing = per_tunnel * (unsigned)client->shared.n_tunnels;

	for (unsigned i = 0; i < n; i++) {
		struct client_worker *worker = &client->workers[i];

		worker->client = client;
		worker->shared = &client->shared;
		worker->loop = client->env.loops[i];
		worker->max_carried = (max_carried(descriptors, standing) + n - 1) / n;
		worker->max_lingerers = worker->max_carried / 4 + 1;
		worker->max_pipes = relay_most_pipes(descriptors) / n;
		worker->max_dialling = (unsigned)(settings->max_dials + n - 1) / n;
		loop_call(worker->loop, run_open_worker, worker);
	}
}

static void set_up_tunnel(struct client *client, size_t index)
{
	const struct tunnel_settings *tunnels = client->env.set->config->settings.tunnels.items;
	const struct tunnel_settings *tunnel = &tunnels[index];
	unsigned n_workers = client->env.n_workers;
	struct ahead_pool *pools = &client->pools[index * n_workers];
	struct session *session = &client->sessions[index];

	for (unsigned i = 0; i < n_workers; i++) {
		pools[i] = (struct ahead_pool){ .worker = &client->workers[i], .tunnel = tunnel };
		ahead_pool_init(&pools[i]);
	}
	*session = (struct session){
		.worker = &client->workers[0],
		.tunnel = tunnel,
		.spread = { .pools = pools, .n_workers = n_workers },
		.on_over = on_session_over,
	};
	session_init(session);
	resolver_refresh(client->env.resolver, tunnel->local_host);
}

static void free_client(struct client *client)
{
	free(client->pools);
	free(client->sessions);
	free(client->workers);
	free(client);
}

struct client *client_start(const struct client_env *env)
{
	struct client *client = calloc(1, sizeof *client);
	size_t n_tunnels = env->set->config->settings.tunnels.count;

	if (!client)
		return NULL;
	client->env = *env;
	client->workers = calloc(env->n_workers, sizeof *client->workers);
	client->sessions = calloc(n_tunnels, sizeof *client->sessions);
	client->pools = calloc(n_tunnels * env->n_workers, sizeof *client->pools);
	if (!client->workers || !client->sessions || !client->pools) {
		free_client(client);
		return NULL;
	}
	set_up_main(client);
	set_up_shared(client);
	set_up_workers(client);
	for (size_t i = 0; i < n_tunnels; i++)
		set_up_tunnel(client, i);
	loop_call(env->loops[0], run_start_sessions, client);
	return client;
}

/* ---- end ---- */

static void on_drain_poll(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct client *client = timer->data;

	(void)events;
	if (atomic_load(&client->shared.carried) > 0)
		return;
	ev_timer_stop(ev, timer);
	client->on_drained(client->arg);
}

void client_drain(struct client *client, void (*on_drained)(void *arg), void *arg)
{
	struct ev_loop *ev = loop_ev(client->env.main_loop);

	client->on_drained = on_drained;
	client->arg = arg;
	loop_call(client->env.loops[0], run_stop_sessions, client);
	ev_timer_start(ev, &client->drain_poll);
	ev_feed_event(ev, &client->drain_poll, EV_TIMER);
}

void client_stop(struct client *client)
{
	if (!client)
		return;
	ev_timer_stop(loop_ev(client->env.main_loop), &client->drain_poll);
	loop_call(client->env.loops[0], run_stop_sessions, client);
	for (unsigned i = 0; i < client->env.n_workers; i++)
		loop_call(client->env.loops[i], run_close_worker, &client->workers[i]);
	for (unsigned i = 0; i < client->env.n_workers; i++)
		loop_settle(client->env.loops[i]);
	ev_async_stop(loop_ev(client->env.main_loop), &client->exit);
	free_client(client);
}
