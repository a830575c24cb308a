#include "client/session.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/crypto.h"
#include "client/ahead.h"
#include "client/proxy.h"
#include "config/settings.h"
#include "host/host.h"
#include "log/log.h"
#include "net/sock.h"
#include "net/stream.h"

/* How often a server of ours shall hear us, until it says how often it wants to. */
enum { PULSE_MS = 4000 };
/* A port that the server chose is asked for again until it was refused so often; then any will do.
 */
enum { TRIES_FOR_OLD_PORT = 5 };
/* Between two tries: where trying costs nobody anything, and elsewhere. */
static const double soon_s = 1.5, late_s = 30.0;

static void on_ready(struct uplink *uplink);
static void on_failed(struct uplink *uplink, const char *why, enum uplink_failure failure);
static void on_message(struct uplink *uplink, const struct message *message);
static void on_end(struct uplink *uplink, const char *why);
static const struct uplink_events events = { on_ready, on_failed, on_message, on_end };

static struct session *session_of(struct uplink *uplink)
{
	return CONTAINER_OF(uplink, struct session, uplink);
}

/* ---- the end, or another try ---- */

static const struct client_settings *settings_of(const struct session *session)
{
	return session->workers[0].shared->settings;
}

static struct turns *turns_of(const struct session *session)
{
	return &session->workers[0].shared->turns;
}

static struct ev_loop *ev_of(const struct session *session)
{
	return loop_ev(session->workers[0].loop);
}

/* The client is ready while all its tunnels stand. */
static void set_standing(struct session *session, bool standing)
{
	struct client_shared *shared = session->workers[0].shared;

	if (session->standing != standing) {
		shared->standing += standing ? 1 : -1;
		client_stats_add(&shared->stats, session->workers[0].loop, CLIENT_STAT_TUNNELS,
		                 standing ? 1 : -1);
	}
	session->standing = standing;
	host_set_ready(shared->standing == session->n_sessions);
}

/* Whether trying again may help; a server that says "wait" has not refused. */
enum hope { NO_HOPE, MAY_PASS, ASKED_TO_WAIT };

/* What time mends is tried again once the tunnel has stood; before that only if asked to. */
static bool is_worth_another_try(const struct session *session, enum hope hope)
{
	const struct client_settings *settings = settings_of(session);

	if (hope == MAY_PASS)
		return session->port ? settings->reconnect : settings->retry;
	return hope == ASKED_TO_WAIT && (settings->reconnect || settings->retry);
}

/* From 0 to 1. */
static double random_part(void)
{
	uint32_t random = 0;

	crypto_random(&random, sizeof random);
	return (double)random / (double)UINT32_MAX;
}

/* 0.2 s, doubled up to `most`, and each time a random part of the last half less, so that the
 * clients of a server that returns do not come all at once. */
static double next_delay_s(const struct session *session, double most)
{
	unsigned doublings = session->failures < 8 ? session->failures : 8;
	double delay = 0.2 * (double)(1u << doublings);

	delay = delay < most ? delay : most;
	return delay * (1.0 - 0.5 * random_part());
}

/* ---- connections opened ahead ---- */

/* On its way to a worker. */
struct ahead_order {
	struct loop_task task;
	struct ahead_pool *pool;
	unsigned n;
	struct uuid pass;
};

static void run_ahead_order(struct loop_task *task)
{
	struct ahead_order *order = CONTAINER_OF(task, struct ahead_order, task);

	ahead_pool_keep(order->pool, order->n, &order->pass);
	free(order);
}

static void order_ahead(struct ahead_pool *pool, unsigned n, const struct uuid *pass)
{
	struct ahead_order *order = calloc(1, sizeof *order);

	if (!order) {
		log_error("connections are not opened ahead: out of memory",
		          log_str("tunnel", pool->tunnel->name));
		return;
	}
	*order = (struct ahead_order){ { .run = run_ahead_order }, pool, n, *pass };
	loop_post(pool->worker->loop, &order->task);
}

/* n of them, shared out among the workers. */
static void keep_ahead(struct session *session, unsigned n, const struct uuid *pass)
{
	unsigned workers = session->n_workers;

	if (n == 0 && !session->ahead)
		return;
	session->ahead = n;
	for (unsigned i = 0; i < workers; i++)
		order_ahead(&session->pools[i], n / workers + (i < n % workers), pass);
}

/* ---- the end, again ---- */

static void end(struct session *session, const char *why, enum client_exit status, enum hope hope)
{
	bool is_refusal = status == CLIENT_PORT_REFUSED;
	char text[sizeof(struct err)];
	double delay_s;

	if (session->over)
		return;
	snprintf(text, sizeof text, "%s", why); /* may point into what is stopped next */
	client_stats_add(&session->workers[0].shared->stats, session->workers[0].loop,
	                 CLIENT_STAT_LOSSES, 1);
	uplink_stop(&session->uplink);
	turn_give(turns_of(session), &session->turn);
	ev_timer_stop(ev_of(session), &session->pulse);
	deadline_stop(&session->silence);
	keep_ahead(session, 0, &(struct uuid){ 0 });
	set_standing(session, false);
	if (!is_worth_another_try(session, hope)) {
		session->over = true;
		log_error("tunnel ended", log_str("tunnel", session->tunnel->name),
		          log_str("error", text));
		session->on_over(session, status);
		return;
	}
	/* A port that is taken is often our own, about to be given up; where no server is, one may
	 * be about to start. */
	delay_s = next_delay_s(session, is_refusal || !session->uplink.linked ? soon_s : late_s);
	session->failures++;
	session->refusals += is_refusal;
	log_warn("tunnel lost, trying again", log_str("tunnel", session->tunnel->name),
	         log_str("error", text), log_int("in_ms", (int64_t)(delay_s * 1000)),
	         log_int("tries", session->failures));
	ev_now_update(ev_of(session));
	ev_timer_set(&session->again, delay_s, 0.0);
	ev_timer_start(ev_of(session), &session->again);
}

static void on_again(struct ev_loop *ev, ev_timer *timer, int happened)
{
	(void)ev;
	(void)happened;
	session_start(timer->data);
}

/* ---- what the server's errors mean ---- */

static bool is_one_of(const char *error, const char *const *texts)
{
	while (*texts && strcmp(error, *texts) != 0)
		texts++;
	return *texts != NULL;
}

/* bore's texts. What another try may change: a port may become free, a server may come to itself.
 */
static void take_error_text(struct session *session, const char *why, const char *error)
{
	static const char *const taken[] = { "port already in use",
		                             "failed to find an available port", NULL };
	static const char *const ports[] = { "client port number not in allowed range",
		                             "permission denied", "failed to bind to port", NULL };
	static const char *const auth[] = { "invalid secret", "access was revoked",
		                            "server requires secret, but no secret was provided",
		                            NULL };

	if (strcmp(error, "too many tries, wait a little") == 0)
		end(session, why, CLIENT_FAILED, ASKED_TO_WAIT);
	else if (is_one_of(error, taken))
		end(session, why, CLIENT_PORT_REFUSED, MAY_PASS);
	else if (is_one_of(error, ports))
		/* Another range since then: a port that the server had chosen may not fit, any
		 * other will. */
		end(session, why, CLIENT_PORT_REFUSED,
		    session->port && !session->tunnel->port ? MAY_PASS : NO_HOPE);
	else if (is_one_of(error, auth))
		end(session, why, CLIENT_NOT_AUTHENTICATED, NO_HOPE);
	else
		end(session, why, CLIENT_FAILED, MAY_PASS);
}

static void take_error(struct session *session, const struct message *message)
{
	char text[320];

	snprintf(text, sizeof text, "server error: %s", message->text);
	take_error_text(session, text, message->text);
}

/* Before the server's Hello, an end is a riddle to whoever started the client: name what it may be.
 */
static void end_early(struct session *session, const char *why)
{
	char text[sizeof(struct err)];

	snprintf(text, sizeof text,
	         "%s before the server's Hello: it may not be reachable there, the secrets may not "
	         "match, "
	         "or only one side may use a secret or TLS",
	         why ? why : "the connection was closed");
	end(session, text, CLIENT_FAILED, MAY_PASS);
}

static void on_failed(struct uplink *uplink, const char *why, enum uplink_failure failure)
{
	struct session *session = session_of(uplink);

	if (strncmp(why, "server error: ", 14) == 0)
		take_error_text(session, why, why + 14);
	else if (failure == UPLINK_REFUSED)
		end(session, why, CLIENT_NOT_AUTHENTICATED, NO_HOPE);
	else if (failure == UPLINK_ENDED)
		end_early(session, why);
	else
		end(session, why, CLIENT_FAILED, MAY_PASS);
}

/* ---- before the server's Hello ---- */

static void on_ready(struct uplink *uplink)
{
	struct session *session = session_of(uplink);
	bool old_port = session->port && session->refusals < TRIES_FOR_OLD_PORT;
	uint16_t wanted = session->tunnel->port || !old_port ? (uint16_t)session->tunnel->port
	                                                     : session->port;

	link_send(&uplink->link, &(struct message){ .type = MESSAGE_HELLO, .port = wanted });
	deadline_start(&uplink->worker->answers, &uplink->deadline);
}

/* Scripts wait for this line on standard output. */
static void announce(const struct session *session)
{
	char line[400];
	int n = snprintf(line, sizeof line, "listening at %.300s:%u\n",
	                 session->uplink.worker->shared->settings->to, session->port);

	if (write(STDOUT_FILENO, line, (size_t)n) < 0)
		log_warn("cannot write to standard output",
		         log_str("tunnel", session->tunnel->name));
}

/* Asks whether the server knows our extension: bore's does not read what comes behind Hello. */
static void ask_for_more(struct session *session)
{
	session->failures = session->refusals = 0;
	deadline_start(&session->workers[0].silence, &session->silence);
	link_extend(&session->uplink.link, MESSAGE_TO_CLIENT_EXTENDED, false);
	link_send(&session->uplink.link,
	          &(struct message){ .type = MESSAGE_EXTEND,
	                             .port = PULSE_MS,
	                             .ahead = (uint16_t)settings_of(session)->ahead });
}

static void on_pulse(struct ev_loop *ev, ev_timer *timer, int happened)
{
	struct session *session = timer->data;

	(void)ev;
	(void)happened;
	link_send(&session->uplink.link, &(struct message){ .type = MESSAGE_HEARTBEAT });
}

void session_on_silence(struct deadline *deadline)
{
	struct session *session = CONTAINER_OF(deadline, struct session, silence);

	/* After a stall of our own, deadlines run before what has come meanwhile is read. */
	if (sock_has_unread(stream_fd(session->uplink.link.stream)))
		deadline_start(&session->workers[0].silence, deadline);
	else
		end(session, "the server has fallen silent", CLIENT_FAILED, MAY_PASS);
}

static void take_first(struct session *session, const struct message *message)
{
	bool is_new;

	switch (message->type) {
	case MESSAGE_HELLO:
		deadline_stop(&session->uplink.deadline);
		turn_give(turns_of(session), &session->turn);
		is_new = session->port != message->port || !session->port;
		set_standing(session, true);
		session->port = message->port;
		sock_watch_control(stream_fd(session->uplink.link.stream));
		log_info("connected to server", log_str("tunnel", session->tunnel->name),
		         log_int("remote_port", session->port));
		if (is_new)
			announce(session);
		ask_for_more(session);
		break;
	case MESSAGE_ERROR:
		take_error(session, message);
		break;
	case MESSAGE_CHALLENGE:
		end(session, "server requires authentication, but no client secret was provided",
		    CLIENT_NOT_AUTHENTICATED, NO_HOPE);
		break;
	default:
		end(session, "unexpected initial non-hello message", CLIENT_FAILED, NO_HOPE);
		break;
	}
}

/* ---- after it ---- */

/* A visitor for another worker, on its way there. */
struct handover {
	struct loop_task task;
	struct ahead_pool *pool;
	struct uuid id;
};

static void run_handover(struct loop_task *task)
{
	struct handover *handover = CONTAINER_OF(task, struct handover, task);

	proxy_start(handover->pool, &handover->id);
	free(handover);
}

static bool has_ahead(const struct ahead_pool *pool)
{
	return atomic_load(&pool->n_idle) > 0;
}

static bool is_better(const struct ahead_pool *pool, const struct ahead_pool *than)
{
	if (has_ahead(pool) != has_ahead(than))
		return has_ahead(pool);
	return atomic_load(&pool->worker->load) < atomic_load(&than->worker->load);
}

/* Where a connection waits, then where least is to do; ourselves when in doubt, since waking
 * another worker costs more than it brings. */
static struct ahead_pool *choose_pool(const struct session *session)
{
	struct ahead_pool *best = &session->pools[0];

	for (unsigned i = 1; i < session->n_workers; i++) {
		if (is_better(&session->pools[i], best))
			best = &session->pools[i];
	}
	return best;
}

static void take_visitor(struct session *session, const struct uuid *id)
{
	struct ahead_pool *pool = choose_pool(session);
	struct client_worker *worker = pool->worker;
	const struct client_stats *stats = &worker->shared->stats;
	const struct loop *loop = session->uplink.worker->loop;
	struct handover *handover;

	client_stats_add(stats, loop, CLIENT_STAT_VISITORS, 1);
	atomic_fetch_add(&worker->load, 1);
	atomic_fetch_add(&worker->shared->carried, 1);
	if (worker == session->uplink.worker) {
		proxy_start(pool, id);
		return;
	}
	handover = calloc(1, sizeof *handover);
	if (!handover) {
		atomic_fetch_sub(&worker->load, 1);
		atomic_fetch_sub(&worker->shared->carried, 1);
		client_stats_fail(stats, loop, CLIENT_FAILURE_MEMORY);
		log_error("connection dropped: out of memory",
		          log_str("tunnel", session->tunnel->name));
		return;
	}
	*handover = (struct handover){ { .run = run_handover }, pool, *id };
	loop_post(worker->loop, &handover->task);
}

/* Many tunnels' heartbeats leave neither all at once, which would hold up the others, nor each in a
 * turn of its own: a turn for little costs more than what it does. */
static void start_pulse(struct session *session, double every_s)
{
	enum { TURNS = 10 };
	double step_s = every_s / TURNS, first_s;

	ev_now_update(ev_of(session));
	first_s = step_s * (1.0 + floor(TURNS * random_part())) -
	          fmod(ev_now(ev_of(session)), step_s);
	ev_timer_stop(ev_of(session), &session->pulse);
	ev_timer_set(&session->pulse, first_s, every_s);
	ev_timer_start(ev_of(session), &session->pulse);
}

/* The server understands: from now on it is sent heartbeats, as often as it wants. */
static void take_extended(struct session *session, const struct message *message)
{
	unsigned wanted = (unsigned)settings_of(session)->ahead;

	start_pulse(session, (message->port > 100 ? message->port : 100) / 1000.0);
	keep_ahead(session, message->ahead < wanted ? message->ahead : wanted, &message->id);
}

/* Of a tunnel that stands: the server says why it is about to close the connection, and whether it
 * is worth a further try shows then. But what an operator has ended does not come back by itself.
 */
static void take_late_error(struct session *session, const struct message *message)
{
	if (strcmp(message->text, "closed by the operator") == 0)
		end(session, "the server's operator has ended the tunnel", CLIENT_FAILED, NO_HOPE);
	else
		log_error("server error", log_str("tunnel", session->tunnel->name),
		          log_str("error", message->text));
}

static void on_message(struct uplink *uplink, const struct message *message)
{
	struct session *session = session_of(uplink);

	if (!session->standing) {
		take_first(session, message);
		return;
	}
	deadline_start(&session->workers[0].silence, &session->silence);
	if (message->type == MESSAGE_CONNECTION)
		take_visitor(session, &message->id);
	else if (message->type == MESSAGE_ERROR)
		take_late_error(session, message);
	else if (message->type == MESSAGE_EXTENDED)
		take_extended(session, message);
	else if (message->type != MESSAGE_HEARTBEAT)
		log_warn(
			"unexpected message from server", log_str("tunnel", session->tunnel->name),
			log_str("message", message->type == MESSAGE_HELLO ? "Hello" : "Challenge"));
}

static void on_end(struct uplink *uplink, const char *why)
{
	struct session *session = session_of(uplink);

	if (session->standing || stream_complaint(uplink->link.stream))
		end(session, why ? why : "the server closed the connection", CLIENT_FAILED,
		    MAY_PASS);
	else
		end_early(session, why);
}

void session_start_turn(struct turn *turn)
{
	struct session *session = CONTAINER_OF(turn, struct session, turn);

	uplink_start(&session->uplink, &session->workers[0], SPORE_AUTH_CONTROL, &events);
}

void session_start(struct session *session)
{
	if (turn_take(turns_of(session), &session->turn))
		session_start_turn(&session->turn);
}

void session_init(struct session *session)
{
	turn_init(&session->turn);
	ev_timer_init(&session->again, on_again, 0.0, 0.0);
	session->again.data = session;
	ev_timer_init(&session->pulse, on_pulse, 0.0, 0.0);
	session->pulse.data = session;
	deadline_init(&session->silence);
}

void session_stop(struct session *session)
{
	session->over = true;
	ev_timer_stop(ev_of(session), &session->again);
	ev_timer_stop(ev_of(session), &session->pulse);
	deadline_stop(&session->silence);
	keep_ahead(session, 0, &(struct uuid){ 0 });
	uplink_stop(&session->uplink);
	turn_give(turns_of(session), &session->turn);
}
