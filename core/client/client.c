#include "client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/descriptors.h"
#include "client/ahead.h"
#include "client/proxy.h"
#include "client/session.h"
#include "host/readiness.h"
#include "log/log.h"
#include "loop/call.h"
#include "net/resolve.h"

static const double drain_poll_s = 0.05;
/* What is written of the tunnels that are not open. */
enum { MOST_NAMED = 5, MOST_NAME = 64 };

struct client {
	struct client_env env;
	struct client_shared shared;
	struct client_worker *workers; /* owned */
	struct session *sessions;   /* owned; on worker 0: one for each tunnel, then their twins */
	struct ahead_pool *pools;   /* owned; one for each worker, tunnel after tunnel */
	struct decliner *decliners; /* owned; one for each tunnel, used on worker 0 */
	ev_async news;              /* on the main loop; unlike a task it can be recalled */
	ev_async exit;              /* the same */
	size_t n_over;              /* tunnels that have ended for good; on worker 0 */
	bool gives_up;              /* no tunnel lives any more; on worker 0 */
	atomic_bool *open;          /* owned; of each tunnel: set on worker 0, read by main */
	atomic_int status;          /* enum client_exit; set on worker 0, read by main */
	ev_timer drain_poll;        /* on the main loop */
	void (*on_drained)(void *arg);
	void *arg;
};

/* ---- news and exit ---- */

/* At most MOST_NAME bytes, and whole characters of UTF-8. */
static int shown_length(const char *name)
{
	size_t n = strnlen(name, MOST_NAME + 1);

	if (n <= MOST_NAME)
		return (int)n;
	while (n > 0 && ((unsigned char)name[n - 1] & 0xc0) == 0x80)
		n--;
	return n > 0 ? (int)n - 1 : 0;
}

/* For the operator: how many tunnels are open, and the names of those that are not. [main] */
static void describe_tunnels(const struct client *client, char *text, size_t size)
{
	const struct tunnel_settings *tunnels = client->env.set->config->settings.tunnels.items;
	size_t n = client->shared.n_tunnels, n_open = 0, n_named = 0, used;

	for (size_t i = 0; i < n; i++)
		n_open += atomic_load(&client->open[i]);
	used = (size_t)snprintf(text, size, "%zu of %zu tunnels open", n_open, n);
	for (size_t i = 0; i < n && n_named < MOST_NAMED; i++) {
		if (!atomic_load(&client->open[i]))
			used += (size_t)snprintf(text + used, size - used, "%s%.*s",
			                         n_named++ ? ", " : "; not open: ",
			                         shown_length(tunnels[i].name), tunnels[i].name);
	}
	if (n - n_open > n_named)
		snprintf(text + used, size - used, " and %zu more", n - n_open - n_named);
}

/* [main] */
static void on_news_sent(struct ev_loop *ev, ev_async *watcher, int events)
{
	struct client *client = watcher->data;
	char text[CLIENT_STATUS_SIZE];

	(void)ev;
	(void)events;
	describe_tunnels(client, text, sizeof text);
	readiness_give_reason(text);
	client->env.on_news(text, client->env.arg);
}

/* Until a server lets the client in, one session at a time tries the secret. [worker] 0 */
static void on_session_news(struct session *session)
{
	struct client *client = session->worker->client;
	struct client_shared *shared = &client->shared;
	size_t at = (size_t)(session - client->sessions) % shared->n_tunnels;
	bool is_open = session->state == SESSION_STANDING ||
	               session->twin->state == SESSION_STANDING;
	bool was_open = atomic_exchange(&client->open[at], is_open);

	if (is_open)
		turns_widen(&shared->turns);
	else if (was_open && shared->n_standing == 0 && shared->set->needs_challenge)
		turns_narrow(&shared->turns);
	ev_async_send(loop_ev(client->env.main_loop), &client->news);
}

/* [main] */
static void on_exit_sent(struct ev_loop *ev, ev_async *watcher, int events)
{
	struct client *client = watcher->data;

	(void)ev;
	(void)events;
	client->env.on_exit((enum client_exit)atomic_load(&client->status),
	                    atomic_load(&client->shared.carried) > 0, client->env.arg);
}

static void give_up(struct client *client)
{
	client->gives_up = true;
	for (size_t i = 0; i < client->shared.n_tunnels; i++)
		session_give_up(&client->sessions[i]);
}

/* The client ends with its last tunnel that lives, and with the status of the one that was the
 * first to live no more. [worker] 0 */
static void on_session_over(struct session *session, enum client_exit status)
{
	struct client *client = session->worker->client;

	(void)status;
	client->n_over++;
	if (client->shared.n_living == 0 && !client->gives_up)
		give_up(client);
	if (client->n_over < client->shared.n_tunnels)
		return;
	atomic_store(&client->status, (int)client->shared.first_status);
	ev_async_send(loop_ev(client->env.main_loop), &client->exit);
}

/* ---- several servers ---- */

/* One tunnel looks whether the first server answers again, and once it does, all follow. [worker]
 * 0 */
static bool on_look(void *arg)
{
	struct client *client = arg;
	const struct client_shared *shared = &client->shared;
	bool is_needed = false;

	for (size_t i = 0; i < 2 * shared->n_tunnels; i++) {
		struct session *session = &client->sessions[i];
		bool looks = session_return(session);

		is_needed |= session->state == SESSION_STANDING && session->uplink.server.index > 0;
		if (looks && shared->servers.current > 0)
			break;
	}
	return is_needed;
}

/* ---- calls that run on the workers ---- */

static void run_open_worker(void *arg)
{
	struct client_worker *worker = arg;
	const struct client_settings *settings = worker->shared->settings;
	struct relay_limits limits = {
		.watch = { .keepalive_ms = { settings->keepalive_data,
		                             settings->keepalive_services },
		           .timeout_ms = settings->peer_timeout,
		           .doubt_ms = RELAY_DOUBT_MS },
		.losses = &worker->shared->losses,
		.most_pipes = worker->max_pipes,
		.most_held = (size_t)settings->relay_buffer,
		.uses_uring = settings->io == IO_AUTO,
	};

	deadline_list_init(&worker->answers, worker->loop, settings->answer_timeout,
	                   uplink_on_late);
	deadline_list_init(&worker->silence, worker->loop, SESSION_SILENCE_MS, session_on_silence);
	deadline_list_init(&worker->slow_answers, worker->loop, PROXY_SLOW_MS, proxy_on_slow);
	deadline_list_init(&worker->idle_ends, worker->loop, AHEAD_IDLE_MS, ahead_on_idle);
	deadline_list_init(&worker->holds, worker->loop, PROXY_HOLD_MS, proxy_on_held);
	deadline_list_init(&worker->waits, worker->loop, PROXY_WAIT_MS, proxy_on_late);
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
		ahead_pool_keep(&client->pools[i], &(struct ahead_grant){ 0 });
}

static void run_close_worker(void *arg)
{
	struct client_worker *worker = arg;

	proxy_stop_all(worker);
	close_pools(worker);
	relay_set_fini(&worker->relays);
	linger_list_fini(&worker->lingerers);
	deadline_list_fini(&worker->answers);
	deadline_list_fini(&worker->slow_answers);
	deadline_list_fini(&worker->idle_ends);
	deadline_list_fini(&worker->holds);
	deadline_list_fini(&worker->waits);
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

	for (size_t i = 0; i < 2 * client->shared.n_tunnels; i++)
		session_stop(&client->sessions[i]);
	servers_stop(&client->shared.servers);
}

/* No worker declines a visitor any more. */
static void run_stop_decliners(void *arg)
{
	struct client *client = arg;

	for (size_t i = 0; i < client->shared.n_tunnels; i++)
		decline_stop(&client->decliners[i]);
}

/* ---- start ---- */

enum { LEAST_RESERVE = 32 };

/* Descriptors that stay open all the time: control connections, and those opened ahead. */
static unsigned standing(const struct settings *settings)
{
	return (1 + (unsigned)settings->client.ahead) * (unsigned)settings->tunnels.count;
}

/* A visitor takes two. The reserve is for what stays open all the time, and for everything else. */
unsigned client_visitors(const struct client *client)
{
	return atomic_load(&client->shared.carried);
}

unsigned client_max_visitors(const struct settings *settings, unsigned descriptors)
{
	unsigned reserve = LEAST_RESERVE + standing(settings) + 2 * relay_most_pipes(descriptors);

	return descriptors > reserve ? (descriptors - reserve) / 2 : 1;
}

unsigned client_least_descriptors(const struct settings *settings)
{
	return LEAST_RESERVE + standing(settings) + 2;
}

unsigned client_descriptors(const struct settings *settings)
{
	unsigned visitors = (unsigned)settings->client.max_dials;
	unsigned needed = LEAST_RESERVE + standing(settings) + 2 * visitors;

	while (client_max_visitors(settings, needed) < visitors)
		needed++;
	return needed;
}

static void on_drain_poll(struct ev_loop *ev, ev_timer *timer, int events);

static void set_up_main(struct client *client)
{
	ev_async_init(&client->news, on_news_sent);
	client->news.data = client;
	ev_async_start(loop_ev(client->env.main_loop), &client->news);
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
	shared->logs_visitors = settings->log.visitors;
	shared->resolver = client->env.resolver;
	shared->n_tunnels = shared->n_living = settings->tunnels.count;
	list_init(&shared->respites);
	turns_init(&shared->turns, client->env.loops[0], session_on_turn);
	if (shared->set->needs_challenge)
		turns_narrow(&shared->turns);
	servers_init(&shared->servers, &settings->client, client->env.loops[0], on_look, client);
	client_stats_init(&shared->stats, client->env.metrics);
	client_stats_servers(&shared->stats, &settings->client);
}

static void set_up_workers(struct client *client)
{
	const struct client_settings *settings = client->shared.settings;
	unsigned n = client->env.n_workers, descriptors = descriptors_max();
	unsigned most = client_max_visitors(&client->env.set->config->settings, descriptors);

	client->shared.max_carried = most;
	for (unsigned i = 0; i < n; i++) {
		struct client_worker *worker = &client->workers[i];

		worker->client = client;
		worker->shared = &client->shared;
		worker->loop = client->env.loops[i];
		worker->max_carried = (most + n - 1) / n;
		worker->max_lingerers = worker->max_carried / 4 + 1;
		worker->max_pipes = relay_most_pipes(descriptors) / n;
		worker->max_dialling = (unsigned)(settings->max_dials + n - 1) / n;
		loop_call(worker->loop, run_open_worker, worker);
	}
}

static void set_up_session(struct client *client, size_t index, struct ahead_pool *pools)
{
	size_t n = client->shared.n_tunnels;
	struct session *session = &client->sessions[index];

	*session = (struct session){
		.worker = &client->workers[0],
		.tunnel = pools[0].tunnel,
		.spread = { .pools = pools, .n_workers = client->env.n_workers },
		.decliner = pools[0].decliner,
		.twin = &client->sessions[index < n ? index + n : index - n],
		.on_news = on_session_news,
		.on_over = on_session_over,
	};
	session_init(session);
}

static void set_up_tunnel(struct client *client, size_t index)
{
	const struct tunnel_settings *tunnels = client->env.set->config->settings.tunnels.items;
	const struct tunnel_settings *tunnel = &tunnels[index];
	unsigned n_workers = client->env.n_workers;
	struct ahead_pool *pools = &client->pools[index * n_workers];
	struct decliner *decliner = &client->decliners[index];

	decline_init(decliner, client->env.loops[0], tunnel->name);
	for (unsigned i = 0; i < n_workers; i++) {
		pools[i] = (struct ahead_pool){ .worker = &client->workers[i],
			                        .tunnel = tunnel,
			                        .decliner = decliner,
			                        .on_open = proxy_take_open };
		ahead_pool_init(&pools[i]);
	}
	set_up_session(client, index, pools);
	set_up_session(client, index + client->shared.n_tunnels, pools);
	if (!tunnel->local_path)
		resolver_refresh(client->env.resolver, tunnel->local_host);
}

static void free_client(struct client *client)
{
	taken_fini(&client->shared.taken);
	free(client->open);
	free(client->decliners);
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
	taken_init(&client->shared.taken);
	client->workers = calloc(env->n_workers, sizeof *client->workers);
	client->sessions = calloc(2 * n_tunnels, sizeof *client->sessions);
	client->pools = calloc(n_tunnels * env->n_workers, sizeof *client->pools);
	client->decliners = calloc(n_tunnels, sizeof *client->decliners);
	client->open = calloc(n_tunnels, sizeof *client->open);
	if (!client->workers || !client->sessions || !client->pools || !client->decliners ||
	    !client->open) {
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
	loop_call(client->env.loops[0], run_stop_decliners, client);
	ev_async_stop(loop_ev(client->env.main_loop), &client->news);
	ev_async_stop(loop_ev(client->env.main_loop), &client->exit);
	free_client(client);
}
