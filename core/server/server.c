#include "server/server.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/descriptors.h"
#include "log/log.h"
#include "loop/call.h"
#include "loop/loop.h"
#include "loop/survey.h"
#include "net/addr.h"
#include "net/sock.h"
#include "quota/pending.h"
#include "server/census.h"
#include "server/judge.h"
#include "server/worker.h"

static const double tick_s = 0.5, drain_tick_s = 0.1;

struct server {
	struct server_env env;
	struct server_shared shared;
	struct worker *workers; /* owned */
	unsigned n_open;        /* of them */
	bool listening;
	ev_timer tick; /* on the main loop: expiry, and the progress of a drain */
	void (*on_drained)(void *arg);
	void *arg;
};

/* For host_services.revalidate alone, which plugins reach without a context. */
static struct server *the_server;
static pthread_mutex_t the_server_lock = PTHREAD_MUTEX_INITIALIZER;

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
	worker_stop_listening(arg);
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
	/* A visitor between the table and its relay is counted here all the time. */
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
	while (pending_take_expired(server->shared.pending, clock_ms(), &visitor))
		drop_stale(server, &visitor);
	if (server->on_drained)
		go_on_draining(server);
}

/* ---- the workers' ---- */

struct open_args {
	struct server *server;
	unsigned index;
	struct worker_terms terms;
	bool opened;
};

static void run_open(void *arg)
{
	struct open_args *args = arg;
	struct server *server = args->server;

	args->opened = worker_open(&server->workers[args->index], &server->shared,
	                           server->env.loops[args->index], &args->terms);
}

static void run_renew(void *arg)
{
	struct open_args *args = arg;

	worker_renew(&args->server->workers[args->index], &args->terms);
}

static void run_drain(void *arg)
{
	worker_drain(arg);
}

static void run_close(void *arg)
{
	worker_close(arg);
}

/* Shared where a socket of ours has the port already; the first is not, so that another server's
 * bind fails on it, or its own on another server's. */
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
		        "control port %d: address in use: another server, or a tunnel's public "
		        "port, is "
		        "there; choose another port with --control-port",
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

/* Descriptors are shared out, so that they do not run out: a sixteenth (at least 40) is for
 * workers, plugins, strangers and, a quarter of it, connections opened ahead; a few are for pipes,
 * and tunnels and visitors have the rest, two each. Tunnels come before visitors, and strangers
 * leave the last few to both. */
enum { PART = 16, AHEAD_PART = 64, LEAST_RESERVE = 40 };
enum { LEAST_STRANGERS = 8, LEAST_FREE = 4, MOST_LINGERERS = 64 };

static unsigned max_ahead(void)
{
	return descriptors_max() / AHEAD_PART;
}

static unsigned places(void)
{
	unsigned all = descriptors_max();
	unsigned reserve = 2 * relay_most_pipes(all) +
	                   (all / PART > LEAST_RESERVE ? all / PART : LEAST_RESERVE);

	return all > reserve + 4 ? (all - reserve) / 2 : 2;
}

static int scarce_fd(void)
{
	unsigned all = descriptors_max();

	return (int)(all - (all / 64 > LEAST_FREE ? all / 64 : LEAST_FREE));
}

static unsigned max_strangers(const struct limit_settings *limits)
{
	unsigned most = (unsigned)limits->max_unauthenticated;

	if (most == 0)
		most = descriptors_max() / PART - max_ahead();
	return most > LEAST_STRANGERS ? most : LEAST_STRANGERS;
}

/* On each worker. */
static unsigned max_lingerers(unsigned n_strangers, unsigned n_workers)
{
	unsigned most = n_strangers / 2 / n_workers + 1;

	return most < MOST_LINGERERS ? most : MOST_LINGERERS;
}

static const struct limit_settings *limits_of(const struct plugin_set *set)
{
	return &set->config->settings.limits;
}

/* 0 means no limit in the configuration. */
static unsigned or_unlimited(int64_t most)
{
	return most ? (unsigned)most : UINT_MAX;
}

static struct open_args make_args(struct server *server, struct plugin_set *set, unsigned index,
                                  int fd)
{
	unsigned n = server->env.n_workers;

	return (struct open_args){
		.server = server,
		.index = index,
		.terms = { .set = set,
		           .listen_fd = fd,
		           .max_lingerers = max_lingerers(max_strangers(limits_of(set)), n),
		           .max_pipes = relay_most_pipes(descriptors_max()) / n }
	};
}

static bool open_workers(struct server *server, struct plugin_set *set, struct err *err)
{
	for (unsigned i = 0; i < server->env.n_workers; i++) {
		struct open_args args = make_args(server, set, i,
		                                  open_control_port(set, i > 0, err));

		if (args.terms.listen_fd < 0)
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

struct server *server_start(const struct server_env *env, struct plugin_set *set, struct err *err)
{
	const struct limit_settings *limits = limits_of(set);
	struct server *server = calloc(1, sizeof *server);

	err_set(err, "out of memory");
	if (!server)
		return NULL;
	server->env = *env;
	server->shared.sources = source_table_new();
	gate_init(&server->shared.gate, or_unlimited(limits->max_pending),
	          or_unlimited(limits->max_pending_per_tunnel));
	ahead_table_init(&server->shared.ahead, max_ahead());
	server->shared.pending = pending_new(&server->shared.gate);
	server->workers = calloc(env->n_workers, sizeof *server->workers);
	principal_table_init(&server->shared.principals, or_unlimited(limits->max_tunnels),
	                     or_unlimited(limits->max_relays), places());
	atomic_init(&server->shared.strangers.most, max_strangers(limits));
	server->shared.scarce_fd = scarce_fd();
	stats_init(&server->shared.stats, env->metrics);
	ev_timer_init(&server->tick, on_tick, tick_s, tick_s);
	server->tick.data = server;
	ev_timer_start(loop_ev(env->main_loop), &server->tick);
	if (!server->shared.pending || !server->shared.sources || !server->workers ||
	    !open_workers(server, set, err)) {
		server_stop(server);
		return NULL;
	}
	server->listening = true;
	stats_watch_pending(&server->shared.stats, read_pending, server->shared.pending);
	pthread_mutex_lock(&the_server_lock);
	the_server = server;
	pthread_mutex_unlock(&the_server_lock);
	return server;
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

/* The control port's new sockets, on every worker's behalf before any old one closes. False: none
 * is open. */
static bool open_control_ports(const struct server *server, const struct plugin_set *set, int *fds,
                               struct err *err)
{
	const struct server_settings *now = worker_settings(&server->workers[0]);
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
	const struct limit_settings *limits = limits_of(set);
	bool moves = has_moved(worker_settings(&server->workers[0]), &set->config->settings.server);
	int fds[SERVER_MAX_WORKERS];

	memset(fds, 0xff, sizeof fds); /* -1: the socket stays */
	if (moves && !open_control_ports(server, set, fds, err))
		return false;
	principal_table_limit(&server->shared.principals, or_unlimited(limits->max_tunnels),
	                      or_unlimited(limits->max_relays));
	atomic_store(&server->shared.strangers.most, max_strangers(limits));
	gate_limit(&server->shared.gate, or_unlimited(limits->max_pending),
	           or_unlimited(limits->max_pending_per_tunnel));
	for (unsigned i = 0; i < server->n_open; i++) {
		struct open_args args = make_args(server, set, i, fds[i]);

		loop_call(server->env.loops[i], run_renew, &args);
	}
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

void server_stop(struct server *server)
{
	if (!server)
		return;
	pthread_mutex_lock(&the_server_lock);
	the_server = NULL;
	pthread_mutex_unlock(&the_server_lock);
	ev_timer_stop(loop_ev(server->env.main_loop), &server->tick);
	for (unsigned i = 0; i < server->n_open; i++)
		loop_call(server->env.loops[i], run_close, &server->workers[i]);
	/* Twice: a question between workers may still have to be answered. */
	for (unsigned i = 0; i < 2 * server->n_open; i++)
		loop_settle(server->env.loops[i % server->n_open]);
	stats_watch_pending(&server->shared.stats, NULL, NULL);
	pending_free(server->shared.pending);
	gate_fini(&server->shared.gate);
	ahead_table_fini(&server->shared.ahead);
	principal_table_fini(&server->shared.principals);
	source_table_free(server->shared.sources);
	free(server->workers);
	free(server);
}

/* ---- revalidation ---- */

struct revalidation {
	struct loop_task task;
	struct worker *worker;
	const struct instance *instance;
	int32_t verdict;
	struct grant *grant; /* owned; NULL with DENY */
	char identity[];
};

static void run_revalidation(struct loop_task *task)
{
	struct revalidation *r = CONTAINER_OF(task, struct revalidation, task);

	judge_revalidate(&r->worker->sessions, r->instance, r->identity, r->verdict, r->grant);
	grant_free(r->grant);
	free(r);
}

static void post_revalidation(struct worker *worker, const struct instance *instance,
                              spore_str identity, int32_t verdict, const struct grant *grant)
{
	struct revalidation *r = calloc(1, sizeof *r + identity.len + 1);
	struct grant *copy = grant ? grant_copy(grant) : NULL;

	if (!r || (grant && !copy)) {
		log_error("sessions not revalidated: out of memory",
		          log_int("worker", loop_index(worker->loop)));
		grant_free(copy);
		free(r);
		return;
	}
	*r = (struct revalidation){ { .run = run_revalidation }, worker, instance, verdict, copy };
	if (identity.len)
		memcpy(r->identity, identity.ptr, identity.len);
	loop_post(worker->loop, &r->task);
}

void server_revalidate(struct instance *instance, spore_str identity, int32_t verdict,
                       struct grant *grant)
{
	pthread_mutex_lock(&the_server_lock);
	for (unsigned i = 0; the_server && i < the_server->n_open; i++)
		post_revalidation(&the_server->workers[i], instance, identity, verdict, grant);
	pthread_mutex_unlock(&the_server_lock);
	grant_free(grant);
}
