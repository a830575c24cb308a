#include "client/session.h"

#include <stdio.h>
#include <unistd.h>

#include "base/container.h"
#include "base/crypto.h"
#include "config/settings.h"
#include "host/readiness.h"
#include "log/log.h"
#include "net/sock.h"
#include "net/stream.h"

/* The heartbeat interval that the client offers. The server answers with its own; LEAST_PULSE_MS is
 * the minimum. */
enum { PULSE_MS = 4000, LEAST_PULSE_MS = 100 };

static void on_uplink_ready(struct uplink *uplink);
static void on_uplink_failed(struct uplink *uplink, const struct uplink_failure *failure);
static void on_uplink_message(struct uplink *uplink, const struct message *message);
static void on_uplink_end(struct uplink *uplink, const char *why);
static const struct uplink_events uplink_events = {
	.on_ready = on_uplink_ready,
	.on_failed = on_uplink_failed,
	.on_message = on_uplink_message,
	.on_end = on_uplink_end,
};

static struct session *session_of(struct uplink *uplink)
{
	return CONTAINER_OF(uplink, struct session, uplink);
}

static const struct client_settings *settings_of(const struct session *session)
{
	return session->worker->shared->settings;
}

static struct ev_loop *ev_of(const struct session *session)
{
	return loop_ev(session->worker->loop);
}

/* At least 0, less than 1. */
static double random_part(void)
{
	uint32_t random = 0;

	crypto_random(&random, sizeof random);
	return (double)random / ((double)UINT32_MAX + 1.0);
}

/* ---- states ---- */

/* What a session can hold. */
enum {
	HOLDS_TURN = 1,   /* one of the turns, or a place in their queue */
	HOLDS_UPLINK = 2, /* the connection to the server */
	HOLDS_WAIT = 4,   /* the deadline of the server's answer */
	HOLDS_PLACE = 8,  /* a place among the standing tunnels, and what a tunnel needs */
	HOLDS_PAUSE = 16  /* the timer of the next attempt */
};

static const unsigned held_in[SESSION_STATES] = {
	[SESSION_WAITING] = HOLDS_TURN,
	[SESSION_CONNECTING] = HOLDS_TURN | HOLDS_UPLINK,
	[SESSION_AWAITING_HELLO] = HOLDS_TURN | HOLDS_UPLINK | HOLDS_WAIT,
	[SESSION_STANDING] = HOLDS_UPLINK | HOLDS_PLACE,
	[SESSION_PAUSED] = HOLDS_PAUSE,
};

/* The client is ready while all of its tunnels stand. */
static void count_standing(const struct session *session, int delta)
{
	struct client_shared *shared = session->worker->shared;

	shared->n_standing += (size_t)delta;
	client_stats_add(&shared->stats, session->worker->loop, CLIENT_STAT_TUNNELS, delta);
	readiness_set(shared->n_standing == shared->n_tunnels);
}

static void release_held(struct session *session, unsigned things)
{
	if (things & HOLDS_WAIT)
		uplink_end_wait(&session->uplink);
	if (things & HOLDS_UPLINK)
		uplink_stop(&session->uplink);
	if (things & HOLDS_TURN)
		turn_release(&session->worker->shared->turns, &session->turn);
	if (things & HOLDS_PLACE) {
		pulse_stop(&session->pulse);
		deadline_stop(&session->silence);
		spread_ahead(&session->spread, 0, NULL);
		count_standing(session, -1);
	}
	if (things & HOLDS_PAUSE)
		ev_timer_stop(ev_of(session), &session->pause);
}

static void acquire_held(struct session *session, unsigned things)
{
	if (things & HOLDS_TURN)
		turn_take(&session->worker->shared->turns, &session->turn);
	if (things & HOLDS_UPLINK)
		uplink_start(&session->uplink, session->worker, SPORE_AUTH_CONTROL, &uplink_events);
	if (things & HOLDS_WAIT)
		uplink_expect_answer(&session->uplink);
	if (things & HOLDS_PLACE) {
		deadline_start(&session->worker->silence, &session->silence);
		count_standing(session, 1);
	}
	if (things & HOLDS_PAUSE) {
		ev_now_update(ev_of(session));
		ev_timer_set(&session->pause, session->pause_s, 0.0);
		ev_timer_start(ev_of(session), &session->pause);
	}
}

/* The only place where the state changes. */
static void change_state(struct session *session, enum session_state next)
{
	unsigned before = held_in[session->state], after = held_in[next];

	session->state = next;
	release_held(session, before & ~after);
	acquire_held(session, after & ~before);
	if (next == SESSION_WAITING && session->turn.taken)
		change_state(session, SESSION_CONNECTING);
}

/* ---- losses ---- */

/* An attempt has failed, or the tunnel stands no more. */
static void lose_session(struct session *session, const struct loss *loss)
{
	const struct client_worker *worker = session->worker;
	char why[sizeof(struct err)];
	bool is_news;

	snprintf(why, sizeof why, "%s", loss->why); /* it may point into the uplink */
	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_LOSSES, 1);
	if (!retry_is_due(&session->retry, loss)) {
		change_state(session, SESSION_OVER);
		log_error("tunnel ended", log_str("tunnel", session->tunnel->name),
		          log_str("error", why));
		session->on_over(session, loss->status);
		return;
	}
	is_news = retry_is_news(&session->retry, loss);
	session->pause_s = retry_count(&session->retry, loss, random_part());
	change_state(session, SESSION_PAUSED);
	log_at(is_news ? LOG_WARN : LOG_DEBUG, "tunnel lost, trying again",
	       log_str("tunnel", session->tunnel->name), log_str("error", why),
	       log_int("in_ms", (int64_t)(session->pause_s * 1000)),
	       log_int("tries", session->retry.losses));
}

static void lose_because(struct session *session, const char *why, enum client_exit status,
                         enum refusal_retry retry)
{
	lose_session(session, &(struct loss){ .why = why, .status = status, .retry = retry });
}

/* The cause of an end before the server's Hello is unknown. The text names the likely causes. */
static void lose_early(struct session *session, const char *why)
{
	char text[sizeof(struct err)];

	snprintf(text, sizeof text,
	         "%s before the server's Hello: it may not be reachable there, the secrets may not "
	         "match, or only one side may use a secret or TLS",
	         why ? why : "the connection was closed");
	lose_because(session, text, CLIENT_FAILED, RETRY_LATER);
}

static void on_uplink_failed(struct uplink *uplink, const struct uplink_failure *failure)
{
	struct session *session = session_of(uplink);
	struct loss loss = { .why = failure->why, .status = CLIENT_FAILED, .retry = RETRY_LATER };

	switch (failure->fault) {
	case UPLINK_UNREACHED:
		loss.is_unreached = true;
		break;
	case UPLINK_ENDED:
		lose_early(session, failure->why);
		return;
	case UPLINK_REFUSED:
		loss = retry_loss_of(failure->refusal, failure->why);
		break;
	case UPLINK_NOT_CHALLENGED:
		loss.status = CLIENT_NOT_AUTHENTICATED;
		loss.retry = RETRY_NEVER;
		break;
	case UPLINK_FAILED:
		break;
	}
	lose_session(session, &loss);
}

static void on_uplink_end(struct uplink *uplink, const char *why)
{
	struct session *session = session_of(uplink);

	if (session->state == SESSION_STANDING || stream_complaint(uplink->link.stream))
		lose_because(session, why ? why : "the server closed the connection", CLIENT_FAILED,
		             RETRY_LATER);
	else
		lose_early(session, why);
}

void session_on_silence(struct deadline *deadline)
{
	struct session *session = CONTAINER_OF(deadline, struct session, silence);

	/* After this process has stalled, deadlines expire before the loop reads input that has
	 * arrived. */
	if (sock_has_unread(stream_fd(session->uplink.link.stream)))
		deadline_start(&session->worker->silence, deadline);
	else
		lose_because(session, "the server has sent nothing for 15 s", CLIENT_FAILED,
		             RETRY_LATER);
}

/* ---- what the client says about itself ---- */

static void say_about(struct session *session)
{
	const struct tunnel_settings *tunnel = session->tunnel;
	struct message message = { .type = MESSAGE_ABOUT };

	for (size_t i = 0; i < tunnel->n_about; i++) {
		snprintf(message.text, sizeof message.text, "%s", tunnel->about[i]);
		link_send(&session->uplink.link, &message);
	}
}

static bool server_reads_about(const struct session *session)
{
	return session->uplink.offers & SPORE_OFFER_ABOUT;
}

/* ---- before the server's Hello ---- */

static void on_uplink_ready(struct uplink *uplink)
{
	struct session *session = session_of(uplink);
	struct message hello = { .type = MESSAGE_HELLO, .port = retry_port(&session->retry) };

	if (server_reads_about(session))
		say_about(session);
	link_send(&uplink->link, &hello);
	change_state(session, SESSION_AWAITING_HELLO);
}

/* Scripts wait for this line on standard output. */
static void announce(const struct session *session, uint16_t port)
{
	char line[400];
	const char *to = settings_of(session)->to;
	int n = snprintf(line, sizeof line,
	                 strchr(to, ':') ? "listening at [%.300s]:%u\n"
	                                 : "listening at %.300s:%u\n",
	                 to, port);

	if (write(STDOUT_FILENO, line, (size_t)n) < 0)
		log_warn("cannot write to standard output",
		         log_str("tunnel", session->tunnel->name));
}

/* Asks for our extension. A bore server does not read what follows Hello, so it does not answer. */
static void ask_for_extension(struct session *session)
{
	struct message extend = {
		.type = MESSAGE_EXTEND,
		.port = PULSE_MS,
		.ahead = (uint16_t)settings_of(session)->ahead,
	};

	link_extend(&session->uplink.link, MESSAGE_TO_CLIENT_EXTENDED, false);
	link_send(&session->uplink.link, &extend);
}

static void take_hello(struct session *session, uint16_t port)
{
	bool is_new_port = retry_succeed(&session->retry, port);

	change_state(session, SESSION_STANDING);
	sock_watch_control(stream_fd(session->uplink.link.stream));
	log_info("connected to server", log_str("tunnel", session->tunnel->name),
	         log_int("remote_port", port));
	if (is_new_port)
		announce(session, port);
	ask_for_extension(session);
}

static void take_early_error(struct session *session, const char *error)
{
	char why[320];
	struct loss loss = retry_loss_of(refusal_parse(error), why);

	snprintf(why, sizeof why, "server error: %s", error);
	lose_session(session, &loss);
}

static void take_answer(struct session *session, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_HELLO:
		take_hello(session, message->port);
		break;
	case MESSAGE_ERROR:
		take_early_error(session, message->text);
		break;
	case MESSAGE_CHALLENGE:
		lose_because(session,
		             "server requires authentication, but no client secret was provided",
		             CLIENT_NOT_AUTHENTICATED, RETRY_NEVER);
		break;
	default:
		lose_because(session, "unexpected initial non-hello message", CLIENT_FAILED,
		             RETRY_NEVER);
		break;
	}
}

/* ---- while the tunnel stands ---- */

/* The server understands our extension. From now on it gets heartbeats at the pace that it wants.
 *  */
static void take_extended(struct session *session, const struct message *message)
{
	unsigned wanted = (unsigned)settings_of(session)->ahead;
	unsigned pulse_ms = message->port > LEAST_PULSE_MS ? message->port : LEAST_PULSE_MS;

	pulse_start(&session->pulse, pulse_ms / 1000.0, random_part());
	spread_ahead(&session->spread, message->ahead < wanted ? message->ahead : wanted,
	             &message->id);
	if (!server_reads_about(session))
		say_about(session);
}

/* The server says why it is about to close the connection. The next attempt shows whether the cause
 * lasts. But a tunnel that an operator has ended does not come back by itself. */
static void take_late_error(struct session *session, const char *error)
{
	if (refusal_parse(error) == REFUSED_KICKED)
		lose_because(session, "the server's operator has ended the tunnel", CLIENT_FAILED,
		             RETRY_NEVER);
	else
		log_error("server error", log_str("tunnel", session->tunnel->name),
		          log_str("error", error));
}

static void take_message(struct session *session, const struct message *message)
{
	deadline_start(&session->worker->silence, &session->silence);
	switch (message->type) {
	case MESSAGE_CONNECTION:
		spread_visitor(&session->spread, &message->id);
		break;
	case MESSAGE_ERROR:
		take_late_error(session, message->text);
		break;
	case MESSAGE_EXTENDED:
		take_extended(session, message);
		break;
	case MESSAGE_HEARTBEAT:
		break;
	default:
		log_warn(
			"unexpected message from server", log_str("tunnel", session->tunnel->name),
			log_str("message", message->type == MESSAGE_HELLO ? "Hello" : "Challenge"));
		break;
	}
}

static void on_uplink_message(struct uplink *uplink, const struct message *message)
{
	struct session *session = session_of(uplink);

	if (session->state == SESSION_STANDING)
		take_message(session, message);
	else
		take_answer(session, message);
}

/* ---- life ---- */

static void on_pause_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	change_state(timer->data, SESSION_WAITING);
}

void session_on_turn(struct turn *turn)
{
	change_state(CONTAINER_OF(turn, struct session, turn), SESSION_CONNECTING);
}

void session_start(struct session *session)
{
	change_state(session, SESSION_WAITING);
}

void session_init(struct session *session)
{
	retry_init(&session->retry, settings_of(session), (uint16_t)session->tunnel->port);
	turn_init(&session->turn);
	ev_timer_init(&session->pause, on_pause_over, 0.0, 0.0);
	session->pause.data = session;
	pulse_init(&session->pulse, session->worker->loop, &session->uplink.link);
	deadline_init(&session->silence);
}

void session_stop(struct session *session)
{
	change_state(session, SESSION_OVER);
}
