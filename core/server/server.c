#include "server/server.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/descriptors.h"
#include "choose/chooser.h"
#include "host/last_good.h"
#include "keep/returns.h"
#include "log/log.h"
#include "loop/loop.h"
#include "loop/survey.h"
#include "quota/pending.h"
#include "quota/ports.h"
#include "route/names.h"
#include "server/census.h"
#include "server/closing.h"
#include "server/revalidation.h"
#include "server/rollout.h"
#include "server/tunnel_address.h"
#include "server/waiting.h"
#include "server/workers.h"
#include "session/context.h"
#include "session/newcomer.h"
#include "session/refuse.h"
#include "usage/ledger.h"

static const double tick_s = 0.5;

/* How long a public port waits for its client. Visitors that come wait as long. A client that is
 * refused for another reason may wait half a minute before it tries again. */
enum { KEPT_MS = 40000 };

/* How long a visitor of a routed port may wait for the tunnel of its host name, when clients of an
 * earlier server are to come. */
enum { AWAIT_MS = 5000 };

struct server {
	struct server_env env;
	struct server_shared shared;
	struct workers workers;
	struct closing closing;
	struct returns returns; /* of clients that stay in a drain */
	struct plugin_set *set; /* ref; of the workers, once they have taken it */
	struct limits limits;   /* of its configuration */
	struct ledger *ledger;  /* owned; NULL: what identities use is not kept */
	bool started;
	struct tunnel_address tunnel_address;
	int64_t kept_until_ms; /* when the ports close whose clients have not come; 0: none waits */
	ev_timer tick; /* on the main loop: expiry of visitors, and the progress of a drain */
	pthread_mutex_t lock;
	bool serving; /* under the lock: the workers may be posted to */
};

/* ---- the main loop's part ---- */

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
static bool open_ledger(struct server *server, const char *inherited,
                        const struct json **at_fault_out, struct err *err)
{
	struct usage_table *table = &server->shared.principals.usage;
	const struct config *config = server->set->config;
	const char *path = config->settings.server.usage_file;

	if (!path) {
		usage_table_inherit(table, inherited);
		return true;
	}
	server->ledger = ledger_open(path, inherited, table, err);
	if (server->ledger)
		return true;
	*at_fault_out = json_get(json_get(json_doc_root(config->doc), "server"), "usage_file");
	return false;
}

static void on_tick(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct server *server = timer->data;

	(void)ev;
	(void)events;
	waiting_end_stale(&server->shared, server->set, &server->limits, server->env.main_loop);
	expire_last_good(server->set->chains[CHAIN_AUTH], clock_ms());
	refuse_log_rest(&server->shared, clock_ms());
	look_after_usage(server);
	tunnel_address_watch(&server->tunnel_address, &server->set->config->settings.server);
	close_kept_ports(server);
	if (!elders_exist(&server->shared.elders))
		source_forget_elders(server->shared.sources);
	closing_go_on(&server->closing);
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
	elders_open(&server->shared.elders, env->main_loop, env->elders, env->n_elders);
	take_kept_ports(server, &set->config->settings.server);
	server->shared.n_workers = env->n_workers;
	server->shared.keeper = env->keeper;
	ev_timer_init(&server->tick, on_tick, tick_s, tick_s);
	server->tick.data = server;
	ev_timer_start(loop_ev(env->main_loop), &server->tick);
	server->set = plugin_set_ref(set);
	server->limits = limits_of(server, set);
	tunnel_address_look(&server->tunnel_address, &set->config->settings.server);
	/* The ledger last: a server that cannot open its ports must not take the file of another
	 * one. */
	if (!ready ||
	    !workers_open(&server->workers, env, &server->shared, set, &server->limits,
	                  at_fault_out, err) ||
	    !open_ledger(server, env->use, at_fault_out, err)) {
		server_stop(server);
		return false;
	}
	workers_receive(&server->workers, &env->visitors);
	closing_init(&server->closing, &server->shared, &server->workers, &server->tick);
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

struct names_number server_names(const struct server *server)
{
	return names_count(server->shared.names);
}

struct source_table *server_sources(struct server *server)
{
	return server->shared.sources;
}

/* ---- another configuration ---- */

struct survey *server_renew(struct server *server, struct plugin_set *set, int64_t wait_ms,
                            void (*taken)(struct survey *survey, void *arg), void *arg,
                            struct err *err)
{
	struct limits limits = limits_of(server, set);
	struct rollout_spec spec = { .workers = &server->workers,
		                     .before = server->set,
		                     .set = set,
		                     .limits = &limits,
		                     .control_is_given = server->env.given.is_fixed };
	struct survey *survey = rollout_start(&spec, wait_ms, taken, arg, err);

	if (!survey)
		return NULL;
	plugin_set_unref(server->set);
	server->set = plugin_set_ref(set);
	server->limits = limits;
	tunnel_address_look(&server->tunnel_address, &set->config->settings.server);
	gate_pass_on(&server->shared.gate, &limits); /* there may be more room */
	return survey;
}

/* ---- the next server, which runs already ---- */

/* Clients come to the next server one by one: one in so many milliseconds. */
enum { LEAVE_EACH_MS = 4 };

/* [worker] */
static void *copy_ports(unsigned index, const void *question)
{
	struct server *const *server = question;

	return server_worker_copy_ports(&(*server)->workers.items[index]);
}

static void drop_copies(void *answer)
{
	port_copies_free(answer);
}

struct survey *server_copy_ports(struct server *server, int64_t wait_ms,
                                 void (*done)(struct survey *survey, void *arg), void *arg)
{
	return workers_survey(&server->workers, &(struct survey_plan){ .wait_ms = wait_ms,
	                                                               .question = &server,
	                                                               .size = sizeof server,
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

bool server_all_answered(const struct server *server, const struct survey *survey)
{
	return workers_have_answered(&server->workers, survey);
}

struct survey *server_hold(struct server *server, bool parks, int64_t wait_ms,
                           void (*done)(struct survey *survey, void *arg), void *arg)
{
	gate_close(&server->shared.gate);
	if (server->ledger)
		ledger_hurry(server->ledger);
	return workers_tell(&server->workers, parks ? server_worker_park : do_nothing, wait_ms,
	                    done, arg);
}

struct survey *server_end_undecided(struct server *server, int64_t wait_ms,
                                    void (*done)(struct survey *survey, void *arg), void *arg)
{
	return workers_tell(&server->workers, server_worker_end_undecided, wait_ms, done, arg);
}

bool server_is_still(struct server *server)
{
	struct usage_table *table = &server->shared.principals.usage;

	if (server->ledger)
		ledger_tick(server->ledger, table, clock_ms());
	return !closing_awaits_visitors(&server->shared) &&
	       (!server->ledger || ledger_is_settled(server->ledger));
}

/* [worker] */
static void *give_ports(unsigned index, const void *question)
{
	struct server *const *server = question;
	struct server_worker *worker = &(*server)->workers.items[index];

	server_worker_give(worker);
	return server_worker_copy_parked(worker);
}

static void drop_parked(void *answer)
{
	parked_copies_free(answer);
}

struct survey *server_give(struct server *server, int64_t wait_ms,
                           void (*done)(struct survey *survey, void *arg), void *arg)
{
	return workers_survey(&server->workers, &(struct survey_plan){ .wait_ms = wait_ms,
	                                                               .question = &server,
	                                                               .size = sizeof server,
	                                                               .ask = give_ports,
	                                                               .drop = drop_parked,
	                                                               .done = done,
	                                                               .arg = arg });
}

struct survey *server_take_back(struct server *server, int64_t wait_ms,
                                void (*done)(struct survey *survey, void *arg), void *arg)
{
	if (server->ledger)
		ledger_reclaim(server->ledger);
	gate_open(&server->shared.gate, &server->limits);
	return workers_tell(&server->workers, server_worker_take_back, wait_ms, done, arg);
}

void server_leave(struct server *server)
{
	int64_t grace_ms = server->set->config->settings.server.drain_grace;
	int64_t within_ms = LEAVE_EACH_MS *
	                    (int64_t)atomic_load(&server->shared.principals.tunnels);

	if (within_ms > grace_ms / 2)
		within_ms = grace_ms / 2;
	atomic_store(&server->shared.leave_within_ms, within_ms);
	atomic_store(&server->shared.has_left, true);
}

/* [worker] */
static void resume(void *arg, unsigned index, int fd, const void *said, size_t len)
{
	struct server *server = arg;

	newcomer_resume(&server->workers.items[index], fd, said, len);
}

/* The next server has ended, so nobody sends a connection on to the servers before this one. */
static void on_returns_end(void *arg)
{
	struct server *server = arg;

	elders_close(&server->shared.elders);
	closing_stay_no_more(&server->closing);
}

void server_let_stay(struct server *server, int channel)
{
	server->returns = (struct returns){ .main_loop = server->env.main_loop,
		                            .loops = server->workers.loops,
		                            .n_loops = server->workers.n,
		                            .resume = resume,
		                            .on_end = on_returns_end,
		                            .arg = server };
	returns_open(&server->returns, channel);
	atomic_store(&server->shared.may_stay, true);
}

unsigned server_copy_elders(struct server *server, int out[ELDERS_MOST])
{
	return elders_copy(&server->shared.elders, out);
}

void server_forget_elders(struct server *server)
{
	elders_close(&server->shared.elders);
}

struct usage_table *server_usage(struct server *server)
{
	return &server->shared.principals.usage;
}

void server_tell_renewed(struct server *server)
{
	barred_log(&server->shared.barred);
}

void server_drain(struct server *server, void (*on_drained)(void *arg), void *arg)
{
	ledger_leave(server->ledger);
	closing_start(&server->closing, server->set->config->settings.server.drain_grace,
	              on_drained, arg);
}

bool server_has_left(const struct server *server)
{
	return closing_has_left(&server->closing);
}

struct addressed {
	struct server *server;
	struct census_question question;
};

/* [worker] */
static void *take_census(unsigned index, const void *question)
{
	const struct addressed *addressed = question;

	return census_take(&addressed->server->workers.items[index], &addressed->question);
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

	return workers_survey(&server->workers, &(struct survey_plan){ .wait_ms = wait_ms,
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
	elders_close(&shared->elders);
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

void server_stop(struct server *server)
{
	if (!server->started)
		return;
	server->started = false;
	returns_close(&server->returns);
	set_serving(server, false);
	closing_stop(&server->closing);
	ev_timer_stop(loop_ev(server->env.main_loop), &server->tick);
	workers_close(&server->workers);
	refuse_log_rest(&server->shared, INT64_MAX);
	waiting_end_all(&server->shared, server->set, &server->limits);
	ledger_close(server->ledger, &server->shared.principals.usage);
	server->ledger = NULL;
	fini_shared(&server->shared);
	workers_fini(&server->workers);
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
	for (unsigned i = 0; server->serving && i < server->workers.n; i++)
		revalidation_post(&server->workers.items[i], revision);
	pthread_mutex_unlock(&server->lock);
}
