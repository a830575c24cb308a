#include "client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "carry/proxy.h"
#include "client/client_tunnel.h"
#include "client/order.h"
#include "client/roll.h"
#include "client/worker.h"
#include "host/readiness.h"
#include "keep/tickets.h"
#include "log/log.h"
#include "loop/call.h"
#include "loop/survey.h"
#include "net/resolve.h"
#include "way/changes.h"

static const double drain_poll_s = 0.05;
/* What is written of the tunnels that are not open. */
enum { MOST_NAMED = 5, MOST_NAME = 64 };

struct client {
	struct client_env env;
	struct client_shared shared;
	struct client_worker *workers; /* owned */
	struct config *first;          /* ref; all reloads keep its list of servers */
	ev_async news;                 /* on the main loop; unlike a task it can be recalled */
	ev_async exit;                 /* the same */
	atomic_int status;             /* enum client_exit; set on worker 0, read by main */
	ev_timer drain_poll;           /* on the main loop */
	void (*on_drained)(void *arg);
	void *arg;
	struct tickets tickets; /* of main, also while worker 0 notes those that are left */
	/* Used by main only: what the workers have, or what they get with the last order. */
	struct plugin_set *set;         /* ref */
	struct client_tunnel **tunnels; /* owned; in the order of its configuration, borrowed each:
	                                 * the workers use them */
	/* Used by worker 0 only. */
	struct changes changes;
	struct list open; /* of struct client_tunnel: those that the workers have */
	size_t n_over;    /* tunnels that have ended for good */
	bool gives_up;    /* no tunnel lives any more */
	bool leaves;      /* the client drains or ends: no tunnel starts */
};

static const struct settings *settings_in_use(const struct client *client)
{
	return &client->set->config->settings;
}

/* ---- news and exit ---- */

/* How many bytes of the name are shown: at most MOST_NAME, and whole characters of UTF-8. */
static int shown_length(const char *name)
{
	size_t n = strnlen(name, MOST_NAME + 1);

	if (n <= MOST_NAME)
		return (int)n;
	while (n > 0 && ((unsigned char)name[n - 1] & 0xc0) == 0x80)
		n--;
	return n > 0 ? (int)n - 1 : 0;
}

/* Writes for the operator how many tunnels are open, and the names of the others. [main] */
static void describe_tunnels(const struct client *client, char *text, size_t size)
{
	const struct tunnel_settings *tunnels = settings_in_use(client)->tunnels.items;
	size_t n = settings_in_use(client)->tunnels.count, n_open = 0, n_named = 0, used;

	for (size_t i = 0; i < n; i++)
		n_open += atomic_load(&client->tunnels[i]->is_open);
	used = (size_t)snprintf(text, size, "%zu of %zu tunnels open", n_open, n);
	for (size_t i = 0; i < n && n_named < MOST_NAMED; i++) {
		if (!atomic_load(&client->tunnels[i]->is_open))
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
	bool is_open = session->state == SESSION_STANDING ||
	               session->twin->state == SESSION_STANDING;
	bool was_open = atomic_exchange(&session->owner->is_open, is_open);

	if (is_open)
		turns_widen(&shared->turns);
	else if (was_open && shared->n_standing == 0 && session->worker->set->needs_challenge)
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

static struct client_tunnel *tunnel_at(struct list *node)
{
	return CONTAINER_OF(node, struct client_tunnel, node);
}

static void give_up(struct client *client)
{
	client->gives_up = true;
	for (struct list *i = client->open.next; i != &client->open; i = i->next)
		session_give_up(&tunnel_at(i)->sessions[0]);
}

/* The client ends with its last tunnel that lives, and with the status of the one that was the
 * first to live no more. [worker] 0 */
static void exit_if_over(struct client *client)
{
	if (client->n_over < client->shared.n_tunnels)
		return;
	atomic_store(&client->status, (int)client->shared.first_status);
	ev_async_send(loop_ev(client->env.main_loop), &client->exit);
}

static void on_session_over(struct session *session, enum client_exit status)
{
	struct client *client = session->worker->client;

	(void)status;
	session->owner->is_over = true;
	health_stop(&session->owner->health);
	atomic_store(&session->owner->has_ended, true);
	client->n_over++;
	if (client->shared.n_living == 0 && !client->gives_up)
		give_up(client);
	exit_if_over(client);
}

/* ---- several servers ---- */

/* One tunnel looks whether the first server answers again, and once it does, all follow. [worker]
 * 0 */
static bool on_look(void *arg)
{
	struct client *client = arg;
	bool is_needed = false;

	for (struct list *i = client->open.next; i != &client->open; i = i->next) {
		for (size_t k = 0; k < 2; k++) {
			struct session *session = &tunnel_at(i)->sessions[k];
			bool looks = session_return(session);

			is_needed |= session->state == SESSION_STANDING &&
			             session->uplink.server.index > 0;
			if (looks && client->shared.servers.current > 0)
				return is_needed;
		}
	}
	return is_needed;
}

/* ---- the way to a server may have changed ---- */

/* [worker] 0 */
static void on_change(void *arg)
{
	struct client *client = arg;
	struct homes homes = { .n = 0 };

	log_debug("the way to the server may have changed, looking at the connections",
	          log_int("tunnels", (int64_t)client->shared.n_tunnels));
	for (struct list *i = client->open.next; i != &client->open; i = i->next) {
		for (size_t k = 0; k < 2 && !client->leaves; k++)
			session_look(&tunnel_at(i)->sessions[k], &homes);
	}
	for (unsigned i = 0; i < client->env.n_workers; i++)
		worker_post_look(&client->workers[i]);
}

/* ---- calls that run on the workers ---- */

static void run_open_worker(void *arg)
{
	struct client_worker *worker = arg;

	worker_open(worker);
	if (loop_index(worker->loop) == 0)
		changes_start(&worker->client->changes, worker->loop, on_change, worker->client);
}

static struct client_tunnel *tunnel_of(const struct list *pool)
{
	struct users *users = CONTAINER_OF(pool, struct ahead_pool, node)->users;

	return CONTAINER_OF(users, struct client_tunnel, users);
}

static void run_close_worker(void *arg)
{
	struct client_worker *worker = arg;

	proxy_stop_all(worker);
	while (!list_is_empty(&worker->pools))
		client_tunnel_leave(tunnel_of(worker->pools.next), worker);
	worker_close(worker);
}

/* The next process may show the tickets that the sessions have not shown yet. Must come before the
 * sessions stop. Idempotent. */
static void begin_to_leave(struct client *client)
{
	struct list *i = client->open.next;

	for (; !client->leaves && i != &client->open; i = i->next)
		client_tunnel_note_tickets(tunnel_at(i), &client->tickets);
	client->leaves = true;
}

static void run_leave_sessions(void *arg)
{
	struct client *client = arg;

	begin_to_leave(client);
	for (struct list *i = client->open.next; i != &client->open; i = i->next) {
		session_leave(&tunnel_at(i)->sessions[0]);
		session_leave(&tunnel_at(i)->sessions[1]);
	}
	servers_stop(&client->shared.servers);
}

static void run_stop_sessions(void *arg)
{
	struct client *client = arg;

	begin_to_leave(client);
	for (struct list *i = client->open.next; i != &client->open; i = i->next)
		client_tunnel_stop(tunnel_at(i));
	servers_stop(&client->shared.servers);
	changes_stop(&client->changes);
}

/* ---- start ---- */

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
	const struct settings *settings = settings_in_use(client);
	struct client_shared *shared = &client->shared;

	shared->resolver = client->env.resolver;
	list_init(&shared->respites);
	turns_init(&shared->turns, client->env.loops[0], session_on_turn);
	servers_init(&shared->servers, &settings->client, client->env.loops[0], on_look, client);
	client_stats_init(&shared->stats, client->env.metrics);
	client_stats_servers(&shared->stats, &settings->client);
}

static void set_up_workers(struct client *client)
{
	for (unsigned i = 0; i < client->env.n_workers; i++) {
		struct client_worker *worker = &client->workers[i];

		worker->client = client;
		worker->shared = &client->shared;
		worker->loop = client->env.loops[i];
		worker_init(worker, client->set, client->env.n_workers);
		loop_call(worker->loop, run_open_worker, worker);
	}
}

static void free_client(struct client *client)
{
	for (unsigned i = 0; client->workers && i < client->env.n_workers; i++)
		worker_fini(&client->workers[i]);
	plugin_set_unref(client->set);
	config_unref(client->first);
	tickets_fini(&client->tickets);
	taken_fini(&client->shared.taken);
	free(client->tunnels);
	free(client->workers);
	free(client);
}

/* ---- tunnels begin, go on and end ---- */

static void count_in(struct client *client, const struct client_tunnel *tunnel, int delta)
{
	struct client_shared *shared = &client->shared;

	shared->n_tunnels += (size_t)delta;
	shared->n_living += client_tunnel_lives(tunnel) ? (size_t)delta : 0;
	client->n_over += tunnel->is_over ? (size_t)delta : 0;
}

static void log_step(const struct step *step)
{
	const struct log_field tunnel = log_str("tunnel", step->tunnel->sessions[0].tunnel->name);

	if (step->kind == STEP_LEAVE)
		log_info("tunnel closed: the new configuration does not have it like this", tunnel);
	else if (step->kind == STEP_JOIN)
		log_info(step->before ? "opening the changed tunnel" : "opening a new tunnel",
		         tunnel);
}

/* What only the first worker does before the tunnels of an order change. */
static void begin_order(const struct order *order)
{
	for (size_t i = 0; i < order->n && !order->is_first; i++) {
		if (order->steps[i].kind == STEP_JOIN)
			client_tunnel_inherit(order->steps[i].tunnel, order->steps[i].before);
	}
	for (size_t i = 0; i < order->n; i++) {
		struct client_tunnel *tunnel = order->steps[i].tunnel;

		if (!order->is_first)
			log_step(&order->steps[i]);
		if (order->steps[i].kind == STEP_LEAVE)
			count_in(order->client, tunnel, -1);
		else if (order->steps[i].kind == STEP_JOIN)
			count_in(order->client, tunnel, 1);
		if (order->steps[i].kind == STEP_LEAVE || order->steps[i].is_renamed) {
			client_stats_hide(&order->client->shared.stats, tunnel->sessions[0].series,
			                  true);
			client_tunnel_hide_service(tunnel);
		}
	}
}

/* The tunnels may have a new secret. If it is wrong, it costs one try, too. */
static bool has_new_tunnels(const struct order *order)
{
	for (size_t i = 0; i < order->n; i++) {
		if (order->steps[i].kind == STEP_JOIN)
			return true;
	}
	return false;
}

/* What only the first worker does after it. */
static void end_order(const struct order *order)
{
	struct client *client = order->client;
	struct client_shared *shared = &client->shared;

	if (!client->workers[0].set->needs_challenge)
		turns_widen(&shared->turns);
	else if (shared->n_standing == 0 || has_new_tunnels(order))
		turns_narrow(&shared->turns);
	client->gives_up = false;
	for (size_t i = 0; i < order->n; i++) {
		const struct step *step = &order->steps[i];

		if (step->kind == STEP_LEAVE)
			continue;
		if (step->is_renamed)
			client_tunnel_show_service(step->tunnel);
		if (!order->is_first && (step->kind == STEP_JOIN || step->is_renamed))
			client_stats_hide(&shared->stats, step->tunnel->sessions[0].series, false);
		list_remove(&step->tunnel->node);
		list_append(&client->open, &step->tunnel->node);
		if (step->kind == STEP_JOIN && !client->leaves)
			client_tunnel_start(step->tunnel);
	}
	readiness_set(shared->n_standing >= shared->n_tunnels);
	if (!order->is_first)
		ev_async_send(loop_ev(client->env.main_loop), &client->news);
	if (!client->leaves)
		exit_if_over(client); /* the last tunnel may have ended since the order was made */
}

static void take_step(const struct step *step, struct client_worker *worker)
{
	switch (step->kind) {
	case STEP_LEAVE:
		client_tunnel_leave(step->tunnel, worker);
		break;
	case STEP_USE:
		client_tunnel_use(step->tunnel, worker, worker->set->config, step->settings);
		client_tunnel_join(step->tunnel, worker); /* in the order of the configuration */
		break;
	case STEP_JOIN:
		client_tunnel_join(step->tunnel, worker);
		break;
	}
}

/* [worker] */
static void take_order(struct order *order, struct client_worker *worker)
{
	bool is_first_worker = loop_index(worker->loop) == 0;

	if (is_first_worker)
		begin_order(order);
	for (size_t i = 0; i < order->n; i++)
		take_step(&order->steps[i], worker);
	if (is_first_worker)
		end_order(order);
	order_release(order);
}

/* The way from the tunnels that there are to those of the set. NULL: out of memory. */
static struct order *plan_order(struct client *client, struct plugin_set *set)
{
	static const spore_list none;
	const struct client_tunnel_spec spec = {
		.workers = client->workers,
		.n_workers = client->env.n_workers,
		.tickets = &client->tickets,
		.on_news = on_session_news,
		.on_over = on_session_over,
	};

	return order_plan(&(struct order_terms){
		.client = client,
		.set = set,
		.now = client->tunnels ? &settings_in_use(client)->tunnels : &none,
		.tunnels = client->tunnels,
		.spec = &spec,
	});
}

/* Main's view of the tunnels follows the order, of which main gives its reference back. tunnels: an
 * array for them. */
static void use_order(struct client *client, struct order *order, struct client_tunnel **tunnels)
{
	size_t n = 0;

	for (size_t i = 0; i < order->n; i++) {
		const struct step *step = &order->steps[i];

		if (step->kind == STEP_LEAVE)
			continue;
		tunnels[n++] = step->tunnel;
		if (!step->settings->local_path)
			resolver_refresh(client->env.resolver, step->settings->local_host);
	}
	free(client->tunnels);
	client->tunnels = tunnels;
	plugin_set_ref(order->set);
	plugin_set_unref(client->set);
	client->set = order->set;
	order_release(order);
}

/* ---- start ---- */

static void run_take_first(void *arg)
{
	struct order *order = arg;

	take_order(order, &order->client->workers[loop_index(loop_current())]);
}

/* False: out of memory. */
static bool open_first_tunnels(struct client *client)
{
	size_t n = settings_in_use(client)->tunnels.count;
	struct client_tunnel **tunnels = calloc(n, sizeof *tunnels);
	struct order *order = plan_order(client, client->set);

	if (!tunnels || !order) {
		if (order)
			order_drop(order);
		free(tunnels);
		return false;
	}
	order->is_first = true;
	/* The first worker is the last one, since it starts the sessions. */
	for (unsigned i = client->env.n_workers; i-- > 0;)
		loop_call(client->env.loops[i], run_take_first, order);
	use_order(client, order, tunnels);
	return true;
}

struct client *client_start(const struct client_env *env)
{
	struct client *client = calloc(1, sizeof *client);

	if (!client)
		return NULL;
	client->env = *env;
	client->set = plugin_set_ref(env->set);
	client->first = config_ref(env->set->config);
	taken_init(&client->shared.taken);
	list_init(&client->open);
	client->workers = calloc(env->n_workers, sizeof *client->workers);
	if (!client->workers) {
		free_client(client);
		return NULL;
	}
	set_up_main(client);
	set_up_shared(client);
	set_up_workers(client);
	tickets_read(&client->tickets);
	if (!open_first_tunnels(client)) {
		client_stop(client);
		return NULL;
	}
	tickets_fini(&client->tickets);
	return client;
}

/* ---- another configuration ---- */

/* [worker] */
static void *take_renewal(unsigned index, const void *question)
{
	struct order *order = *(struct order *const *)question;
	struct client_worker *worker = &order->client->workers[index];

	worker_use(worker, order->set, order->client->env.n_workers);
	take_order(order, worker);
	return worker;
}

/* The answer of a worker is the worker itself. */
static void drop_nothing(void *unused)
{
	(void)unused;
}

struct survey *client_renew(struct client *client, struct plugin_set *set, int64_t wait_ms,
                            void (*taken)(struct survey *survey, void *arg), void *arg,
                            struct err *err)
{
	size_t n = set->config->settings.tunnels.count;
	struct client_tunnel **tunnels = calloc(n, sizeof *tunnels);
	struct order *order = tunnels ? plan_order(client, set) : NULL;
	struct survey *survey = NULL;

	if (order)
		survey = survey_start(&(struct survey_plan){ .home = client->env.main_loop,
		                                             .loops = client->env.loops,
		                                             .n = client->env.n_workers,
		                                             .wait_ms = wait_ms,
		                                             .question = &order,
		                                             .size = sizeof order,
		                                             .ask = take_renewal,
		                                             .drop = drop_nothing,
		                                             .done = taken,
		                                             .arg = arg });
	if (!survey) {
		if (order)
			order_drop(order);
		free(tunnels);
		err_set(err, "out of memory");
		return NULL;
	}
	use_order(client, order, tunnels);
	return survey;
}

/* ---- what the operator asks ---- */

unsigned client_visitors(const struct client *client)
{
	return atomic_load(&client->shared.carried);
}

/* [worker] */
static void *make_roll(unsigned index, const void *question)
{
	const struct client *client = *(const struct client *const *)question;

	return roll_make(&client->workers[index]);
}

struct survey *client_ask(struct client *client, int64_t wait_ms,
                          void (*done)(struct survey *survey, void *arg), void *arg)
{
	return survey_start(&(struct survey_plan){ .home = client->env.main_loop,
	                                           .loops = client->env.loops,
	                                           .n = client->env.n_workers,
	                                           .wait_ms = wait_ms,
	                                           .question = &client,
	                                           .size = sizeof client,
	                                           .ask = make_roll,
	                                           .drop = free,
	                                           .done = done,
	                                           .arg = arg });
}

const struct client_settings *client_servers(const struct client *client)
{
	return &client->first->settings.client;
}

unsigned client_room(const struct client *client)
{
	return atomic_load(&client->shared.max_carried);
}

/* ---- end ---- */

static void on_drain_poll(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct client *client = timer->data;

	(void)events;
	if (atomic_load(&client->shared.carried) > 0 || atomic_load(&client->shared.n_parting) > 0)
		return;
	ev_timer_stop(ev, timer);
	client->on_drained(client->arg);
}

void client_drain(struct client *client, void (*on_drained)(void *arg), void *arg)
{
	struct ev_loop *ev = loop_ev(client->env.main_loop);

	client->on_drained = on_drained;
	client->arg = arg;
	loop_call(client->env.loops[0], run_leave_sessions, client);
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
	loop_settle(client->env.loops[0]); /* frees the tunnels that other workers left last */
	ev_async_stop(loop_ev(client->env.main_loop), &client->news);
	ev_async_stop(loop_ev(client->env.main_loop), &client->exit);
	tickets_write(&client->tickets);
	free_client(client);
}
