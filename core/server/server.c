#include "server/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "log/log.h"
#include "loop/call.h"
#include "loop/loop.h"
#include "loop/survey.h"
#include "net/addr.h"
#include "net/sock.h"
#include "quota/pending.h"
#include "server/census.h"
#include "server/revalidation.h"
#include "server/server_worker.h"
#include "session/context.h"

static const double tick_s = 0.5, drain_tick_s = 0.1;

struct server {
	struct server_env env;
	struct server_shared shared;
	struct server_worker *workers; /* owned */
	unsigned n_open;               /* workers that were opened */
	bool started;
	bool listening;
	ev_timer tick; /* on the main loop: expiry of visitors, and the progress of a drain */
	void (*on_drained)(void *arg);
	void *arg;
	pthread_mutex_t lock;
	bool serving; /* under the lock: the workers may be posted to */
};

/* ---- the main loop's part ---- */

static void drop_stale(struct server *server, struct visitor *visitor)
{
	char id[UUID_TEXT_SIZE], peer[ADDR_TEXT_SIZE];

	uuid_format(&visitor->id, id);
	log_warn("removed stale connection", log_str("id", id),
	         log_str("visitor", addr_format(&visitor->peer, peer)),
	         log_int("port", visitor->account->port));
	stats_add(&server->shared.stats, server->env.main_loop, STAT_CONNECTIONS_STALE, 1);
	visitor_drop(visitor);
}

static void run_stop_listening(void *arg)
{
	server_worker_stop_listening(arg);
}

/* Public ports are closed. Visitors that wait may still be taken, so the control port closes after
 * them. Control connections stay until the relays have ended: bore's client ends its own relays
 * when it loses that connection. */
static void go_on_draining(struct server *server)
{
	void (*on_drained)(void *arg) = server->on_drained;

	if (!pending_is_empty(server->shared.pending))
		return;
	for (unsigned i = 0; server->listening && i < server->n_open; i++)
		loop_call(server->env.loops[i], run_stop_listening, &server->workers[i]);
	server->listening = false;
	/* A visitor that has left the table but has no relay yet still counts. */
	if (atomic_load(&server->shared.principals.visitors) > 0)
		return;
	server->on_drained = NULL;
	on_drained(server->arg);
}

static void on_tick(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct server *server = timer->data;
	struct visitor visitor;

	(void)ev;
	(void)events;
	while (pending_take_expired(server->shared.pending, clock_ms(),
	                            server_worker_limits(&server->workers[0]), &visitor))
		drop_stale(server, &visitor);
	if (server->on_drained)
		go_on_draining(server);
}

/* ---- the workers ---- */

struct open_args {
	struct server *server;
	unsigned index;
	struct server_worker_terms terms;
	bool opened;
};

static void run_open(void *arg)
{
	struct open_args *args = arg;
	struct server *server = args->server;

	args->opened = server_worker_open(&server->workers[args->index], &server->shared,
	                                  server->env.loops[args->index], &args->terms);
}

static void run_renew(void *arg)
{
	struct open_args *args = arg;

	server_worker_renew(&args->server->workers[args->index], &args->terms);
}

static void run_drain(void *arg)
{
	server_worker_drain(arg);
}

static void run_close(void *arg)
{
	server_worker_close(arg);
}

/* Every worker has a socket on the port. `shared` joins the sockets that are there already. The
 * first socket does not, so that its bind fails if another server is there. */
static int open_control_port(const struct plugin_set *set, bool shared, struct err *err)
{
	const struct server_settings *settings = &set->config->settings.server;
	struct sock_sizes sizes = { (int)settings->sndbuf, (int)settings->recbuf };
	spore_addr addr = settings->bind_addr;
	int fd;

	addr.port = (uint16_t)settings->control_port;
	fd = sock_bind(&addr, shared, &sizes, err);
	if (fd >= 0 && (shared || sock_share_port(fd)) && sock_listen(fd, err))
		return fd;
	if (errno == EADDRINUSE)
		err_set(err,
		        "control port %d: address in use: another server or a public port uses it; "
		        "choose another port with --control-port",
		        addr.port);
	if (fd >= 0)
		close(fd);
	return -1;
}

static double read_pending(void *pending)
{
	return pending_count(pending);
}

/* ---- life ---- */

static struct limits limits_of(const struct server *server, const struct plugin_set *set)
{
	return limits_make(&set->config->settings.limits, descriptors_max(), server->env.n_workers);
}

static bool open_workers(struct server *server, struct plugin_set *set, struct err *err)
{
	struct limits limits = limits_of(server, set);

	for (unsigned i = 0; i < server->env.n_workers; i++) {
		int fd = open_control_port(set, i > 0, err);
		struct open_args args = {
			.server = server,
			.index = i,
			.terms = { .set = set, .limits = &limits, .listen_fd = fd }
		};

		if (fd < 0)
			return false;
		loop_call(server->env.loops[i], run_open, &args);
		server->n_open++;
		if (!args.opened) {
			err_set(err, "out of memory");
			return false;
		}
	}
	return true;
}

struct server *server_new(void)
{
	struct server *server = calloc(1, sizeof *server);

	if (server)
		pthread_mutex_init(&server->lock, NULL);
	return server;
}

/* False: out of memory; server_stop undoes it. */
static bool init_shared(struct server_shared *shared, struct metrics *metrics)
{
	shared->sources = source_table_new();
	gate_init(&shared->gate);
	ahead_table_init(&shared->ahead);
	shared->pending = pending_new(&shared->gate);
	principal_table_init(&shared->principals);
	stats_init(&shared->stats, metrics);
	return shared->pending && shared->sources;
}

static void set_serving(struct server *server, bool serving)
{
	pthread_mutex_lock(&server->lock);
	server->serving = serving;
	pthread_mutex_unlock(&server->lock);
}

bool server_start(struct server *server, const struct server_env *env, struct plugin_set *set,
                  struct err *err)
{
	bool ready;

	err_set(err, "out of memory");
	server->env = *env;
	server->started = true;
	ready = init_shared(&server->shared, env->metrics);
	server->workers = calloc(env->n_workers, sizeof *server->workers);
	ev_timer_init(&server->tick, on_tick, tick_s, tick_s);
	server->tick.data = server;
	ev_timer_start(loop_ev(env->main_loop), &server->tick);
	if (!ready || !server->workers || !open_workers(server, set, err)) {
		server_stop(server);
		return false;
	}
	server->listening = true;
	stats_watch_pending(&server->shared.stats, read_pending, server->shared.pending);
	set_serving(server, true);
	return true;
}

/* ---- another configuration ---- */

static bool has_moved(const struct server_settings *from, const struct server_settings *to)
{
	return from->control_port != to->control_port ||
	       !addr_equal(&from->bind_addr, &to->bind_addr);
}

static void close_all(const int *fds, unsigned n)
{
	while (n-- > 0)
		close(fds[n]);
}

/* Opens a new socket for every worker, before any old one closes. False: none is open. */
static bool open_control_ports(const struct server *server, const struct plugin_set *set, int *fds,
                               struct err *err)
{
	const struct server_settings *now = server_worker_settings(&server->workers[0]);
	bool stays = now->control_port == set->config->settings.server.control_port;

	for (unsigned i = 0; i < server->n_open; i++) {
		fds[i] = open_control_port(set, stays || i > 0, err);
		if (fds[i] >= 0)
			continue;
		close_all(fds, i);
		return false;
	}
	return true;
}

bool server_renew(struct server *server, struct plugin_set *set, struct err *err)
{
	struct limits limits = limits_of(server, set);
	bool moves = has_moved(server_worker_settings(&server->workers[0]),
	                       &set->config->settings.server);
	struct review_round *round;
	int fds[SERVER_MAX_WORKERS];

	memset(fds, 0xff, sizeof fds); /* -1: the socket stays */
	if (moves && !open_control_ports(server, set, fds, err))
		return false;
	round = review_round_new();
	for (unsigned i = 0; i < server->n_open; i++) {
		struct open_args args = { .server = server,
			                  .index = i,
			                  .terms = { .set = set,
			                             .limits = &limits,
			                             .listen_fd = fds[i],
			                             .round = round } };

		loop_call(server->env.loops[i], run_renew, &args);
	}
	review_round_found_all(round);
	gate_pass_on(&server->shared.gate, &limits); /* there may be more room */
	return true;
}

void server_drain(struct server *server, void (*on_drained)(void *arg), void *arg)
{
	atomic_store(&server->shared.draining, true);
	for (unsigned i = 0; i < server->n_open; i++)
		loop_call(server->env.loops[i], run_drain, &server->workers[i]);
	server->on_drained = on_drained;
	server->arg = arg;
	server->tick.repeat = drain_tick_s;
	ev_timer_again(loop_ev(server->env.main_loop), &server->tick);
	ev_feed_event(loop_ev(server->env.main_loop), &server->tick, EV_TIMER);
}

struct addressed {
	struct server *server;
	struct census_question question;
};

/* [worker] */
static void *take_census(unsigned index, const void *question)
{
	const struct addressed *addressed = question;

	return census_take(&addressed->server->workers[index], &addressed->question);
}

static void drop_census(void *census)
{
	census_free(census);
}

struct survey *server_ask(struct server *server, const struct census_question *question,
                          int64_t wait_ms, void (*done)(struct survey *survey, void *arg),
                          void *arg)
{
	struct addressed addressed = { server, *question };

	return survey_start(&(struct survey_plan){ .home = server->env.main_loop,
	                                           .loops = server->env.loops,
	                                           .n = server->n_open,
	                                           .wait_ms = wait_ms,
	                                           .question = &addressed,
	                                           .size = sizeof addressed,
	                                           .ask = take_census,
	                                           .drop = drop_census,
	                                           .done = done,
	                                           .arg = arg });
}

static void fini_shared(struct server_shared *shared)
{
	stats_watch_pending(&shared->stats, NULL, NULL);
	pending_free(shared->pending);
	gate_fini(&shared->gate);
	ahead_table_fini(&shared->ahead);
	principal_table_fini(&shared->principals);
	source_table_free(shared->sources);
}

void server_stop(struct server *server)
{
	if (!server->started)
		return;
	server->started = false;
	set_serving(server, false);
	ev_timer_stop(loop_ev(server->env.main_loop), &server->tick);
	for (unsigned i = 0; i < server->n_open; i++)
		loop_call(server->env.loops[i], run_close, &server->workers[i]);
	/* The second round runs answers that workers posted in the first. */
	for (unsigned i = 0; i < 2 * server->n_open; i++)
		loop_settle(server->env.loops[i % server->n_open]);
	fini_shared(&server->shared);
	free(server->workers);
	server->workers = NULL;
	server->n_open = 0;
}

void server_free(struct server *server)
{
	if (server)
		pthread_mutex_destroy(&server->lock);
	free(server);
}

void server_revalidate(void *arg, struct instance *instance, spore_str identity, int32_t verdict,
                       struct grant *grant)
{
	struct server *server = arg;

	pthread_mutex_lock(&server->lock);
	for (unsigned i = 0; server->serving && i < server->n_open; i++)
		revalidation_post(&server->workers[i], instance, identity, verdict, grant);
	pthread_mutex_unlock(&server->lock);
	grant_free(grant);
}
