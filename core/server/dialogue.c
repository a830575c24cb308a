#include "server/dialogue.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/sock.h"
#include "net/stream.h"
#include "quota/pending.h"
#include "quota/ports.h"
#include "server/control.h"
#include "server/forward.h"
#include "server/judge.h"
#include "server/takeover.h"
#include "server/tunnel.h"

/* ---- messages of an authenticated client ---- */

static void stand(struct control *c, struct tunnel_port port)
{
	const char *error;
	char text[ADDR_TEXT_SIZE];

	c->tunnel = tunnel_open(c->worker, &c->link, c->source, c->by, &c->grant, port, &error);
	if (!c->tunnel) {
		control_refuse_because(c, refusal_parse(error), error);
		return;
	}
	c->state = TUNNEL;
	stranger_remove(&c->worker->strangers, &c->stranger);
	c->life_from_ms = clock_ms();
	control_start_life(c);
	sock_watch_control(stream_fd(c->link.stream));
	/* bore's server does not read here, so nothing that is said here may end the connection. */
	link_extend(&c->link, MESSAGE_TO_SERVER_EXTENDED, true);
	log_info("new client", log_str("peer", addr_format(&c->peer, text)),
	         log_int("port", tunnel_account(c->tunnel)->port),
	         log_str("identity", account_identity(tunnel_account(c->tunnel))));
	/* The chain that let it in may be the last configuration's by now. */
	if (c->set != c->worker->set)
		judge_tunnel_anew(c);
	else
		judge_let_go_of_set(c);
}

static void on_port_answer(void *arg, int fd)
{
	struct control *c = arg;

	c->takeover = NULL;
	if (fd < 0) {
		control_refuse(c, REFUSED_PORT_IN_USE);
	} else if (atomic_load(&c->worker->shared->draining)) {
		close(fd);
		control_refuse(c, REFUSED_DRAINING);
	} else {
		stand(c, (struct tunnel_port){ .fd = fd });
	}
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
		control_refuse(c, REFUSED_NO_MEMORY);
}

static void open_tunnel(struct control *c, uint16_t wanted)
{
	struct server_shared *shared = c->worker->shared;
	uint64_t session = c->grant ? c->grant->session : 0;
	struct worker *holder;

	if (atomic_load(&shared->draining)) {
		control_refuse(c, REFUSED_DRAINING);
		return;
	}
	holder = account_holder(&shared->principals, c->by, session, wanted);
	if (!holder)
		stand(c, (struct tunnel_port){ .wanted = wanted, .fd = -1 });
	else if (!ports_allow(worker_settings(c->worker), c->grant, wanted))
		control_refuse(c, REFUSED_PORT_NOT_ALLOWED);
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
		control_refuse_silently(c, REFUSED_UNKNOWN_CONNECTION);
		return;
	}
	owner = account == c->owner || account_belongs_to(account, c->by, session);
	account_unref(account);
	if (!owner) {
		control_refuse_silently(c, REFUSED_NOT_OWNER);
		return;
	}
	if (!pending_take(shared->pending, id, worker_limits(c->worker), &visitor)) {
		control_refuse_silently(c, REFUSED_UNKNOWN_CONNECTION);
		return;
	}
	if (c->was_ahead)
		link_send(&c->link, &(struct message){ .type = MESSAGE_ACCEPTED });
	stream = link_take(&c->link, &received, &unsent);
	control_retire(c);
	forward_start(c->worker, stream, &visitor, &received, &unsent);
}

void dialogue_take(struct control *c, const struct message *message)
{
	deadline_stop(&c->first_frame);
	if (message->type == MESSAGE_HELLO || message->type == MESSAGE_HELLO_EX)
		open_tunnel(c, message->port);
	else if (message->type == MESSAGE_ACCEPT)
		accept_visitor(c, &message->id);
	else
		control_refuse_silently(c, REFUSED_UNEXPECTED);
}

/* ---- messages before it ---- */

static struct control *control_of(struct link *link)
{
	return CONTAINER_OF(link, struct control, link);
}

static void take_answer(struct control *c, const struct message *message)
{
	if (message->type != MESSAGE_AUTHENTICATE) {
		control_refuse(c, REFUSED_NO_SECRET);
		return;
	}
	c->answer = strdup(message->text);
	if (!c->answer) {
		control_refuse(c, REFUSED_NO_MEMORY);
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
		control_refuse(c, REFUSED_NO_MEMORY);
		return;
	}
	*c->next = *message;
	judge_ask(c);
}

/* ---- connections opened ahead ---- */

static void grant_ahead(struct control *c, unsigned wanted, struct message *answer)
{
	unsigned most = (unsigned)worker_limits(c->worker)->settings.max_ahead_per_tunnel;
	unsigned n = wanted < most ? wanted : most;

	if (n > 0 && !c->pass)
		c->pass = ahead_issue(&c->worker->shared->ahead, c->source, n);
	if (n == 0 || !c->pass)
		return;
	answer->ahead = (uint16_t)n;
	answer->id = *ahead_id(c->pass);
}

/* Where an answer is asked for, its verdict waits for Accept, too: so it is the one of that day. */
static bool may_wait(const struct control *c)
{
	return c->state == HELD || (c->state == READY && c->set->auth->n == 0);
}

static void wait_for_visitor(struct control *c, const struct uuid *pass)
{
	c->under = may_wait(c)
	                   ? ahead_enter(&c->worker->shared->ahead, pass, worker_limits(c->worker))
	                   : NULL;
	if (!c->under) {
		control_refuse_silently(c, REFUSED_AHEAD);
		return;
	}
	deadline_stop(&c->first_frame);
	deadline_stop(&c->next_frame);
	deadline_start(&c->worker->waiting, &c->waiting);
	stranger_remove(&c->worker->strangers, &c->stranger);
	stats_add(&c->worker->shared->stats, c->worker->loop, STAT_AHEAD, 1);
}

static void end_waiting(struct control *c, const struct message *message)
{
	control_end_waiting(c);
	c->was_ahead = true;
	if (message->type != MESSAGE_ACCEPT)
		control_refuse_silently(c, REFUSED_UNEXPECTED);
	else if (c->state == HELD)
		take_next(c, message);
	else
		dialogue_take(c, message);
}

void dialogue_let_go_ahead(struct worker *worker, bool all)
{
	struct list *waiting = &worker->waiting.running, *next;

	for (struct list *i = waiting->next; i != waiting; i = next) {
		struct control *c = CONTAINER_OF(CONTAINER_OF(i, struct deadline, node),
		                                 struct control, waiting);

		next = i->next;
		if (all || ahead_is_withdrawn(c->under))
			control_end(c);
	}
}

void dialogue_on_waited(struct deadline *deadline)
{
	control_end(CONTAINER_OF(deadline, struct control, waiting));
}

/* ---- events ---- */

/* From a client of ours, on its control connection. The answer says how often it is to be heard,
 * whatever it offered; from then on its silence counts. */
static void take_extension(struct control *c, const struct message *message)
{
	struct message answer = { .type = MESSAGE_EXTENDED, .port = WORKER_PULSE_MS };

	if (message->type == MESSAGE_EXTEND)
		grant_ahead(c, message->ahead, &answer);

	/* One that does not hear the answer sends no heartbeats. */
	if (message->type == MESSAGE_EXTEND && link_send(&c->link, &answer)) {
		c->extended = true;
		tunnel_beat_seldom(c->tunnel);
	}
	if (c->extended)
		deadline_start(&c->worker->silence, &c->silence);
}

static void on_message(struct link *link, const struct message *message)
{
	struct control *c = control_of(link);

	if (c->state == TUNNEL)
		take_extension(c, message);
	else if (c->under)
		end_waiting(c, message);
	else if (message->type == MESSAGE_AHEAD && c->state != ANSWER)
		wait_for_visitor(c, &message->id);
	else if (c->state == ANSWER)
		take_answer(c, message);
	else if (c->state == HELD)
		take_next(c, message);
	else if (c->state == READY)
		dialogue_take(c, message);
}

static void on_fault(struct link *link, enum link_fault fault)
{
	struct control *c = control_of(link);
	enum refusal why = fault == LINK_TOO_LONG ? REFUSED_LONG_FRAME : REFUSED_BAD_FRAME;

	control_log(c, LOG_INFO, "what came is no message",
	            "is it a bore or Spore client, and do both sides use the same transport (TLS "
	            "or not)?");
	if (c->state == ANSWER) {
		control_refuse(c, why);
	} else if (c->state == HELD && !c->under) {
		c->bad_next = true;
		judge_ask(c);
	} else {
		control_refuse_silently(c, why);
	}
}

static void on_end(struct link *link, const char *why)
{
	struct control *c = control_of(link);

	if (c->state == HELD && c->answer && !c->under && !why) {
		judge_ask(c); /* it has half-closed and waits for the verdict */
		return;
	}
	if (c->state == ANSWER && !why) {
		control_refuse(c, REFUSED_NO_SECRET);
		return;
	}
	if (c->state == TUNNEL)
		control_log(c, LOG_INFO, "client left", why ? why : "closed by the client");
	else if (why)
		control_log(c, LOG_INFO, "connection ended before its first request", why);
	control_end(c);
}

const struct link_events dialogue_events = { on_message, on_fault, on_end };

/* ---- deadlines ---- */

void dialogue_on_first_frame_late(struct deadline *deadline)
{
	struct control *c = CONTAINER_OF(deadline, struct control, first_frame);

	if (c->state == OPENING) {
		control_count_refusal(c->worker, REFUSED_HANDSHAKE);
		control_log(c, LOG_INFO, "connection refused",
		            "the transport's handshake timed out");
		control_end(c);
	} else if (c->state == ANSWER) {
		control_refuse(c, REFUSED_TOO_SLOW);
	} else if (c->state == JUDGING) {
		auth_log_late(&c->auth);
		control_refuse(c, REFUSED_AUTH_TOO_SLOW);
	} else if (c->state == TUNNEL) {
		auth_log_late(&c->auth);
		auth_cancel(&c->auth);
		judge_keep_owner(c, "authentication timed out");
	} else {
		control_refuse_silently(c, REFUSED_TOO_SLOW);
	}
}

void dialogue_on_silence(struct deadline *deadline)
{
	struct control *c = CONTAINER_OF(deadline, struct control, silence);

	/* After a stall of our own, deadlines run before what has come meanwhile is read. */
	if (sock_has_unread(stream_fd(c->link.stream))) {
		deadline_start(&c->worker->silence, deadline);
		return;
	}
	control_log(c, LOG_WARN, "client left", "its heartbeats have stopped");
	link_fini(&c->link, true);
	control_retire(c);
}

void dialogue_on_next_frame_late(struct deadline *deadline)
{
	judge_ask(CONTAINER_OF(deadline, struct control, next_frame));
}
