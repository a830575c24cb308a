#include "client/session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/crypto.h"
#include "carry/ahead.h"
#include "carry/proxy.h"
#include "config/settings.h"
#include "health/health.h"
#include "host/readiness.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/silence.h"
#include "net/sock.h"
#include "net/stream.h"
#include "way/homes.h"

/* The heartbeat interval that the client offers. The server answers with its own; LEAST_PULSE_MS is
 * the minimum. */
enum { PULSE_MS = 4000, LEAST_PULSE_MS = 100 };
enum { MOST_TICKET_LOSSES = 3 };

static const struct uplink_events uplink_events; /* at the end of the file */

static struct session *session_of(struct uplink *uplink)
{
	return CONTAINER_OF(uplink, struct session, uplink);
}

static const struct client_settings *settings_of(const struct session *session)
{
	return client_worker_settings(session->worker);
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

static struct servers *servers_of(const struct session *session)
{
	return &session->worker->shared->servers;
}

static const char *name_of_server(const struct session *session)
{
	return servers_at(servers_of(session), session->uplink.server.index)->name;
}

/* Does this session try whether the first server takes the tunnel of its twin back? */
static bool is_back_runner(const struct session *session)
{
	return session->twin->is_returning;
}

/* ---- states ---- */

/* What a session can hold. */
enum {
	HOLDS_TURN = 1,   /* one of the turns, or a place in their queue */
	HOLDS_UPLINK = 2, /* the connection to the server */
	HOLDS_WAIT = 4,   /* the deadline of the server's answer */
	HOLDS_PLACE = 8,  /* a place among the standing tunnels, and what a tunnel needs */
	HOLDS_PAUSE = 16  /* the timer of the next attempt, and what a server has asked for */
};

static const unsigned held_in[SESSION_STATES] = {
	[SESSION_WAITING] = HOLDS_TURN,
	[SESSION_CONNECTING] = HOLDS_TURN | HOLDS_UPLINK,
	[SESSION_AWAITING_HELLO] = HOLDS_TURN | HOLDS_UPLINK | HOLDS_WAIT,
	[SESSION_STANDING] = HOLDS_UPLINK | HOLDS_PLACE,
	[SESSION_PARTING] = HOLDS_UPLINK | HOLDS_WAIT,
	[SESSION_PAUSED] = HOLDS_PAUSE,
};

/* The client is ready while all of its tunnels stand. During a move both twins may stand, which
 * counts once. */
static void count_standing(const struct session *session, int delta)
{
	struct client_shared *shared = session->worker->shared;

	if (session->twin->state == SESSION_STANDING)
		return;
	shared->n_standing += (size_t)delta;
	client_stats_stand(&shared->stats, session->worker->loop, session->series, delta);
	readiness_set(shared->n_standing >= shared->n_tunnels);
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
		deadline_stop(&session->probe);
		decline_no_more_on(session->decliner, &session->uplink.link);
		spread_ahead(&session->spread, &(struct ahead_grant){ 0 });
		count_standing(session, -1);
		client_stats_at(&session->worker->shared->stats, session->worker->loop,
		                session->uplink.server.index, -1);
	}
	if (things & HOLDS_PAUSE) {
		turn_release(&session->worker->shared->turns, &session->turn);
		ev_timer_stop(ev_of(session), &session->pause);
		respite_stop(&session->respite);
	}
}

/* The way to a server on this machine does not lead through the network. */
static bool leads_nearby(const struct transport_way *way)
{
	spore_addr addr;

	return way->host && (strcmp(way->host, "localhost") == 0 ||
	                     (addr_parse_ip(way->host, &addr) && addr_is_loopback(&addr)));
}

static void connect_session(struct session *session)
{
	struct server_place place = { .index = servers_of(session)->current };

	session->is_outdated = false;
	if (is_back_runner(session))
		place.index = 0;
	uplink_start(&session->uplink, session->worker, SPORE_AUTH_CONTROL, &place, &uplink_events);
	session->is_near = leads_nearby(&session->uplink.way);
}

static void acquire_held(struct session *session, unsigned things)
{
	if (things & HOLDS_TURN)
		turn_take(&session->worker->shared->turns, &session->turn);
	if (things & HOLDS_UPLINK)
		connect_session(session);
	if (things & HOLDS_WAIT)
		uplink_expect_answer(&session->uplink);
	if (things & HOLDS_PLACE) {
		deadline_start(&session->worker->silence, &session->silence);
		session->stands_since_ms = loop_now_ms(session->worker->loop);
		session->is_extended = session->reads_ready = false;
		session->refused_ms = 0;
		session->told_down = session->told_close = false;
		count_standing(session, 1);
		client_stats_at(&session->worker->shared->stats, session->worker->loop,
		                session->uplink.server.index, 1);
	}
	if (things & HOLDS_PAUSE) {
		ev_now_update(ev_of(session));
		ev_timer_set(&session->pause, session->pause_s, 0.0);
		ev_timer_start(ev_of(session), &session->pause);
		turn_rest(&session->worker->shared->turns, &session->turn);
		if (session->asked_by.addr.family)
			respite_start(&session->respite, &session->asked_by);
	}
}

/* The only place where the state changes. */
static void change_state(struct session *session, enum session_state next)
{
	unsigned before = held_in[session->state], after = held_in[next];
	bool was_parting = session->state == SESSION_PARTING;

	session->state = next;
	atomic_fetch_add(&session->worker->shared->n_parting,
	                 (unsigned)(next == SESSION_PARTING) - (unsigned)was_parting);
	release_held(session, before & ~after);
	acquire_held(session, after & ~before);
	if ((before ^ after) & HOLDS_PLACE ||
	    (next == SESSION_PAUSED && !session->depends && !session->hops))
		session->on_news(session);
	if (next == SESSION_WAITING && session->turn.taken)
		change_state(session, SESSION_CONNECTING);
}

/* ---- the server leaves ---- */

/* Asks the server to announce the visitors that have come, and to end the connection. */
static void part(struct session *session)
{
	link_send(&session->uplink.link, &(struct message){ .type = MESSAGE_MOVED });
	session->is_left = session->is_returning = false;
	change_state(session, SESSION_PARTING);
}

/* Does this session look for another server, while its twin still serves? */
static bool is_moving(const struct session *session)
{
	return session->twin->is_left;
}

/* The twin looks for a server. */
static void start_twin(struct session *session)
{
	struct session *twin = session->twin;

	twin->retry = session->retry;
	twin->n_tried = 0;
	twin->announced = session->announced;
	twin->ticket = session->ticket;
	twin->ticket_from = session->ticket_from;
	twin->ticket_losses = 0;
	session->ticket = (struct uuid){ 0 };
	change_state(twin, SESSION_WAITING);
}

/* The tunnel stays where it is. */
static void give_return_up(struct session *twin, const char *why)
{
	twin->twin->is_returning = false;
	change_state(twin, SESSION_IDLE);
	log_debug("the first server has not taken the tunnel back",
	          log_str("tunnel", twin->tunnel->name), log_str("error", why));
}

/* If its port is taken there, the twin asks for any port after some looks. A final refusal ends the
 * looks of the client: more wrong secrets would lead to a ban. */
static void fail_to_return(struct session *twin, const struct loss *loss)
{
	twin->twin->refusals += loss->status == CLIENT_PORT_REFUSED;
	if (loss->retry == RETRY_NEVER) {
		servers_stop(servers_of(twin));
		log_warn("the first server refuses the client: it is not tried again",
		         log_str("tunnel", twin->tunnel->name), log_str("error", loss->why));
	}
	give_return_up(twin, loss->why);
}

bool session_return(struct session *session)
{
	if (session->state != SESSION_STANDING || session->uplink.server.index == 0 ||
	    session->is_left || session->is_returning || session->twin->state != SESSION_IDLE)
		return false;
	session->is_returning = true;
	start_twin(session);
	session->twin->retry.port_refusals = session->refusals;
	return true;
}

static void take_leaving(struct session *session)
{
	struct session *twin = session->twin;

	respite_end_with(session->worker, &session->uplink.server);
	if (session->is_returning)
		give_return_up(twin, "the server is going away");
	if (session->is_left || twin->state != SESSION_IDLE || !settings_of(session)->reconnect)
		return;
	log_info("the server is going away, looking for another",
	         log_str("tunnel", session->tunnel->name));
	session->is_left = true;
	start_twin(session);
}

/* The tunnel still stands at the server that is leaving. */
static void give_move_up(struct session *session, const char *why)
{
	change_state(session, SESSION_IDLE);
	session->twin->is_left = false;
	log_warn("tunnel not moved", log_str("tunnel", session->tunnel->name),
	         log_str("error", why));
}

/* The twin goes on. It has waited longer and longer for this end: now another server may take the
 * place of the old one at any moment, or its port is free. */
static void end_left(struct session *session)
{
	struct session *twin = session->twin;

	session->is_left = false;
	change_state(session, SESSION_IDLE);
	retry_start_over(&twin->retry);
	if (twin->state == SESSION_PAUSED && !twin->asked_by.addr.family)
		change_state(twin, SESSION_WAITING);
}

static void leave_to_twin(struct session *session, const char *why)
{
	end_left(session);
	log_info("connection to the old server ended", log_str("tunnel", session->tunnel->name),
	         log_str("error", why));
}

/* ---- losses ---- */

/* Does another tunnel live: stand, or try again whatever others do? */
static bool has_company(const struct session *session)
{
	return session->worker->shared->n_living > (session->depends ? 0 : 1);
}

/* The tunnel lives from now on, or does not live any more. */
static void set_depends(struct session *session, bool depends, enum client_exit status)
{
	struct client_shared *shared = session->worker->shared;

	if (depends == session->depends)
		return;
	if (depends && shared->n_living == shared->n_tunnels)
		shared->first_status = status;
	session->depends = depends;
	shared->n_living += depends ? -1 : 1;
}

/* remedy: for the log; "": none. */
static void end_tunnel(struct session *session, const char *why, enum client_exit status,
                       const char *remedy)
{
	set_depends(session, true, status);
	change_state(session->twin, SESSION_IDLE);
	change_state(session, SESSION_OVER);
	log_event(LOG_ERROR, "tunnel ended",
	          (const struct log_field[]){ log_str("tunnel", session->tunnel->name),
	                                      log_str("error", why), log_str("remedy", remedy) },
	          *remedy ? 3 : 2);
	session->on_over(session, status);
}

void session_give_up(struct session *session)
{
	if (session->depends && session->state != SESSION_OVER)
		end_tunnel(session, "no other tunnel is left", session->retry.last_status, "");
}

/* What a server asks for counts no more once it has said that it is leaving. */
static struct loss excuse_loss(const struct session *session, const struct loss *lost)
{
	struct loss loss = *lost;

	if (loss.wait_ms && !respite_is_owed(session->worker, &loss.by)) {
		loss.wait_ms = 0;
		loss.is_unreached = true;
	}
	return loss;
}

static const char *describe_loss(const struct session *session)
{
	if (is_moving(session))
		return "no other server yet, trying again";
	return session->retry.last_port ? "tunnel lost, trying again"
	                                : "no tunnel yet, trying again";
}

/* While the tunnel moves, the old server still carries it. */
static enum log_level level_of_loss(const struct session *session)
{
	return is_moving(session) ? LOG_INFO : LOG_WARN;
}

static void try_again(struct session *session, const struct loss *lost)
{
	struct loss loss = excuse_loss(session, lost);
	bool is_news = retry_is_news(&session->retry, &loss);
	const char *remedy = shortage_remedy(loss.lacks);

	session->asked_by = loss.wait_ms ? loss.by : (struct server_place){ 0 };
	session->pause_s = retry_count(&session->retry, &loss, random_part());
	change_state(session, SESSION_PAUSED);
	log_event(is_news ? level_of_loss(session) : LOG_DEBUG, describe_loss(session),
	          (const struct log_field[]){
			  log_str("tunnel", session->tunnel->name), log_str("error", loss.why),
			  log_int("in_ms", (int64_t)(session->pause_s * 1000)),
			  log_int("tries", session->retry.losses), log_str("raise", remedy) },
	          remedy ? 5 : 4);
	/* The port may be our own, at the server that is leaving. */
	if (is_moving(session) && loss.status == CLIENT_PORT_REFUSED)
		part(session->twin);
}

/* Another server may take the tunnel if this one was not reached, or has not answered, or has not
 * refused this client or its wish for a port. */
static bool may_help_elsewhere(const struct loss *loss)
{
	return loss->retry == RETRY_LATER && loss->status == CLIENT_FAILED && !loss->wait_ms;
}

/* The attempt has failed. Is another server of the list to be tried at once? *moved_out: the other
 * tunnels have not gone there yet. */
static bool is_to_hop(struct session *session, const struct loss *loss, bool *moved_out)
{
	struct servers *servers = servers_of(session);

	*moved_out = false;
	if (servers->n < 2 || session->state == SESSION_STANDING || !may_help_elsewhere(loss))
		return false;
	if (session->state == SESSION_CONNECTING || session->state == SESSION_AWAITING_HELLO)
		*moved_out = servers_move_on(servers, session->uplink.server.index);
	return ++session->n_tried % servers->n != 0;
}

/* A short pause, since the uplink must not start again within its own event. */
static void hop(struct session *session, const struct loss *loss, bool is_news)
{
	const char *from = name_of_server(session);
	struct servers *servers = servers_of(session);

	session->asked_by = (struct server_place){ 0 };
	session->pause_s = 0.05 * random_part();
	session->hops = true;
	change_state(session, SESSION_PAUSED);
	session->hops = false;
	log_event(is_news ? level_of_loss(session) : LOG_DEBUG, "trying the next server",
	          (const struct log_field[]){
			  log_str("tunnel", session->tunnel->name), log_str("error", loss->why),
			  log_str("server", from),
			  log_str("next", servers_at(servers, servers->current)->name) },
	          4);
}

/* The operator may not know that a first attempt is the only one. "": no other would help. */
static const char *find_remedy(const struct session *session, const struct loss *loss)
{
	bool may_help = loss->retry == RETRY_LATER && !loss->is_lasting &&
	                !session->retry.last_port;

	return may_help ? "--retry (client.retry) keeps trying" : "";
}

/* For the operator. */
static void note_loss(struct session *session, const char *why)
{
	session->lost_ms = loop_now_ms(session->worker->loop);
	snprintf(session->lost_why, sizeof session->lost_why, "%s", why);
}

static void take_loss(struct session *session, const struct loss *loss)
{
	const struct client_worker *worker = session->worker;
	bool moved;

	if (is_back_runner(session)) {
		fail_to_return(session, loss);
		return;
	}
	if (session->is_returning)
		give_return_up(session->twin, "the tunnel is lost");
	note_loss(session, loss->why);
	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_LOSSES, 1);
	if (session->state == SESSION_STANDING)
		session->n_tried = 0;
	if (session->is_left && loss->retry != RETRY_NEVER) {
		leave_to_twin(session, loss->why);
	} else if (is_to_hop(session, loss, &moved)) {
		hop(session, loss, moved && retry_is_news(&session->retry, loss));
	} else if (retry_is_due(&session->retry, loss)) {
		try_again(session, loss);
	} else if (is_moving(session)) {
		give_move_up(session, loss->why);
	} else if (retry_may_depend(&session->retry, loss) && has_company(session)) {
		set_depends(session, true, loss->status);
		try_again(session, loss);
	} else {
		end_tunnel(session, loss->why, loss->status, find_remedy(session, loss));
	}
}

/* Only one session has tried, and the server has not let it in. Gives its loss to the sessions that
 * wait for their turn. If another try is useless, gives it to the sessions that pause, too. */
static void share_loss(struct turns *turns, const struct loss *loss)
{
	struct turn *turn;

	while ((turn = turns_waiting(turns)) != NULL)
		take_loss(CONTAINER_OF(turn, struct session, turn), loss);
	while (loss->retry == RETRY_NEVER && (turn = turns_resting(turns)) != NULL)
		take_loss(CONTAINER_OF(turn, struct session, turn), loss);
}

/* An attempt has failed, or the tunnel stands no more. */
static void lose_session(struct session *session, const struct loss *lost)
{
	struct turns *turns = &session->worker->shared->turns;
	bool is_trial = session->turn.taken && turns_are_narrow(turns);
	char why[sizeof(struct err)];
	struct loss loss = *lost;

	snprintf(why, sizeof why, "%s", lost->why); /* it may point into the uplink */
	loss.why = why;
	/* The server has refused what the client would not say again. */
	if (session->is_outdated && loss.retry == RETRY_NEVER) {
		loss.retry = RETRY_LATER;
		loss.status = CLIENT_FAILED;
	}
	take_loss(session, &loss);
	if (is_trial && loss.is_of_tunnel)
		turns_widen(turns);
	else if (is_trial)
		share_loss(turns, &loss);
}

static void lose_because(struct session *session, const char *why, enum client_exit status,
                         enum refusal_retry retry)
{
	lose_session(session, &(struct loss){ .why = why, .status = status, .retry = retry });
}

/* The host of the server of an open tunnel is gone, as far as we know. Relays, of all tunnels, may
 * stand without it, and would last until their own connections are found dead. */
static void lose_server(struct session *session, const char *why)
{
	atomic_fetch_add(&session->worker->shared->losses, 1);
	lose_because(session, why, CLIENT_FAILED, RETRY_LATER);
}

/* The same, and the cause was found at once. */
static void lose_way(struct session *session, const char *why)
{
	if (session->state == SESSION_STANDING)
		atomic_fetch_add(&session->worker->shared->losses, 1);
	if (session->state == SESSION_PARTING) {
		end_left(session);
		return;
	}
	retry_hurry(&session->retry);
	lose_session(session, &(struct loss){ .why = why,
	                                      .status = CLIENT_FAILED,
	                                      .retry = RETRY_LATER,
	                                      .is_prompt = true });
}

/* The cause of an end before the server's Hello is unknown. The text names the likely causes. */
static void lose_early(struct session *session, const char *why)
{
	char text[sizeof(struct err)];

	/* The old server may have ended, or this one reads no ticket. */
	if (session->state == SESSION_AWAITING_HELLO &&
	    ++session->ticket_losses == MOST_TICKET_LOSSES)
		session->ticket = (struct uuid){ 0 };
	snprintf(text, sizeof text,
	         "%s before the server's Hello: it may not be reachable there, it may have banned "
	         "this address or deny it (its log says so), the secrets may not match, or only "
	         "one side may use a secret or TLS",
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
		loss.lacks = failure->lacks;
		break;
	case UPLINK_ENDED:
		lose_early(session, failure->why);
		return;
	case UPLINK_REFUSED:
		loss = retry_loss_of(failure->refusal, failure->why);
		loss.wait_ms = failure->wait_ms;
		loss.by = uplink->server;
		break;
	case UPLINK_NOT_CHALLENGED:
		loss.status = CLIENT_NOT_AUTHENTICATED;
		loss.retry = RETRY_NEVER;
		break;
	case UPLINK_CANNOT_ANSWER:
		loss.is_lasting = true;
		break;
	case UPLINK_FAILED:
		break;
	}
	lose_session(session, &loss);
}

static void on_uplink_end(struct uplink *uplink, const char *why)
{
	struct session *session = session_of(uplink);

	/* In the last case the cause is unknown: no tunnel was open, and no transport has named a
	 * cause. */
	if (session->state == SESSION_PARTING)
		end_left(session);
	else if (session->state == SESSION_STANDING && why)
		lose_server(session, why);
	else if (session->state == SESSION_STANDING || stream_complaint(uplink->link.stream))
		lose_because(session, why ? why : "the server closed the connection", CLIENT_FAILED,
		             RETRY_LATER);
	else
		lose_early(session, why);
}

static void on_uplink_late(struct uplink *uplink, const char *why)
{
	struct session *session = session_of(uplink);

	if (session->state == SESSION_PARTING)
		end_left(session);
	else
		lose_because(session, why, CLIENT_FAILED, RETRY_LATER);
}

void session_on_silence(struct deadline *deadline)
{
	struct session *session = CONTAINER_OF(deadline, struct session, silence);

	/* After this process has stalled, deadlines expire before the loop reads input that has
	 * arrived. */
	if (sock_has_unread(stream_fd(session->uplink.link.stream)))
		deadline_start(&session->worker->silence, deadline);
	else
		lose_server(session, "the server has sent nothing for 15 s");
}

/* ---- the way to the server may have changed ---- */

/* Without heartbeats, the kernel's keepalive asks the server's. */
enum { UNASKED_MS = 7000 };

static bool has_answered(const struct session *session, int64_t within_ms)
{
	int fd = stream_fd(session->uplink.link.stream);
	int64_t message_ms = session->silence.at_ms - SESSION_SILENCE_MS;
	struct sock_sight sight;

	return message_ms >= session->probed_ms || sock_has_unread(fd) || !sock_look(fd, &sight) ||
	       sight.heard_ms <= within_ms;
}

void session_on_probe(struct deadline *deadline)
{
	struct session *session = CONTAINER_OF(deadline, struct session, probe);
	int64_t since_ms = clock_ms() - session->probed_ms;
	bool was_asked = ev_is_active(&session->pulse.timer);
	int64_t least_ms = was_asked ? SESSION_PROBE_MS : UNASKED_MS;

	if (has_answered(session, since_ms))
		return;
	if (since_ms < silence_patience_ms(stream_fd(session->uplink.link.stream), least_ms))
		deadline_start(&session->worker->probes, deadline);
	else
		lose_way(session, "the server does not answer since the network has changed or "
		                  "this process stood still");
}

static void probe_server(struct session *session)
{
	if (deadline_is_running(&session->probe))
		return;
	session->probed_ms = clock_ms();
	pulse_beat(&session->pulse);
	deadline_start(&session->worker->probes, &session->probe);
}

static void end_pause(struct session *session)
{
	if (retry_take_news(&session->retry, clock_ms()) && !session->asked_by.addr.family)
		change_state(session, SESSION_WAITING);
}

/* An attempt may wait for packets that cannot come back. */
static void dial_again(struct session *session)
{
	if (session->uplink.state != UPLINK_DIALLING ||
	    !retry_take_news(&session->retry, clock_ms()))
		return;
	uplink_stop(&session->uplink);
	connect_session(session);
}

void session_look(struct session *session, struct homes *homes)
{
	int fd = session->state == SESSION_OVER ? -1 : uplink_fd(&session->uplink);
	char why[80 + ADDR_TEXT_SIZE], text[ADDR_TEXT_SIZE];
	spore_addr addr;

	if (session->is_near)
		return;
	if (fd >= 0 && !homes_have(homes, fd, &addr)) {
		snprintf(why, sizeof why, "this machine does not have the address %s any more",
		         addr_format_ip(&addr, text));
		lose_way(session, why);
	} else if (session->state == SESSION_PAUSED) {
		end_pause(session);
	} else if (session->state == SESSION_CONNECTING) {
		dial_again(session);
	} else if (session->state == SESSION_STANDING) {
		probe_server(session);
	}
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

/* A ticket is only for the server that has given it, or the one that takes its place. */
static struct message make_hello(const struct session *session)
{
	static const struct uuid none;
	struct message hello = { .type = MESSAGE_HELLO, .port = retry_port(&session->retry) };

	if (hello.port && session->uplink.server.index == session->ticket_from &&
	    !uuid_equal(&session->ticket, &none)) {
		hello.type = MESSAGE_HELLO_EX;
		hello.pass = session->ticket;
	}
	return hello;
}

static void on_uplink_ready(struct uplink *uplink)
{
	struct session *session = session_of(uplink);
	struct message hello = make_hello(session);

	if (server_reads_about(session))
		say_about(session);
	link_send(&uplink->link, &hello);
	session->reads_claim = false; /* it has not said so yet */
	change_state(session, SESSION_AWAITING_HELLO);
}

/* Scripts wait for this line on standard output. */
static void announce(const struct session *session, uint16_t port)
{
	char line[400];
	const char *to = servers_at(servers_of(session), session->uplink.server.index)->host;
	int n = snprintf(line, sizeof line,
	                 strchr(to, ':') ? "listening at [%.300s]:%u\n"
	                                 : "listening at %.300s:%u\n",
	                 to, port);

	if (write(STDOUT_FILENO, line, (size_t)n) < 0)
		log_warn("cannot write to standard output",
		         log_str("tunnel", session->tunnel->name));
}

static unsigned wants_of(const struct session *session)
{
	unsigned wants = MESSAGE_WANTS_CARRY | MESSAGE_WANTS_OPEN | MESSAGE_WANTS_REFUSING;

	if (client_worker_logs_visitors(session->worker) || session->tunnel->send_proxy)
		wants |= MESSAGE_WANTS_VISITOR;
	if (settings_of(session)->reconnect)
		wants |= MESSAGE_WANTS_LEAVING | MESSAGE_WANTS_TICKET;
	return wants;
}

/* Asks for our extension. A bore server does not read what follows Hello, so it does not answer. */
static void ask_for_extension(struct session *session)
{
	struct message extend = {
		.type = MESSAGE_EXTEND,
		.port = PULSE_MS,
		.ahead = (uint16_t)settings_of(session)->ahead,
		.wants = wants_of(session),
	};

	session->wants = extend.wants;
	link_extend(&session->uplink.link, MESSAGE_TO_CLIENT_EXTENDED, false);
	link_send(&session->uplink.link, &extend);
}

static void note_unshared(const struct session *session, const char *why)
{
	if (session->tunnel->share)
		log_warn("the port is not shared with other clients",
		         log_str("tunnel", session->tunnel->name),
		         log_str("server", name_of_server(session)), log_str("reason", why));
}

static void take_hello(struct session *session, uint16_t port)
{
	unsigned server = session->uplink.server.index;
	bool is_new = retry_succeed(&session->retry, port) || session->announced != server + 1;
	bool is_back = is_back_runner(session);

	session->announced = server + 1;
	session->n_tried = session->refusals = 0;
	session->ticket = (struct uuid){ 0 };
	servers_stay(servers_of(session), server);
	set_depends(session, false, CLIENT_ENDED);
	change_state(session, SESSION_STANDING);
	sock_watch_control(stream_fd(session->uplink.link.stream));
	log_event(LOG_INFO, "connected to server",
	          (const struct log_field[]){ log_str("tunnel", session->tunnel->name),
	                                      log_int("remote_port", port),
	                                      log_str("server", name_of_server(session)),
	                                      log_str("through", session->uplink.way.host) },
	          session->uplink.way.by       ? 4
	          : servers_of(session)->n > 1 ? 3
	                                       : 2);
	if (is_back)
		log_info("the first server answers again: the tunnel is back",
		         log_str("tunnel", session->tunnel->name));
	if (is_new)
		announce(session, port);
	session->is_shared = false;
	if (!server_reads_about(session))
		note_unshared(session, "the server does not read what a client asks for");
	ask_for_extension(session);
	if (is_moving(session) || is_back)
		part(session->twin);
}

static void take_early_error(struct session *session, const char *error)
{
	char why[400];
	enum refusal refusal = refusal_parse(error);
	struct loss loss = retry_loss_of(refusal, why);

	loss.wait_ms = refusal_wait_ms(error);
	loss.by = session->uplink.server;
	snprintf(why, sizeof why, "server error: %s%s", error,
	         refusal == REFUSED_AUTH_TOO_SLOW
	                 ? ": its auth plugins took longer than its server.auth_timeout"
	                 : "");
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

/* Where visitors connect to, as far as the client knows: on the way through a proxy, it does not
 * know the server's address. */
static spore_addr public_addr(const struct session *session)
{
	const struct uplink *uplink = &session->uplink;
	spore_addr addr = uplink->way.by ? (spore_addr){ 0 } : uplink->server.addr;

	addr.port = session->retry.last_port;
	return addr;
}

/* ---- the service ---- */

/* A server that reads no Ready may still be a Spore server that has not answered yet. */
enum { ANSWERS_BY_MS = 1000 };

static void tell_service(struct session *session)
{
	const struct health *health = session->health;
	bool closes = health_closes_port(health);
	struct message message = { .type = MESSAGE_READY,
		                   .ready = !health->is_down,
		                   .close = closes };

	if (session->told_down == health->is_down && session->told_close == closes)
		return;
	if (health->is_down)
		snprintf(message.text, sizeof message.text, "%s", health->why);
	if (!link_send(&session->uplink.link, &message))
		return;
	session->told_down = health->is_down;
	session->told_close = closes;
}

/* The server would keep the port open, and send visitors that nobody serves. */
static void hold(struct session *session)
{
	if (session->is_left || session->twin->is_left)
		return; /* a move is under way: the tunnel is held where it arrives */
	if (session->is_returning)
		give_return_up(session->twin, "the service is down");
	log_warn("tunnel closed until its service is up, since the server cannot close the port",
	         log_str("tunnel", session->tunnel->name),
	         log_str("server", name_of_server(session)));
	change_state(session, SESSION_HELD);
}

void session_heed_service(struct session *session)
{
	bool closes = health_closes_port(session->health);
	int64_t stands_ms = loop_now_ms(session->worker->loop) - session->stands_since_ms;

	if (session->state == SESSION_HELD && !closes)
		change_state(session, SESSION_WAITING);
	else if (session->state != SESSION_STANDING)
		return;
	else if (session->reads_ready)
		tell_service(session);
	else if (closes && (session->is_extended || stands_ms >= ANSWERS_BY_MS))
		hold(session);
}

/* "443, 8443" */
static void write_ports(const struct message *message, char *out, size_t size)
{
	size_t len = 0;

	for (unsigned i = 0; i < message->n_routed && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%u", i ? ", " : "",
		                        message->routed[i]);
}

/* "app.example.com at 443, 8443; x.example.com at 443, 8443". Which protocol is spoken there, only
 * the server's operator knows. */
static void note_hosts(const struct session *session, const struct message *message)
{
	const spore_list *hosts = &session->tunnel->hosts;
	const char *const *names = hosts->items;
	char ports[8 * MESSAGE_MOST_ROUTED], text[4096];
	size_t len = 0;

	if (message->n_routed == 0 || session->is_extended)
		return;
	write_ports(message, ports, sizeof ports);
	*text = '\0';
	for (size_t i = 0; i < hosts->count && len < sizeof text; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s at %s", i ? "; " : "",
		                        names[i], ports);
	log_info("reachable by host name", log_str("tunnel", session->tunnel->name),
	         log_str("hosts", text), log_str("server", name_of_server(session)));
}

/* The server understands our extension. From now on it gets heartbeats at the pace that it wants.
 */
static void take_extended(struct session *session, const struct message *message)
{
	unsigned wanted = (unsigned)settings_of(session)->ahead;
	unsigned pulse_ms = message->port > LEAST_PULSE_MS ? message->port : LEAST_PULSE_MS;
	bool carries = message->offers & MESSAGE_OFFER_CARRY;
	struct ahead_grant grant = { .n = message->ahead < wanted ? message->ahead : wanted,
		                     .most = carries ? message->ahead : 0,
		                     .pass = message->id,
		                     .server = session->uplink.server,
		                     .to = public_addr(session) };

	session->reads_claim = message->offers & MESSAGE_OFFER_CLAIM;
	session->reads_ready = message->offers & MESSAGE_OFFER_READY;
	note_hosts(session, message);
	session->is_extended = true;
	session->is_shared = message->offers & MESSAGE_OFFER_SHARED;
	if (!session->is_shared && server_reads_about(session))
		note_unshared(session, "the server does not know that clients can share one");
	pulse_start(&session->pulse, pulse_ms / 1000.0, random_part());
	spread_ahead(&session->spread, &grant);
	if (message->offers & MESSAGE_OFFER_DECLINE)
		decline_on(session->decliner, &session->uplink.link,
		           message->offers & MESSAGE_OFFER_UNSERVED);
	if (!server_reads_about(session))
		say_about(session);
	session_heed_service(session); /* last: it may end the connection */
}

/* The server says why it is about to close the connection. The next attempt shows whether the cause
 * lasts. But a tunnel that an operator has ended does not come back by itself. */
static void take_late_error(struct session *session, const char *error)
{
	enum refusal why = refusal_parse(error);

	if (why == REFUSED_KICKED) {
		lose_because(session, "the server's operator has ended the tunnel", CLIENT_FAILED,
		             RETRY_NEVER);
		return;
	}
	log_error("server error", log_str("tunnel", session->tunnel->name),
	          log_str("error", error));
	/* All tunnels give the same answer, so one of them tries whether it still counts. */
	if (why == REFUSED_REVOKED)
		turns_narrow(&session->worker->shared->turns);
}

/* A bore server tells no addresses. A Spore server without a Challenge tells them once it has read
 * Extend. */
static void note_unknown(struct session *session, const struct announced *visitor)
{
	if (visitor->from.family || session->has_noted_unknown || !session->tunnel->send_proxy)
		return;
	session->has_noted_unknown = true;
	log_warn("the server has not told a visitor's address: the service gets a PROXY header "
	         "without addresses",
	         log_str("tunnel", session->tunnel->name),
	         log_str("server", name_of_server(session)));
}

static void take_visitor(struct session *session, const struct message *message)
{
	struct announced visitor = { .id = message->id,
		                     .to = public_addr(session),
		                     .server = session->uplink.server,
		                     .reads_claim = session->reads_claim };

	if (!addr_parse(message->text, &visitor.from)) /* the server does not tell the address */
		visitor.from = (spore_addr){ 0 };
	note_unknown(session, &visitor);
	spread_visitor(&session->spread, &visitor);
}

static void answer_again(struct session *session, enum message_type type, const struct uuid *id)
{
	link_send(&session->uplink.link, &(struct message){ .type = type, .id = *id });
}

/* The visitor was handed over on another connection, which the client may not have heard of. */
static void take_visitor_again(struct session *session, const struct message *message)
{
	struct taken *taken = &session->worker->shared->taken;

	switch (taken_note(taken, &message->id, TAKEN_ANNOUNCED, clock_ms())) {
	case TAKEN_NOT:
		take_visitor(session, message);
		break;
	case TAKEN_OPENED:
		answer_again(session, MESSAGE_TAKEN, &message->id);
		break;
	case TAKEN_UNSURE:
		answer_again(session, MESSAGE_DECLINE, &message->id);
		break;
	case TAKEN_ANNOUNCED:
		break;
	}
}

/* The server says so at growing intervals. The log does not rely on that. */
static void take_refusing(struct session *session, const char *why)
{
	bool begins = *why != '\0', changes = begins || session->refused_ms;
	unsigned held;

	session->refused_ms = begins ? clock_ms() : 0;
	snprintf(session->refused_why, sizeof session->refused_why, "%.*s", SESSION_WHY_SIZE - 1,
	         why);
	if (!changes || !pace_allows(&session->refused_pace, clock_ms(), &held))
		return;
	if (begins)
		log_warn("the server refuses visitors of this tunnel",
		         log_str("tunnel", session->tunnel->name), log_str("reason", why),
		         log_str("server", name_of_server(session)));
	else
		log_info("the server lets visitors of this tunnel in again",
		         log_str("tunnel", session->tunnel->name),
		         log_str("server", name_of_server(session)));
}

static void take_message(struct session *session, const struct message *message)
{
	deadline_start(&session->worker->silence, &session->silence);
	switch (message->type) {
	case MESSAGE_CONNECTION:
	case MESSAGE_VISITOR:
		take_visitor(session, message);
		break;
	case MESSAGE_AGAIN:
		take_visitor_again(session, message);
		break;
	case MESSAGE_ERROR:
		take_late_error(session, message->text);
		break;
	case MESSAGE_EXTENDED:
		take_extended(session, message);
		break;
	case MESSAGE_TICKET:
		session->ticket = message->id;
		session->ticket_from = session->uplink.server.index;
		break;
	case MESSAGE_LEAVING:
		take_leaving(session);
		break;
	case MESSAGE_REFUSING:
		take_refusing(session, message->text);
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

/* Only visitors matter now. */
static void take_last_message(struct session *session, const struct message *message)
{
	if (message->type == MESSAGE_CONNECTION || message->type == MESSAGE_VISITOR)
		take_visitor(session, message);
	else if (message->type == MESSAGE_AGAIN)
		take_visitor_again(session, message);
}

static void on_uplink_message(struct uplink *uplink, const struct message *message)
{
	struct session *session = session_of(uplink);

	if (session->state == SESSION_STANDING)
		take_message(session, message);
	else if (session->state == SESSION_PARTING)
		take_last_message(session, message);
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

static void on_respite_moot(struct respite *respite)
{
	struct session *session = CONTAINER_OF(respite, struct session, respite);

	log_info("the server that asked for a pause is left, trying again",
	         log_str("tunnel", session->tunnel->name));
	change_state(session, SESSION_WAITING);
}

void session_on_turn(struct turn *turn)
{
	change_state(CONTAINER_OF(turn, struct session, turn), SESSION_CONNECTING);
}

void session_start(struct session *session)
{
	change_state(session, SESSION_WAITING);
}

void session_init(struct session *session, const struct client_settings *settings)
{
	retry_init(&session->retry, settings, (uint16_t)session->tunnel->port);
	session->series = client_stats_tunnel(&session->worker->shared->stats,
	                                      session->tunnel->name);
	turn_init(&session->turn);
	ev_timer_init(&session->pause, on_pause_over, 0.0, 0.0);
	session->pause.data = session;
	respite_init(&session->respite, session->worker, on_respite_moot);
	pulse_init(&session->pulse, session->worker->loop, &session->uplink.link);
	deadline_init(&session->silence);
	deadline_init(&session->probe);
}

void session_use(struct session *session, const struct tunnel_settings *tunnel)
{
	const struct client_worker *worker = session->worker;
	const struct client_stats *stats = &worker->shared->stats;
	uint32_t series = client_stats_tunnel(stats, tunnel->name);
	bool counts = session->state == SESSION_STANDING && series != session->series;

	session->tunnel = tunnel;
	session->retry.settings = settings_of(session);
	/* Twins that both stand count once: the first one to be renamed moves the count. */
	if (counts && (session->twin->state != SESSION_STANDING ||
	               session->twin->series == session->series)) {
		client_stats_stand(stats, worker->loop, session->series, -1);
		client_stats_stand(stats, worker->loop, series, 1);
	}
	session->series = series;
	session->is_outdated = session->state == SESSION_CONNECTING ||
	                       session->state == SESSION_AWAITING_HELLO;
	if (session->state == SESSION_STANDING && session->wants != wants_of(session))
		ask_for_extension(session);
	if (session->state != SESSION_OVER &&
	    retry_is_due(&session->retry, &(struct loss){ .retry = RETRY_LATER }))
		set_depends(session, false, CLIENT_ENDED);
}

bool session_lives(const struct session *session)
{
	return session->state != SESSION_OVER && !session->depends;
}

const char *session_state_name(const struct session *session)
{
	static const char *const names[SESSION_STATES] = {
		[SESSION_IDLE] = "idle",
		[SESSION_WAITING] = "connecting",
		[SESSION_CONNECTING] = "connecting",
		[SESSION_AWAITING_HELLO] = "connecting",
		[SESSION_STANDING] = "open",
		[SESSION_PARTING] = "moving",
		[SESSION_PAUSED] = "waiting to try again",
		[SESSION_HELD] = "closed: its service is down",
		[SESSION_OVER] = "ended",
	};

	return names[session->state];
}

void session_stop(struct session *session)
{
	change_state(session, SESSION_OVER);
}

void session_leave(struct session *session)
{
	if (session->state == SESSION_STANDING && session->is_shared)
		part(session);
	else
		session_stop(session);
}

static const struct uplink_events uplink_events = {
	.on_ready = on_uplink_ready,
	.on_failed = on_uplink_failed,
	.on_message = on_uplink_message,
	.on_end = on_uplink_end,
	.on_late = on_uplink_late,
};
