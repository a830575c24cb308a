#include "server/control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "link/acl.h"
#include "link/auth.h"
#include "link/link.h"
#include "link/transport.h"
#include "net/addr.h"
#include "net/sock.h"
#include "net/stream.h"
#include "server/forward.h"
#include "server/pending.h"
#include "server/ports.h"
#include "server/takeover.h"
#include "server/tunnel.h"

enum state { OPENING, ANSWER, HELD, JUDGING, READY, TUNNEL };

/* Without an acknowledgement, or a promised heartbeat, for so long a client is taken to be silent when
 * its own principal asks for its port. */
enum { UNANSWERED_MS = 2000, MISSED_MS = 2 * WORKER_PULSE_MS + WORKER_PULSE_MS / 4 };

struct control {
	struct list node;         /* in worker->sessions */
	struct stranger stranger; /* in worker->strangers, until it is known */
	struct source *source;    /* ref */
	struct worker *worker;
	enum state state;
	struct stream *stream; /* owned while OPENING; the link's afterwards */
	struct link link;
	spore_addr peer;
	struct deadline first_frame, next_frame;
	struct deadline silence; /* of a tunnel's client that promised heartbeats */
	struct uuid challenge;
	char *answer;         /* owned; a tunnel's is kept, for it may be judged anew */
	struct message *next; /* owned; the frame behind Authenticate, until the verdict */
	bool bad_next;        /* it was none */
	struct auth_run auth;
	struct plugin_set *set; /* ref; what it is judged by, while it is */
	struct account *owner;  /* ref; of the visitor that it asks for: this one's verdict was asked */
	struct instance *by;    /* who allowed it; kept by the set, or by the tunnel's account */
	struct grant *grant;    /* owned, until a tunnel takes it */
	struct takeover *takeover; /* of the port that it waits for */
	struct tunnel *tunnel;     /* owned */
	ev_timer life;             /* of a tunnel whose grant bounds it */
	struct loop_task reap;
	bool extended; /* it is a client of ours, which sends heartbeats */
};

static void on_message(struct link *link, const struct message *message);
static void on_fault(struct link *link, enum link_fault fault);
static void on_end(struct link *link, const char *why);
static const struct link_events link_events = { on_message, on_fault, on_end };

static struct control *control_of(struct link *link)
{
	return (struct control *)(void *)((char *)link - offsetof(struct control, link));
}

/* ---- the end ------------------------------------------------------------------------------------- */

static void run_reap(struct loop_task *task)
{
	free((char *)task - offsetof(struct control, reap));
}

/* Releases all but the stream, which has been closed, taken or left to linger. */
static void retire(struct control *c)
{
	auth_cancel(&c->auth);
	takeover_forget(c->takeover);
	deadline_stop(&c->first_frame);
	deadline_stop(&c->next_frame);
	deadline_stop(&c->silence);
	ev_timer_stop(loop_ev(c->worker->loop), &c->life);
	tunnel_close(c->tunnel);
	grant_free(c->grant);
	stranger_remove(&c->worker->strangers, &c->stranger);
	source_unref(c->source);
	if (c->owner)
		account_unref(c->owner);
	plugin_set_unref(c->set);
	free(c->answer);
	free(c->next);
	list_remove(&c->node);
	loop_reap(c->worker->loop, &c->reap);
}

static void end(struct control *c)
{
	if (c->state == OPENING)
		stream_close(c->stream, false);
	else
		link_fini(&c->link, false);
	retire(c);
}

static void log_peer(struct control *c, enum log_level level, const char *event, const char *reason)
{
	char text[ADDR_TEXT_SIZE];

	log_at(level, event, log_str("peer", addr_format(&c->peer, text)), log_str("reason", reason));
}

static void count_refusal(const struct worker *worker, enum refusal why)
{
	stats_refuse(&worker->shared->stats, worker->loop, REFUSED_AT_CONTROL, why);
}

/* bore closes without a word where a frame is wrong after authentication, or without it. */
static void refuse_silently(struct control *c, enum refusal why)
{
	count_refusal(c->worker, why);
	log_peer(c, LOG_INFO, "connection refused", refusal_text(why));
	link_finish(&c->link, &c->worker->lingerers);
	retire(c);
}

static void end_with_error(struct control *c, const char *text)
{
	struct message message = { .type = MESSAGE_ERROR };

	log_peer(c, LOG_WARN, "client refused", text);
	strcpy(message.text, text);
	link_send(&c->link, &message);
	link_finish(&c->link, &c->worker->lingerers);
	retire(c);
}

static void refuse_because(struct control *c, enum refusal why, const char *text)
{
	count_refusal(c->worker, why);
	end_with_error(c, text);
}

static void refuse(struct control *c, enum refusal why)
{
	refuse_because(c, why, refusal_text(why));
}

static void on_life_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	end_with_error(timer->data, "the tunnel's time is over");
}

static void let_go_of_set(struct control *c);
static void judge_anew(struct control *c);

static void start_life(struct control *c)
{
	const struct grant *grant = tunnel_account(c->tunnel)->grant;

	ev_timer_stop(loop_ev(c->worker->loop), &c->life);
	if (!grant || !(grant->fields & SPORE_AUTH_F_LIFE))
		return;
	ev_timer_set(&c->life, (double)grant->life_ms / 1000.0, 0.0);
	ev_timer_start(loop_ev(c->worker->loop), &c->life);
}

/* ---- messages of an authenticated client ---------------------------------------------------------- */

static void stand(struct control *c, struct tunnel_port port)
{
	const char *error;
	char text[ADDR_TEXT_SIZE];

	c->tunnel = tunnel_open(c->worker, &c->link, c->source, c->by, &c->grant, port, &error);
	if (!c->tunnel) {
		refuse_because(c, refusal_of_tunnel(error), error);
		return;
	}
	c->state = TUNNEL;
	stranger_remove(&c->worker->strangers, &c->stranger);
	start_life(c);
	sock_watch_control(stream_fd(c->link.stream));
	/* bore's server does not read here, so nothing that is said here may end the connection. */
	link_extend(&c->link, MESSAGE_TO_SERVER_EXTENDED, true);
	log_info("new client", log_str("peer", addr_format(&c->peer, text)),
	         log_int("port", tunnel_account(c->tunnel)->port),
	         log_str("identity", account_identity(tunnel_account(c->tunnel))));
	/* The chain that let it in may be the last configuration's by now. */
	if (c->set != c->worker->set)
		judge_anew(c);
	else
		let_go_of_set(c);
}

static void on_port_answer(void *arg, int fd)
{
	struct control *c = arg;

	c->takeover = NULL;
	if (fd < 0)
		refuse(c, REFUSED_PORT_IN_USE);
	else
		stand(c, (struct tunnel_port){ .fd = fd });
}

/* The principal has this port already, through a connection that may have fallen silent. */
static void ask_holder(struct control *c, struct worker *holder, uint64_t session, uint16_t wanted)
{
	struct takeover_question question = {
		.holder = holder, .by = c->by, .session = session, .port = wanted
	};

	link_pause(&c->link);
	c->takeover = takeover_ask(c->worker, &question, on_port_answer, c);
	if (!c->takeover)
		refuse(c, REFUSED_NO_MEMORY);
}

static void open_tunnel(struct control *c, uint16_t wanted)
{
	struct server_shared *shared = c->worker->shared;
	uint64_t session = c->grant ? c->grant->session : 0;
	struct worker *holder;

	if (atomic_load(&shared->draining)) {
		refuse(c, REFUSED_DRAINING);
		return;
	}
	holder = account_holder(&shared->principals, c->by, session, wanted);
	if (!holder)
		stand(c, (struct tunnel_port){ .wanted = wanted, .fd = -1 });
	else if (!ports_allow(worker_settings(c->worker), c->grant, wanted))
		refuse(c, REFUSED_PORT_NOT_ALLOWED);
	else
		ask_holder(c, holder, session, wanted);
}

static void accept_visitor(struct control *c, const struct uuid *id)
{
	struct server_shared *shared = c->worker->shared;
	struct account *account = pending_account(shared->pending, id);
	uint64_t session = c->grant ? c->grant->session : 0;
	struct buf received, unsent;
	struct visitor visitor;
	struct stream *stream;
	bool owner;

	if (!account) {
		refuse_silently(c, REFUSED_UNKNOWN_CONNECTION);
		return;
	}
	owner = account == c->owner || account_belongs_to(account, c->by, session);
	account_unref(account);
	if (!owner) {
		refuse_silently(c, REFUSED_NOT_OWNER);
		return;
	}
	if (!pending_take(shared->pending, id, &visitor)) {
		refuse_silently(c, REFUSED_UNKNOWN_CONNECTION);
		return;
	}
	stream = link_take(&c->link, &received, &unsent);
	retire(c);
	forward_start(c->worker, stream, &visitor, &received, &unsent);
}

/* In READY: the first message, or the first behind a right Authenticate. */
static void take_message(struct control *c, const struct message *message)
{
	deadline_stop(&c->first_frame);
	if (message->type == MESSAGE_HELLO || message->type == MESSAGE_HELLO_EX)
		open_tunnel(c, message->port);
	else if (message->type == MESSAGE_ACCEPT)
		accept_visitor(c, &message->id);
	else
		refuse_silently(c, REFUSED_UNEXPECTED);
}

/* ---- the verdict ---------------------------------------------------------------------------------- */

static void become_ready(struct control *c)
{
	struct message *next = c->next;

	c->state = READY;
	c->next = NULL;
	if (c->bad_next) {
		refuse_silently(c, REFUSED_BAD_FRAME);
	} else if (next) {
		take_message(c, next);
	} else if (c->link.ended && c->link.in.len == 0) {
		end(c);
	} else {
		deadline_start(&c->worker->first_frame, &c->first_frame);
		link_resume(&c->link);
	}
	free(next);
}

static void refuse_secret(struct control *c)
{
	char text[ADDR_TEXT_SIZE];

	if (source_was_wrong(c->source, worker_limits(c->worker), clock_ms()))
		log_warn("source banned after repeated wrong secrets",
		         log_str("peer", addr_format_ip(&c->peer, text)),
		         log_int("for_ms", worker_limits(c->worker)->ban_time));
	refuse(c, REFUSED_WRONG_SECRET);
}

static void take_verdict(struct control *c, int32_t verdict)
{
	if (verdict == SPORE_ALLOW) {
		source_was_right(c->source);
		c->by = c->auth.by;
		c->grant = c->auth.grant ? c->auth.grant : grant_new(NULL);
		c->auth.grant = NULL;
		/* A data connection has its tunnel's session, whatever the plugin repeats. */
		if (c->grant && c->auth.question.only)
			c->grant->session = c->auth.question.session;
		if (c->grant)
			become_ready(c);
		else
			refuse(c, REFUSED_NO_MEMORY);
	} else if (verdict == SPORE_DENY) {
		refuse_secret(c);
	} else {
		refuse(c, REFUSED_AUTH_FAILED);
	}
}

static void on_verdict(struct auth_run *run, int32_t verdict)
{
	take_verdict((struct control *)(void *)((char *)run - offsetof(struct control, auth)), verdict);
}

static struct auth_question question_of(const struct control *c, const struct plugin_set *set)
{
	struct auth_question question = {
		.set = set,
		.stream = c->link.stream,
		.purpose = SPORE_AUTH_CONTROL,
		.answer = c->answer ? c->answer : "",
	};

	memcpy(question.challenge, c->challenge.bytes, sizeof question.challenge);
	return question;
}

/* Asks the instance of the tunnel that the next frame names, or else the chain. */
static void judge(struct control *c)
{
	struct server_shared *shared = c->worker->shared;
	struct auth_question question = question_of(c, c->set);
	int32_t verdict;

	c->state = JUDGING;
	link_pause(&c->link);
	deadline_stop(&c->next_frame);
	deadline_start(&c->worker->first_frame, &c->first_frame);
	question.deadline_ms = c->first_frame.at_ms;
	if (c->next && c->next->type == MESSAGE_ACCEPT)
		c->owner = pending_account(shared->pending, &c->next->id);
	if (c->owner) {
		question.purpose = SPORE_AUTH_DATA;
		question.only = c->owner->principal->by;
		question.session = c->owner->principal->session;
	} else if (!source_may_try(c->source, worker_limits(c->worker), clock_ms())) {
		refuse(c, REFUSED_TOO_MANY_TRIES);
		return;
	}
	verdict = auth_judge(&c->auth, &question, on_verdict);
	if (verdict != SPORE_EPENDING)
		take_verdict(c, verdict);
}

/* ---- the verdict on a tunnel, after a reload ---------------------------------------------------- */

static void let_go_of_set(struct control *c)
{
	plugin_set_unref(c->set);
	c->set = NULL;
}

/* Nobody could say who it is now: a back-end's failure ends no tunnel. */
static void keep_owner(struct control *c, const char *why)
{
	deadline_stop(&c->first_frame);
	let_go_of_set(c);
	log_peer(c, LOG_WARN, "client keeps its tunnel, it could not be judged anew", why);
}

static void change_owner(struct control *c, struct instance *by, struct grant *grant)
{
	const char *error = refusal_text(REFUSED_PORT_NOT_ALLOWED);
	bool may = !grant || grant_has_port(grant, tunnel_account(c->tunnel)->port);

	if (may && tunnel_change_owner(c->tunnel, by, &grant, &error)) {
		c->by = by;
		start_life(c);
		let_go_of_set(c);
		return;
	}
	grant_free(grant);
	end_with_error(c, error);
}

static void take_new_verdict(struct control *c, int32_t verdict)
{
	struct grant *grant = c->auth.grant;

	c->auth.grant = NULL;
	deadline_stop(&c->first_frame);
	if (verdict == SPORE_ALLOW) {
		grant = grant ? grant : grant_new(NULL);
		if (grant)
			change_owner(c, c->auth.by, grant);
		else
			keep_owner(c, "out of memory");
	} else if (verdict == SPORE_DENY) {
		end_with_error(c, "access was revoked");
	} else {
		keep_owner(c, "authentication is not available");
	}
}

static void on_new_verdict(struct auth_run *run, int32_t verdict)
{
	take_new_verdict((struct control *)(void *)((char *)run - offsetof(struct control, auth)),
	                 verdict);
}

/* The client's answer is shown to the new chain, as if it came today: so no plugin has to know of
 * reloads. */
static void judge_anew(struct control *c)
{
	struct auth_question question;
	int32_t verdict;

	auth_cancel(&c->auth);
	plugin_set_unref(c->set);
	c->set = plugin_set_ref(c->worker->set);
	if (worker_settings(c->worker)->on_reload == ON_RELOAD_KEEP) {
		let_go_of_set(c);
		return;
	}
	if (c->set->auth->n == 0) {
		change_owner(c, NULL, NULL);
		return;
	}
	question = question_of(c, c->set);
	deadline_start(&c->worker->first_frame, &c->first_frame);
	question.deadline_ms = c->first_frame.at_ms;
	verdict = auth_judge(&c->auth, &question, on_new_verdict);
	if (verdict != SPORE_EPENDING)
		take_new_verdict(c, verdict);
}

void control_judge_anew(struct list *sessions)
{
	struct list *next;

	for (struct list *i = sessions->next; i != sessions; i = next) {
		struct control *c = LIST_OWNER(i, struct control, node);

		next = i->next;
		if (c->state == TUNNEL)
			judge_anew(c);
	}
}

/* ---- messages before it --------------------------------------------------------------------------- */

static void take_answer(struct control *c, const struct message *message)
{
	if (message->type != MESSAGE_AUTHENTICATE) {
		refuse(c, REFUSED_NO_SECRET);
		return;
	}
	c->answer = strdup(message->text);
	if (!c->answer) {
		refuse(c, REFUSED_NO_MEMORY);
		return;
	}
	c->state = HELD;
	deadline_stop(&c->first_frame);
	deadline_start(&c->worker->next_frame, &c->next_frame);
}

static void take_next(struct control *c, const struct message *message)
{
	c->next = malloc(sizeof *c->next);
	if (!c->next) {
		refuse(c, REFUSED_NO_MEMORY);
		return;
	}
	*c->next = *message;
	judge(c);
}

/* From a client of ours, on its control connection. The answer says how often it is to be heard,
 * whatever it offered; from then on its silence counts. */
static void take_extension(struct control *c, const struct message *message)
{
	struct message answer = { .type = MESSAGE_EXTENDED, .port = WORKER_PULSE_MS };

	/* One that does not hear the answer sends no heartbeats. */
	if (message->type == MESSAGE_EXTEND && link_send(&c->link, &answer))
		c->extended = true;
	if (c->extended)
		deadline_start(&c->worker->silence, &c->silence);
}

static void on_message(struct link *link, const struct message *message)
{
	struct control *c = control_of(link);

	if (c->state == TUNNEL)
		take_extension(c, message);
	else if (c->state == ANSWER)
		take_answer(c, message);
	else if (c->state == HELD)
		take_next(c, message);
	else if (c->state == READY)
		take_message(c, message);
}

static void on_fault(struct link *link, enum link_fault fault)
{
	struct control *c = control_of(link);
	enum refusal why = fault == LINK_TOO_LONG ? REFUSED_LONG_FRAME : REFUSED_BAD_FRAME;

	log_peer(c, LOG_INFO, "what came is no message",
	         "is it a bore or Spore client, and do both sides use the same transport (TLS or not)?");
	if (c->state == ANSWER) {
		refuse(c, why);
	} else if (c->state == HELD) {
		c->bad_next = true;
		judge(c);
	} else {
		refuse_silently(c, why);
	}
}

static void on_end(struct link *link, const char *why)
{
	struct control *c = control_of(link);

	if (c->state == HELD && c->answer && !why) {
		judge(c); /* it has half-closed and waits for the verdict */
		return;
	}
	if (c->state == ANSWER && !why) {
		refuse(c, REFUSED_NO_SECRET);
		return;
	}
	if (c->state == TUNNEL)
		log_peer(c, LOG_INFO, "client left", why ? why : "closed by the client");
	end(c);
}

void control_on_first_frame_late(struct deadline *deadline)
{
	struct control *c = LIST_OWNER(deadline, struct control, first_frame);

	if (c->state == OPENING) {
		count_refusal(c->worker, REFUSED_HANDSHAKE);
		log_peer(c, LOG_INFO, "connection refused", "the transport's handshake timed out");
		end(c);
	} else if (c->state == ANSWER) {
		refuse(c, REFUSED_TOO_SLOW);
	} else if (c->state == JUDGING) {
		refuse(c, REFUSED_AUTH_TOO_SLOW);
	} else if (c->state == TUNNEL) {
		auth_cancel(&c->auth);
		keep_owner(c, "authentication timed out");
	} else {
		refuse_silently(c, REFUSED_TOO_SLOW);
	}
}

void control_on_silence(struct deadline *deadline)
{
	struct control *c = LIST_OWNER(deadline, struct control, silence);

	/* After a stall of our own, deadlines run before what has come meanwhile is read. */
	if (sock_has_unread(stream_fd(c->link.stream))) {
		deadline_start(&c->worker->silence, deadline);
		return;
	}
	log_peer(c, LOG_WARN, "client left", "its heartbeats have stopped");
	link_fini(&c->link, true);
	retire(c);
}

void control_on_next_frame_late(struct deadline *deadline)
{
	judge(LIST_OWNER(deadline, struct control, next_frame));
}

/* ---- the beginning -------------------------------------------------------------------------------- */

static void become_open(struct control *c)
{
	const struct plugin_set *set = c->set;
	const spore_conn *conn = stream_conn(c->stream);

	/* A transport may have learnt who it really is. */
	if (!addr_equal(&conn->peer, &c->peer)) {
		c->peer = conn->peer;
		if (!acl_allows(set->acl_control, c->worker->loop, SPORE_ACL_AT_CONTROL, &conn->peer,
		                &conn->local, "")) {
			count_refusal(c->worker, REFUSED_ACCESS_LIST);
			log_peer(c, LOG_INFO, "client refused by access list",
			         "by the address behind the proxy");
			end(c);
			return;
		}
	}
	link_init(&c->link, c->stream, MESSAGE_TO_SERVER, &link_events);
	if (set->auth->n == 0) {
		c->state = READY;
	} else if (!set->needs_challenge) {
		c->state = HELD; /* its first frame says whose verdict is asked */
	} else if (auth_challenge(set, c->stream, &c->challenge)) {
		c->state = ANSWER;
		link_send(&c->link, &(struct message){ .type = MESSAGE_CHALLENGE, .id = c->challenge });
	} else {
		c->state = ANSWER;
		refuse_because(c, REFUSED_NO_MEMORY, "server has no randomness");
	}
}

static void on_opening(struct stream *stream, unsigned happened, void *arg)
{
	struct control *c = arg;

	if (happened & STREAM_OPENED) {
		become_open(c);
	} else {
		count_refusal(c->worker, REFUSED_HANDSHAKE);
		log_peer(c, LOG_WARN, "connection refused", stream_error(stream));
		end(c);
	}
}

/* The source, entered and with a ref; NULL when it may not come in. A ban does not touch what we asked
 * its clients for. */
static struct source *admit(struct worker *worker, const spore_addr *peer, bool *asked_for_out)
{
	struct source *source = source_get(worker->shared->sources, peer);
	char text[ADDR_TEXT_SIZE];

	if (!source)
		return NULL;
	*asked_for_out = source_enter(source);
	if (*asked_for_out || !source_is_banned(source, clock_ms()))
		return source;
	count_refusal(worker, REFUSED_SOURCE);
	if (log_is_enabled(LOG_DEBUG))
		log_debug("connection refused", log_str("peer", addr_format(peer, text)),
		          log_str("reason", refusal_text(REFUSED_SOURCE)));
	source_leave(source, false);
	source_unref(source);
	return NULL;
}

/* With a reset: it leaves nothing behind, on this side. */
static void cut_off(struct control *c, enum refusal why)
{
	count_refusal(c->worker, why);
	if (log_is_enabled(LOG_DEBUG))
		log_peer(c, LOG_DEBUG, "connection refused", refusal_text(why));
	if (c->state == OPENING)
		stream_close(c->stream, true);
	else
		link_fini(&c->link, true);
	retire(c);
}

/* A new descriptor is the lowest that is free, so a high one says that few are. */
static void make_room(struct worker *worker, const struct control *newcomer, int fd)
{
	bool scarce = fd >= worker->shared->scarce_fd;
	struct stranger *who = stranger_to_go(&worker->strangers, &newcomer->stranger,
	                                      worker_limits(worker), scarce);

	if (who)
		cut_off(LIST_OWNER(who, struct control, stranger), REFUSED_CROWD);
}

void control_start(struct worker *worker, int fd, const spore_addr *peer, const spore_addr *local)
{
	bool asked_for = false;
	struct source *source = admit(worker, peer, &asked_for);
	struct control *c = source ? calloc(1, sizeof *c) : NULL;
	struct stream *stream = c ? stream_new(worker->loop, fd, peer, local) : NULL;
	struct err err;

	if (!stream) {
		if (source) {
			count_refusal(worker, REFUSED_NO_MEMORY);
			log_error("connection refused: out of memory", log_int("descriptor", fd));
			source_leave(source, asked_for);
			source_unref(source);
		}
		sock_reset(fd);
		free(c);
		return;
	}
	c->worker = worker;
	c->set = plugin_set_ref(worker->set);
	c->stream = stream;
	c->peer = *peer;
	c->state = OPENING;
	c->reap.run = run_reap;
	ev_timer_init(&c->life, on_life_over, 0.0, 0.0);
	c->life.data = c;
	stranger_init(&c->stranger);
	c->source = source_ref(source);
	deadline_init(&c->first_frame);
	deadline_init(&c->next_frame);
	deadline_init(&c->silence);
	list_append(&worker->sessions, &c->node);
	deadline_start(&worker->first_frame, &c->first_frame);
	stream_set_owner(stream, on_opening, c);
	if (!stranger_add(&worker->strangers, &c->stranger, source, asked_for)) {
		log_error("connection refused: out of memory", log_int("descriptor", fd));
		cut_off(c, REFUSED_NO_MEMORY);
		return;
	}
	make_room(worker, c, fd);
	if (!transport_wrap(c->set, stream, SPORE_ROLE_SERVER, NULL, &err)) {
		count_refusal(c->worker, REFUSED_HANDSHAKE);
		log_peer(c, LOG_ERROR, "connection refused", err.text);
		end(c);
		return;
	}
	if (transport_open(stream))
		become_open(c);
}

void control_end_all(struct list *sessions)
{
	while (!list_is_empty(sessions))
		end(LIST_OWNER(sessions->next, struct control, node));
}

/* ---- other sessions' questions -------------------------------------------------------------------- */

static bool has_missed_heartbeats(const struct control *c)
{
	return c->extended && c->silence.at_ms - WORKER_SILENCE_MS + MISSED_MS < clock_ms() &&
	       !sock_has_unread(stream_fd(c->link.stream));
}

static bool is_silent(const struct control *c)
{
	return has_missed_heartbeats(c) || sock_is_unanswered(stream_fd(c->link.stream), UNANSWERED_MS);
}

int control_yield_port(struct list *sessions, const struct instance *by, uint64_t session, uint16_t port)
{
	for (struct list *i = sessions->next; i != sessions; i = i->next) {
		struct control *c = LIST_OWNER(i, struct control, node);
		int fd;

		if (c->state != TUNNEL || tunnel_account(c->tunnel)->port != port ||
		    !account_belongs_to(tunnel_account(c->tunnel), by, session))
			continue;
		if (!is_silent(c))
			return -1;
		fd = tunnel_take_port(c->tunnel);
		log_peer(c, LOG_WARN, "client left", "it has fallen silent, and its port moves");
		link_fini(&c->link, true);
		retire(c);
		return fd;
	}
	return -1;
}

/* One tunnel of the identity. */
static void revalidate(struct control *c, int32_t verdict, const struct grant *grant)
{
	struct grant *renewed;

	if (verdict == SPORE_DENY) {
		end_with_error(c, "access was revoked");
		return;
	}
	renewed = grant_copy(grant);
	if (!renewed)
		return; /* it keeps what it had */
	account_renew(tunnel_account(c->tunnel), renewed);
	start_life(c);
}

void control_revalidate(struct list *sessions, const struct instance *by, const char *identity,
                        int32_t verdict, const struct grant *grant)
{
	struct list *next;

	for (struct list *i = sessions->next; i != sessions; i = next) {
		struct control *c = LIST_OWNER(i, struct control, node);

		next = i->next;
		if (c->state == TUNNEL && c->by == by &&
		    strcmp(account_identity(tunnel_account(c->tunnel)), identity) == 0)
			revalidate(c, verdict, grant);
	}
}
