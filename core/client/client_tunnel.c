#include "client/client_tunnel.h"

#include <stdlib.h>

#include "base/container.h"
#include "carry/proxy.h"
#include "config/config.h"
#include "keep/tickets.h"
#include "log/log.h"

/* ---- the end ---- */

void client_tunnel_free(struct client_tunnel *tunnel)
{
	if (!tunnel)
		return;
	for (unsigned i = 0; i < tunnel->n_workers; i++)
		config_unref(tunnel->pools[i].config);
	bucket_fini(&tunnel->buckets[0]);
	bucket_fini(&tunnel->buckets[1]);
	decline_fini(&tunnel->decliner);
	free(tunnel);
}

static void run_free(struct loop_task *task)
{
	client_tunnel_free(CONTAINER_OF(task, struct client_tunnel, end));
}

/* On the first worker. A message that a session has sent last may be flushed after this, at the end
 * of the turn. */
static void run_end(struct loop_task *task)
{
	struct client_tunnel *tunnel = CONTAINER_OF(task, struct client_tunnel, end);
	struct loop *loop = tunnel->decliner.loop;

	decline_stop(&tunnel->decliner);
	tunnel->end.run = run_free;
	loop_reap(loop, &tunnel->end);
}

/* [any] */
static void on_no_users(struct users *users)
{
	struct client_tunnel *tunnel = CONTAINER_OF(users, struct client_tunnel, users);

	loop_post(tunnel->decliner.loop, &tunnel->end);
}

/* ---- the begin ---- */

static void limit_rate(struct client_tunnel *tunnel, const struct tunnel_settings *settings)
{
	if (!bucket_set_rate(&tunnel->buckets[0], (uint64_t)settings->rate_up) ||
	    !bucket_set_rate(&tunnel->buckets[1], (uint64_t)settings->rate_down))
		log_error("the limits on the rate have not changed: out of memory",
		          log_str("tunnel", settings->name));
}

/* A ticket is for the port that is configured. Of several servers, one may have left a port. */
static void find_ticket(struct session *session, const struct tickets *tickets)
{
	const struct servers *servers = &session->worker->shared->servers;
	uint16_t port = (uint16_t)session->tunnel->port;

	for (unsigned i = 0; tickets && port && i < servers->n; i++) {
		if (tickets_find(tickets, servers_at(servers, i)->name, port, &session->ticket)) {
			session->ticket_from = i;
			return;
		}
	}
}

static void set_up_session(struct client_tunnel *tunnel, size_t index,
                           const struct client_tunnel_spec *spec)
{
	struct session *session = &tunnel->sessions[index];

	*session = (struct session){
		.worker = &spec->workers[0],
		.owner = tunnel,
		.tunnel = spec->settings,
		.spread = { .pools = tunnel->pools, .n_workers = spec->n_workers },
		.decliner = &tunnel->decliner,
		.twin = &tunnel->sessions[1 - index],
		.health = &tunnel->health,
		.on_news = spec->on_news,
		.on_over = spec->on_over,
	};
	session_init(session, &spec->config->settings.client);
}

void client_tunnel_show_service(struct client_tunnel *tunnel)
{
	const struct client_worker *worker = tunnel->sessions[0].worker;
	const struct client_stats *stats = &worker->shared->stats;

	if (!tunnel->health.is_checked) {
		client_tunnel_hide_service(tunnel);
		return;
	}
	if (!tunnel->service) {
		tunnel->service = client_stats_service(stats, tunnel->sessions[0].tunnel->name);
		client_stats_hide(stats, tunnel->service, false);
	}
	client_stats_serve(stats, worker->loop, tunnel->service, !tunnel->health.is_down);
}

void client_tunnel_hide_service(struct client_tunnel *tunnel)
{
	client_stats_hide(&tunnel->sessions[0].worker->shared->stats, tunnel->service, true);
	tunnel->service = 0;
}

static void on_health_news(struct health *health)
{
	struct client_tunnel *tunnel = CONTAINER_OF(health, struct client_tunnel, health);
	struct session *one = &tunnel->sessions[0], *other = &tunnel->sessions[1];

	client_tunnel_show_service(tunnel);
	session_heed_service(one);
	session_heed_service(other);
}

static void set_up_health(struct client_tunnel *tunnel, const struct client_tunnel_spec *spec)
{
	struct client_worker *worker = &spec->workers[0];

	tunnel->health = (struct health){
		.loop = worker->loop,
		.resolver = worker->shared->resolver,
		.set = &worker->set,
		.on_news = on_health_news,
	};
	health_init(&tunnel->health);
}

struct client_tunnel *client_tunnel_new(const struct client_tunnel_spec *spec)
{
	struct client_tunnel *tunnel = calloc(1, sizeof *tunnel +
	                                                 spec->n_workers * sizeof *tunnel->pools);

	if (!tunnel)
		return NULL;
	list_init(&tunnel->node);
	atomic_init(&tunnel->users.n, spec->n_workers);
	tunnel->users.on_none = on_no_users;
	tunnel->end.run = run_end;
	tunnel->n_workers = spec->n_workers;
	decline_init(&tunnel->decliner, spec->workers[0].loop, spec->settings->name,
	             &tunnel->users);
	for (unsigned i = 0; i < spec->n_workers; i++) {
		tunnel->pools[i] = (struct ahead_pool){ .worker = &spec->workers[i],
			                                .config = config_ref(spec->config),
			                                .tunnel = spec->settings,
			                                .users = &tunnel->users,
			                                .decliner = &tunnel->decliner,
			                                .buckets = tunnel->buckets,
			                                .on_open = proxy_take_open };
		ahead_pool_init(&tunnel->pools[i]);
	}
	bucket_init(&tunnel->buckets[0], spec->n_workers);
	bucket_init(&tunnel->buckets[1], spec->n_workers);
	limit_rate(tunnel, spec->settings);
	set_up_session(tunnel, 0, spec);
	set_up_session(tunnel, 1, spec);
	find_ticket(&tunnel->sessions[0], spec->tickets);
	set_up_health(tunnel, spec);
	return tunnel;
}

void client_tunnel_note_tickets(const struct client_tunnel *tunnel, struct tickets *tickets)
{
	static const struct uuid none;

	for (size_t i = 0; i < 2; i++) {
		const struct session *session = &tunnel->sessions[i];
		const struct servers *servers = &session->worker->shared->servers;

		if (!uuid_equal(&session->ticket, &none))
			tickets_add(tickets, &session->ticket,
			            servers_at(servers, session->ticket_from)->name,
			            session->retry.last_port);
	}
}

/* ---- on the workers ---- */

static struct ahead_pool *pool_of(struct client_tunnel *tunnel, const struct client_worker *worker)
{
	return &tunnel->pools[loop_index(worker->loop)];
}

static bool is_first(const struct client_tunnel *tunnel, const struct client_worker *worker)
{
	return tunnel->sessions[0].worker == worker;
}

void client_tunnel_join(struct client_tunnel *tunnel, struct client_worker *worker)
{
	struct ahead_pool *pool = pool_of(tunnel, worker);

	list_remove(&pool->node);
	list_append(&worker->pools, &pool->node);
}

void client_tunnel_use(struct client_tunnel *tunnel, const struct client_worker *worker,
                       struct config *config, const struct tunnel_settings *settings)
{
	struct ahead_pool *pool = pool_of(tunnel, worker);
	/* The sessions and the decliner use the old settings until they have the new ones. */
	struct config *old = config_ref(pool->config);

	ahead_pool_use(pool, config, settings);
	if (is_first(tunnel, worker)) {
		session_use(&tunnel->sessions[0], settings);
		session_use(&tunnel->sessions[1], settings);
		tunnel->decliner.tunnel = settings->name;
		health_use(&tunnel->health, settings);
		limit_rate(tunnel, settings);
	}
	config_unref(old);
}

void client_tunnel_start(struct client_tunnel *tunnel)
{
	session_start(&tunnel->sessions[0]);
	health_start(&tunnel->health, tunnel->sessions[0].tunnel);
	client_tunnel_show_service(tunnel);
}

void client_tunnel_stop(struct client_tunnel *tunnel)
{
	session_stop(&tunnel->sessions[0]);
	session_stop(&tunnel->sessions[1]);
	health_stop(&tunnel->health);
}

void client_tunnel_leave(struct client_tunnel *tunnel, const struct client_worker *worker)
{
	struct ahead_pool *pool = pool_of(tunnel, worker);

	if (is_first(tunnel, worker)) {
		client_tunnel_stop(tunnel);
		list_remove(&tunnel->node);
	}
	ahead_pool_keep(pool, &(struct ahead_grant){ 0 });
	pool->is_left = true; /* a grant of the first worker may still be on its way */
	list_remove(&pool->node);
	users_leave(&tunnel->users);
}

/* ---- the sessions ---- */

bool client_tunnel_lives(const struct client_tunnel *tunnel)
{
	return !tunnel->is_over && !tunnel->sessions[0].depends && !tunnel->sessions[1].depends;
}

const struct session *client_tunnel_speaker(const struct client_tunnel *tunnel)
{
	const struct session *one = &tunnel->sessions[0], *other = &tunnel->sessions[1];

	if (one->state == SESSION_STANDING || other->state == SESSION_IDLE ||
	    other->state == SESSION_OVER)
		return one;
	return other->state == SESSION_STANDING || one->state == SESSION_IDLE ||
	                       one->state == SESSION_OVER
	               ? other
	               : one;
}

void client_tunnel_inherit(struct client_tunnel *tunnel, const struct client_tunnel *before)
{
	const struct session *from = before ? client_tunnel_speaker(before) : NULL;
	struct session *to = &tunnel->sessions[0];

	to->retry.is_late = tunnel->sessions[1].retry.is_late = true;
	if (!from)
		return;
	to->retry.last_port = from->retry.last_port;
	to->announced = from->announced;
}
