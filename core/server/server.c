#include "server/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/descriptors.h"
#include "event/event.h"
#include "host/last_good.h"
#include "log/log.h"
#include "loop/call.h"
#include "loop/loop.h"
#include "loop/survey.h"
#include "net/addr.h"
#include "quota/pending.h"
#include "quota/ports.h"
#include "quota/visitor_line.h"
#include "review/review_round.h"
#include "route/names.h"
#include "server/census.h"
#include "server/control_port.h"
#include "server/revalidation.h"
#include "server/routed_ports.h"
#include "server/server_worker.h"
#include "server/tunnel_address.h"
#include "session/context.h"
#include "session/refuse.h"
#include "usage/ledger.h"

static const double tick_s = 0.5, drain_tick_s = 0.1;
enum { WORKERS_WAIT_MS = 1000 };

/* How long a public port waits for its client. Visitors that come wait as long. A client that is
 * refused for another reason may wait half a minute before it tries again. */
enum { KEPT_MS = 40000 };

/* How long a visitor of a routed port may wait for the tunnel of its host name, when clients of an
 * earlier server are to come. */
enum { AWAIT_MS = 5000 };

struct server {
	struct server_env env;
	struct server_shared shared;
	struct survey *telling;        /* while the workers are told to drain */
	struct plugin_set *set;        /* ref; of the workers, once they have taken it */
	struct limits limits;          /* of its configuration */
	struct ledger *ledger;         /* owned; NULL: what identities use is not kept */
	struct server_worker *workers; /* owned */
	unsigned n_open;               /* workers that were opened */
	bool started;
	bool listening;          /* at the control port */
	bool accepting;          /* at public ports */
	int64_t accept_until_ms; /* when the public ports of leavers close in any case */
	struct tunnel_address tunnel_address;
	int64_t kept_until_ms; /* when the ports close whose clients have not come; 0: none waits */
	ev_timer tick; /* on the main loop: expiry of visitors, and the progress of a drain */
	void (*on_drained)(void *arg);
	void *arg;
	pthread_mutex_t lock;
	bool serving; /* under the lock: the workers may be posted to */
};

/* ---- what main asks of the workers, without waiting for them ---- */

struct request {
	struct server *server;
	void (*fn)(struct server_worker *worker);
};

/* [worker] */
static void *perform(unsigned index, const void *question)
{
	const struct request *request = question;

	request->fn(&request->server->workers[index]);
	return NULL;
}

/* Runs fn on every worker soon, and `done` when all have run it or a second has passed. NULL: out
 * of memory, and nothing runs. */
static struct survey *tell_workers(struct server *server, void (*fn)(struct server_worker *worker),
                                   void (*done)(struct survey *survey, void *server))
{
	struct request request = { server, fn };

	return survey_start(&(struct survey_plan){ .home = server->env.main_loop,
	                                           .loops = server->env.loops,
	                                           .n = server->n_open,
	                                           .wait_ms = WORKERS_WAIT_MS,
	                                           .question = &request,
	                                           .size = sizeof request,
	                                           .ask = perform,
	                                           .done = done,
	                                           .arg = server });
}

/* ---- the main loop's part ---- */

/* The lines are limited, since visitors come as often as they like. */
static void log_stale(struct server *server, const struct visitor *visitor)
{
	static const struct repeat_pace pace = { .period_ms = 1000, .burst = 1 };
	static const char event[] = "removed stale connection";
	const void *key = event; /* one for all: no other line of the table begins with it */
	struct repeat_line line = { &key, sizeof key, { event, NULL, LOG_WARN } };
	char id[UUID_TEXT_SIZE], peer[ADDR_TEXT_SIZE];
	unsigned held;

	if (!repeats_allow(&server->shared.visitor_lines, &line, &pace, clock_ms(), &held))
		return;
	uuid_format(&visitor->born_as, id);
	log_event(LOG_WARN, event,
	          (const struct log_field[]){
			  log_str("id", id), log_str("visitor", addr_format(&visitor->peer, peer)),
			  log_int("port", visitor->port), log_int("others", held) },
	          held ? 4 : 3);
}

/* text, word: why the visitor that waits ends. */
static void end_waiting(struct server *server, struct visitor *visitor, const char *text,
                        const char *word)
{
	struct visitor_line line = { .id = visitor->born_as,
		                     .peer = visitor->peer,
		                     .account = visitor->account,
		                     .port = visitor->port,
		                     .since_ms = visitor->since_ns / 1000000,
		                     .reason = text,
		                     .word = word };

	if (server->set->config->settings.log.visitors)
		visitor_line_write(LOG_INFO, "visitor ended", &line);
	event_visitor_ended(server->set, &line);
	visitor_drop(visitor);
}

static void drop_stale(struct server *server, struct visitor *visitor)
{
	log_stale(server, visitor);
	stats_add(&server->shared.stats, server->env.main_loop, STAT_CONNECTIONS_STALE, 1);
	end_waiting(server, visitor, "no client took it in time", "not_taken");
}

static void on_told(struct survey *survey, void *arg)
{
	struct server *server = arg;

	(void)survey;
	server->telling = NULL;
	ev_feed_event(loop_ev(server->env.main_loop), &server->tick, EV_TIMER);
}

static void tell_to(struct server *server, void (*fn)(struct server_worker *worker))
{
	server->telling = tell_workers(server, fn, on_told);
	if (!server->telling)
		log_error("the drain is not complete", log_str("error", "out of memory"));
}

/* Clients that look for another server keep their public ports for a while: until they have found
 * one, visitors are better served here than nowhere. Routed ports close with the last of them.
 * True: all public ports are closed. */
static bool close_public_ports(struct server *server)
{
	bool may_accept = server->accepting && atomic_load(&server->shared.leavers) > 0;

	if (may_accept && clock_ms() < server->accept_until_ms)
		return false;
	if (server->accepting)
		tell_to(server, server_worker_stop_accepting);
	server->accepting = false;
	return !server->telling;
}

/* Do visitors wait, or will some? Those in a handshake are looked at first, then those that are
 * offered to a client, since they move on in this order to those that wait. Those that move from
 * tunnel to tunnel come back to where they have been: none has done so if all moves that have begun
 * by the end had ended before the beginning. */
static bool has_waiting_visitors(struct server *server)
{
	struct server_shared *shared = &server->shared;
	unsigned ended = atomic_load(&shared->passes_ended);

	return atomic_load(&shared->handshakes) > 0 || atomic_load(&shared->offered) > 0 ||
	       !pending_is_empty(shared->pending) || atomic_load(&shared->passes_begun) != ended;
}

/* The control port closes when no visitor waits or will wait, since its client may still take such
 * a visitor. Control connections stay until the relays have ended: bore's client ends its own
 * relays when it loses its control connection. */
static void go_on_draining(struct server *server)
{
	void (*on_drained)(void *arg) = server->on_drained;

	if (server->telling || !close_public_ports(server))
		return;
	if (has_waiting_visitors(server))
		return;
	if (server->listening) {
		server->listening = false;
		tell_to(server, server_worker_stop_listening);
		return;
	}
	/* A visitor that has left the table but has no relay yet still counts. */
	if (atomic_load(&server->shared.principals.visitors) > 0)
		return;
	server->on_drained = NULL;
	on_drained(server->arg);
}

static void close_kept_ports(struct server *server)
{
	unsigned n;

	if (!server->kept_until_ms || clock_ms() < server->kept_until_ms)
		return;
	server->kept_until_ms = 0;
	n = kept_ports_close(&server->shared.kept_ports);
	if (n > 0)
		log_warn("public ports closed: their clients have not come back in time",
		         log_int("ports", n));
}

/* Clients are told to leave the server before this one within half of its drain_grace. */
static void await_clients(struct server *server, const struct server_settings *settings)
{
	server->shared.await_until_ms = clock_ms() + settings->drain_grace / 2 + AWAIT_MS;
}

static bool is_for_clients(const void *settings, uint16_t port)
{
	return ports_allow(settings, NULL, port);
}

static void take_kept_ports(struct server *server, const struct server_settings *settings)
{
	struct kept_rule rule = { &settings->bind_tunnels, is_for_clients, settings };
	const struct server_env *env = &server->env;
	unsigned n, n_closed;

	if (env->n_kept > 0 || env->shared.n > 0)
		await_clients(server, settings);
	if (env->n_kept == 0)
		return;
	n = kept_ports_fill(&server->shared.kept_ports, env->kept, env->n_kept, &rule, &n_closed);
	server->kept_until_ms = clock_ms() + KEPT_MS;
	log_info("public ports wait for their clients", log_int("ports", n));
	if (n_closed > 0)
		log_warn("public ports closed: they are not at the addresses of "
		         "server.bind_tunnels, or not among the ports for clients, or were kept by "
		         "another version",
		         log_int("ports", n_closed));
}

/* Wipes the secrets whose time is over. Without this they would stay until a client comes. */
static void expire_last_good(const struct chain *auth, int64_t now_ms)
{
	for (size_t i = 0; i < auth->n; i++) {
		const struct instance *instance = auth->items[i];

		if (instance->last_good)
			last_good_expire(instance->last_good, now_ms, instance->last_good_ms);
	}
}

static void show_use(struct usage *usage, void *stats)
{
	usage_tell(usage);
	stats_show_use(stats, usage);
}

static void look_after_usage(struct server *server)
{
	struct usage_table *table = &server->shared.principals.usage;
	const char *why;

	usage_table_turn(table, clock_wall_ms());
	usage_table_each(table, show_use, &server->shared.stats);
	if (!server->ledger)
		return;
	ledger_tick(server->ledger, table, clock_ms());
	stats_show_unwritten(&server->shared.stats, ledger_fails(server->ledger, &why));
}

int64_t server_usage_fails(const struct server *server, const char **why_out)
{
	return server->ledger ? ledger_fails(server->ledger, why_out) : 0;
}

/* False: *err and *at_fault_out say why. */
static bool open_ledger(struct server *server, const struct json **at_fault_out, struct err *err)
{
	const struct config *config = server->set->config;
	const char *path = config->settings.server.usage_file;

	if (!path)
		return true;
	server->ledger = ledger_open(path, &server->shared.principals.usage, err);
	if (server->ledger)
		return true;
	*at_fault_out = json_get(json_get(json_doc_root(config->doc), "server"), "usage_file");
	return false;
}

static void on_tick(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct server *server = timer->data;
	struct visitor visitor;

	(void)ev;
	(void)events;
	while (pending_take_expired(server->shared.pending, clock_ms(), &server->limits, &visitor))
		drop_stale(server, &visitor);
	expire_last_good(server->set->chains[CHAIN_AUTH], clock_ms());
	refuse_log_rest(&server->shared, clock_ms());
	look_after_usage(server);
	tunnel_address_watch(&server->tunnel_address, &server->set->config->settings.server);
	close_kept_ports(server);
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

static void run_close(void *arg)
{
	server_worker_close(arg);
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

static bool open_workers(struct server *server, struct plugin_set *set,
                         const struct json **at_fault_out, struct err *err)
{
	const struct server_settings *settings = &set->config->settings.server;

	if (!control_port_take(&server->env.given, settings, server->env.n_workers, err))
		return false;
	for (unsigned i = 0; i < server->env.n_workers; i++) {
		size_t at_fault;
		struct open_args args = { .server = server,
			                  .index = i,
			                  .terms = { .set = set, .limits = &server->limits } };

		if (!control_port_open(&server->env.given, settings, i, &args.terms.sockets,
		                       &at_fault, err)) {
			*at_fault_out = control_port_fault(set->config, at_fault, errno);
			return false;
		}
		args.terms.shared = routed_ports_open(
			&(struct routed_ports_plan){ .config = set->config,
		                                     .given = &server->env.shared,
		                                     .worker = i,
		                                     .n_workers = server->env.n_workers },
			at_fault_out, err);
		if (!args.terms.shared) {
			sock_close_all(&args.terms.sockets);
			return false;
		}
		loop_call(server->env.loops[i], run_open, &args);
		free(args.terms.shared);
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
static bool init_shared(struct server_shared *shared, struct metrics *metrics, unsigned n_workers)
{
	shared->sources = source_table_new();
	shared->names = names_new();
	kept_ports_init(&shared->kept_ports);
	gate_init(&shared->gate);
	ahead_table_init(&shared->ahead);
	share_table_init(&shared->shares);
	shared->pending = pending_new(&shared->gate);
	principal_table_init(&shared->principals, n_workers);
	repeats_init(&shared->strange_lines);
	repeats_init(&shared->tunnel_lines);
	repeats_init(&shared->visitor_lines);
	barred_init(&shared->barred);
	stats_init(&shared->stats, metrics);
	return shared->pending && shared->sources && shared->names;
}

static void set_serving(struct server *server, bool serving)
{
	pthread_mutex_lock(&server->lock);
	server->serving = serving;
	pthread_mutex_unlock(&server->lock);
}

bool server_start(struct server *server, const struct server_env *env, struct plugin_set *set,
                  const struct json **at_fault_out, struct err *err)
{
	bool ready;

	*at_fault_out = NULL;
	if (!crypto_has_random(err))
		return false;
	err_set(err, "out of memory");
	server->env = *env;
	server->started = true;
	ready = init_shared(&server->shared, env->metrics, env->n_workers);
	take_kept_ports(server, &set->config->settings.server);
	server->shared.n_workers = env->n_workers;
	server->shared.keeper = env->keeper;
	server->workers = calloc(env->n_workers, sizeof *server->workers);
	ev_timer_init(&server->tick, on_tick, tick_s, tick_s);
	server->tick.data = server;
	ev_timer_start(loop_ev(env->main_loop), &server->tick);
	server->set = plugin_set_ref(set);
	server->limits = limits_of(server, set);
	tunnel_address_look(&server->tunnel_address, &set->config->settings.server);
	/* The ledger last: a server that cannot open its ports must not take the file of another
	 * one. */
	if (!ready || !server->workers || !open_workers(server, set, at_fault_out, err) ||
	    !open_ledger(server, at_fault_out, err)) {
		server_stop(server);
		return false;
	}
	server->listening = server->accepting = true;
	stats_watch_pending(&server->shared.stats, read_pending, server->shared.pending);
	set_serving(server, true);
	return true;
}

struct server_room server_room(const struct server *server)
{
	const struct principal_table *principals = &server->shared.principals;
	struct limit_hit limit = account_limit_in_all(principals, &server->limits);

	return (struct server_room){ atomic_load(&principals->visitors), (unsigned)limit.most,
		                     limit.from };
}

struct source_table *server_sources(struct server *server)
{
	return server->shared.sources;
}

/* ---- another configuration ---- */

/* What every worker gets: its sockets, which it takes over, and a reference to the set, which
 * it gives back. */
struct renewal {
	struct server *server;
	struct plugin_set *set;
	struct limits limits;
	struct review_round *round;                 /* each worker is a finder of it */
	struct sockets sockets[SERVER_MAX_WORKERS]; /* none: the worker keeps those it has */
	struct sockets *shared[SERVER_MAX_WORKERS]; /* each owned: of its routed ports */
};

static void close_all(struct renewal *renewal)
{
	for (unsigned i = 0; i < renewal->server->n_open; i++) {
		sock_close_all(&renewal->sockets[i]);
		routed_ports_close(renewal->set->config, renewal->shared[i]);
	}
}

/* Opens a new socket for every worker, before any old one closes. False: *err; some may be open. */
static bool open_control_ports(const struct server *server, struct renewal *renewal,
                               struct err *err)
{
	const struct server_settings *now = &server->set->config->settings.server;
	const struct server_settings *next = &renewal->set->config->settings.server;
	/* The old sockets are on the port, so a new one that is not shared might not be bound. */
	bool is_same_port = now->control_port == next->control_port;
	size_t at_fault;

	if (!control_port_moves(now, next))
		return true;
	if (server->env.given.is_fixed) {
		err_set(err,
		        "the control port is a socket of the service manager and cannot move in a "
		        "reload: change ListenStream= of the socket unit, and restart both units");
		return false;
	}
	for (unsigned i = 0; i < server->n_open; i++) {
		if (!control_port_bind(next, is_same_port || i > 0, &renewal->sockets[i], &at_fault,
		                       err))
			return false;
	}
	return true;
}

/* The same at the routed ports. */
static bool open_routed_ports(const struct server *server, struct renewal *renewal, struct err *err)
{
	const struct config *next = renewal->set->config, *now = server->set->config;
	const struct json *at_fault;

	for (unsigned i = 0; i < server->n_open; i++) {
		renewal->shared[i] = routed_ports_open(
			&(struct routed_ports_plan){ .config = next, .before = now, .worker = i },
			&at_fault, err);
		if (!renewal->shared[i])
			return false;
	}
	return true;
}

/* [worker] */
static void *take_set(unsigned index, const void *question)
{
	const struct renewal *renewal = question;
	struct server_worker *worker = &renewal->server->workers[index];
	struct server_worker_terms terms = { .set = renewal->set,
		                             .limits = &renewal->limits,
		                             .sockets = renewal->sockets[index],
		                             .shared = renewal->shared[index],
		                             .round = renewal->round };

	server_worker_renew(worker, &terms);
	free(terms.shared);
	review_round_found_all(renewal->round);
	plugin_set_unref(renewal->set);
	return worker;
}

/* The answer of a worker is the worker itself. */
static void drop_nothing(void *unused)
{
	(void)unused;
}

static struct survey *offer_set(struct server *server, const struct renewal *renewal,
                                int64_t wait_ms, void (*taken)(struct survey *survey, void *arg),
                                void *arg)
{
	for (unsigned i = 0; i < server->n_open; i++)
		plugin_set_ref(renewal->set);
	return survey_start(&(struct survey_plan){ .home = server->env.main_loop,
	                                           .loops = server->env.loops,
	                                           .n = server->n_open,
	                                           .wait_ms = wait_ms,
	                                           .question = renewal,
	                                           .size = sizeof *renewal,
	                                           .ask = take_set,
	                                           .drop = drop_nothing,
	                                           .done = taken,
	                                           .arg = arg });
}

struct survey *server_renew(struct server *server, struct plugin_set *set, int64_t wait_ms,
                            void (*taken)(struct survey *survey, void *arg), void *arg,
                            struct err *err)
{
	struct renewal renewal = { .server = server, .set = set, .limits = limits_of(server, set) };
	struct survey *survey;

	if (!open_control_ports(server, &renewal, err) ||
	    !open_routed_ports(server, &renewal, err)) {
		close_all(&renewal);
		return NULL;
	}
	renewal.round = review_round_new(server->n_open);
	survey = offer_set(server, &renewal, wait_ms, taken, arg);
	if (!survey) {
		close_all(&renewal);
		for (unsigned i = 0; i < server->n_open; i++) {
			review_round_found_all(renewal.round);
			plugin_set_unref(set);
		}
		err_set(err, "out of memory");
		return NULL;
	}
	plugin_set_unref(server->set);
	server->set = plugin_set_ref(set);
	server->limits = renewal.limits;
	tunnel_address_look(&server->tunnel_address, &set->config->settings.server);
	gate_pass_on(&server->shared.gate, &renewal.limits); /* there may be more room */
	return survey;
}

/* ---- the next server, which runs already ---- */

/* Clients come to the next server one by one: one in so many milliseconds. */
enum { LEAVE_EACH_MS = 4 };

/* [worker] */
static void *copy_ports(unsigned index, const void *question)
{
	const struct request *request = question;

	return server_worker_copy_ports(&request->server->workers[index]);
}

static void drop_copies(void *answer)
{
	port_copies_free(answer);
}

struct survey *server_copy_ports(struct server *server, int64_t wait_ms,
                                 void (*done)(struct survey *survey, void *arg), void *arg)
{
	struct request request = { .server = server };

	return survey_start(&(struct survey_plan){ .home = server->env.main_loop,
	                                           .loops = server->env.loops,
	                                           .n = server->n_open,
	                                           .wait_ms = wait_ms,
	                                           .question = &request,
	                                           .size = sizeof request,
	                                           .ask = copy_ports,
	                                           .drop = drop_copies,
	                                           .done = done,
	                                           .arg = arg });
}

bool server_control_is_given(const struct server *server)
{
	return server->env.given.is_fixed;
}

/* [worker] No accept of this worker is under way any more. */
static void do_nothing(struct server_worker *worker)
{
	(void)worker;
}

/* The answer of a worker that has answered. */
static void *perform_surely(unsigned index, const void *question)
{
	const struct request *request = question;
	struct server_worker *worker = &request->server->workers[index];

	request->fn(worker);
	return worker;
}

/* As tell_workers, and `done` learns who has run fn. */
static struct survey *ask_workers(struct server *server, void (*fn)(struct server_worker *worker),
                                  int64_t wait_ms, void (*done)(struct survey *survey, void *arg),
                                  void *arg)
{
	struct request request = { server, fn };

	return survey_start(&(struct survey_plan){ .home = server->env.main_loop,
	                                           .loops = server->env.loops,
	                                           .n = server->n_open,
	                                           .wait_ms = wait_ms,
	                                           .question = &request,
	                                           .size = sizeof request,
	                                           .ask = perform_surely,
	                                           .drop = drop_nothing,
	                                           .done = done,
	                                           .arg = arg });
}

bool server_all_answered(const struct server *server, const struct survey *survey)
{
	unsigned n = 0;

	while (n < server->n_open && survey_answer(survey, n))
		n++;
	return n == server->n_open;
}

struct survey *server_hold(struct server *server, int64_t wait_ms,
                           void (*done)(struct survey *survey, void *arg), void *arg)
{
	gate_close(&server->shared.gate);
	if (server->ledger)
		ledger_hurry(server->ledger);
	return ask_workers(server, do_nothing, wait_ms, done, arg);
}

bool server_is_still(struct server *server)
{
	struct usage_table *table = &server->shared.principals.usage;

	if (server->ledger)
		ledger_tick(server->ledger, table, clock_ms());
	return !has_waiting_visitors(server) &&
	       (!server->ledger || ledger_is_settled(server->ledger));
}

struct survey *server_give(struct server *server, int64_t wait_ms,
                           void (*done)(struct survey *survey, void *arg), void *arg)
{
	return ask_workers(server, server_worker_give, wait_ms, done, arg);
}

struct survey *server_take_back(struct server *server, int64_t wait_ms,
                                void (*done)(struct survey *survey, void *arg), void *arg)
{
	if (server->ledger)
		ledger_reclaim(server->ledger);
	gate_open(&server->shared.gate, &server->limits);
	return ask_workers(server, server_worker_take_back, wait_ms, done, arg);
}

void server_leave(struct server *server)
{
	int64_t grace_ms = server->set->config->settings.server.drain_grace;
	int64_t within_ms = LEAVE_EACH_MS *
	                    (int64_t)atomic_load(&server->shared.principals.tunnels);

	if (within_ms > grace_ms / 2)
		within_ms = grace_ms / 2;
	atomic_store(&server->shared.leave_within_ms, within_ms);
}

struct usage_table *server_usage(struct server *server)
{
	return &server->shared.principals.usage;
}

bool server_keeps_usage(const struct server *server)
{
	return server->ledger != NULL;
}

void server_tell_renewed(struct server *server)
{
	barred_log(&server->shared.barred);
}

void server_drain(struct server *server, void (*on_drained)(void *arg), void *arg)
{
	server->accept_until_ms = clock_ms() + server->set->config->settings.server.drain_grace;
	atomic_store(&server->shared.draining, true);
	ledger_leave(server->ledger);
	tell_to(server, server_worker_drain);
	server->on_drained = on_drained;
	server->arg = arg;
	server->tick.repeat = drain_tick_s;
	ev_timer_again(loop_ev(server->env.main_loop), &server->tick);
}

bool server_has_left(const struct server *server)
{
	return !server->listening && !server->telling;
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
	kept_ports_fini(&shared->kept_ports);
	gate_fini(&shared->gate);
	ahead_table_fini(&shared->ahead);
	share_table_fini(&shared->shares);
	barred_fini(&shared->barred);
	principal_table_fini(&shared->principals);
	repeats_fini(&shared->strange_lines);
	repeats_fini(&shared->tunnel_lines);
	repeats_fini(&shared->visitor_lines);
	names_free(shared->names);
	source_table_free(shared->sources);
}

/* The workers are closed. */
static void end_all_waiting(struct server *server)
{
	struct pending *pending = server->shared.pending;
	struct visitor visitor;

	while (pending && pending_take_expired(pending, INT64_MAX, &server->limits, &visitor))
		end_waiting(server, &visitor, "the server ends", "shutdown");
}

void server_stop(struct server *server)
{
	if (!server->started)
		return;
	server->started = false;
	set_serving(server, false);
	if (server->telling)
		survey_forget(server->telling);
	ev_timer_stop(loop_ev(server->env.main_loop), &server->tick);
	for (unsigned i = 0; i < server->n_open; i++)
		loop_call(server->env.loops[i], run_close, &server->workers[i]);
	/* The second round runs answers that workers have posted in the first. */
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < server->n_open; i++)
			loop_settle(server->env.loops[i]);
	}
	refuse_log_rest(&server->shared, INT64_MAX);
	end_all_waiting(server);
	ledger_close(server->ledger, &server->shared.principals.usage);
	server->ledger = NULL;
	fini_shared(&server->shared);
	free(server->workers);
	server->workers = NULL;
	server->n_open = 0;
	plugin_set_unref(server->set);
	server->set = NULL;
}

void server_free(struct server *server)
{
	if (server)
		pthread_mutex_destroy(&server->lock);
	free(server);
}

void server_revise(void *arg, const struct revision *revision)
{
	struct server *server = arg;

	pthread_mutex_lock(&server->lock);
	for (unsigned i = 0; server->serving && i < server->n_open; i++)
		revalidation_post(&server->workers[i], revision);
	pthread_mutex_unlock(&server->lock);
}
