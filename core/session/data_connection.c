#include "session/data_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/zeroed.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/sock.h"
#include "net/stream.h"
#include "quota/pending.h"
#include "session/announce.h"
#include "session/entry.h"
#include "session/forward.h"
#include "session/offer.h"
#include "session/refuse.h"

struct data_connection {
	struct login login;
	struct pending_entry *visitor; /* of the Accept that is judged; NULL: none waits */
	struct account *owner;   /* ref; of the tunnel. NULL: the client has yet to prove itself */
	struct uuid pass;        /* of Carry or Ahead, or of the visitor before */
	bool is_ahead;           /* Ahead is judged, not Accept */
	struct uuid id;          /* of the Accept that is judged ... */
	enum message_type asked; /* ... which may be a Carry or Claim */
	bool answers;            /* the server answers Accepted: it was opened ahead, or claims */
	struct offer offer;      /* in OFFERED and DOUBTED */
};

/* What remains of a session while its stream carries a visitor. */
struct carrier {
	struct server_worker *worker;
	struct account *account; /* ref; of the visitor's tunnel */
	struct source *source;   /* ref; of the session */
	unsigned renewals;       /* the session's */
	struct uuid pass;
};

static const struct session_role data_role;

static struct data_connection *data_of(const struct server_session *s)
{
	return s->part;
}

bool data_connection_is_accept(const struct message *message)
{
	return message->type == MESSAGE_ACCEPT || message->type == MESSAGE_CLAIM ||
	       message->type == MESSAGE_CARRY;
}

/* ---- one visitor after another ---- */

/* NULL: out of memory. */
static struct carrier *new_carrier(const struct server_session *s, struct account *account,
                                   const struct uuid *pass)
{
	struct carrier *carrier = malloc(sizeof *carrier);

	if (carrier)
		*carrier = (struct carrier){ .worker = s->worker,
			                     .account = account_ref(account),
			                     .source = source_ref(s->source),
			                     .renewals = s->renewals,
			                     .pass = *pass };
	return carrier;
}

static void free_carrier(void *arg)
{
	struct carrier *carrier = arg;

	account_unref(carrier->account);
	source_unref(carrier->source);
	free(carrier);
}

/* NULL: memory is out. */
static struct server_session *begin_again(const struct carrier *carrier, struct stream *stream)
{
	struct data_connection *data = zeroed_new(sizeof *data);
	struct server_session *s = NULL;

	if (data)
		s = server_session_again(carrier->worker, carrier->source, stream, &data_role,
		                         data);
	if (!s) {
		free(data);
		return NULL;
	}
	data->owner = account_ref(carrier->account);
	data->pass = carrier->pass;
	return s;
}

/* Does what the client has proved still hold? If a reload has judged the client again since, the
 * client must prove itself to another instance. */
static bool may_go_on(const struct account *owner, struct stream *stream)
{
	return !atomic_load(&owner->left) && !conn_is_stale(stream_conn(stream));
}

/* After a reload, new connections have the new transports. */
static bool is_worth_keeping(const struct carrier *carrier, struct stream *stream)
{
	const struct server_worker *worker = carrier->worker;

	return worker->renewals == carrier->renewals && !atomic_load(&worker->shared->draining) &&
	       may_go_on(carrier->account, stream);
}

/* The visitor is gone, and its connection may have the next one. If it is not kept, it ends, which
 * the client sees. */
static void take_stream_back(struct stream *stream, struct buf *rest, void *arg)
{
	struct carrier *carrier = arg;
	struct server_session *s = NULL;
	struct limit_hit hit; /* a connection that is not kept is no refusal */

	if (is_worth_keeping(carrier, stream))
		s = begin_again(carrier, stream);
	if (!s)
		stream_close(stream, false);
	else if (!link_receive(&s->link, rest, LINK_MAX_IN) ||
	         !server_session_wait(s, &carrier->pass, &hit))
		server_session_end(s, false);
	buf_fini(rest);
	free_carrier(carrier);
}

static const struct stream_home home = { take_stream_back, free_carrier };

/* False: out of memory. Takes what the carrier holds. */
static bool carry_visitor(struct stream *stream, struct carrier *carrier, struct buf *received,
                          struct buf *unsent)
{
	if (carrier && stream_begin_user(stream, &home, carrier, received, unsent))
		return true;
	if (carrier)
		free_carrier(carrier);
	return false;
}

/* ---- a visitor of an elder ---- */

/* What was said on a connection. */
struct talk {
	size_t len;
	char said[ELDERS_SAID_MOST];
};

static void add_bytes(struct talk *talk, const void *bytes, size_t len)
{
	if (len > 0)
		memcpy(&talk->said[talk->len], bytes, len);
	talk->len += len;
}

static void add_message(struct talk *talk, const struct message *message)
{
	char frame[FRAME_MAX + 1];

	add_bytes(talk, frame, message_format(message, frame));
}

/* The three frames leave room for what came behind the last one: LINK_MAX_IN. */
static void write_talk(const struct server_session *s, const struct message *accept,
                       const struct data_proof *proof, struct talk *talk)
{
	struct message answer = { .type = MESSAGE_AUTHENTICATE };

	if (proof->challenge) {
		add_message(talk, &(struct message){ .type = MESSAGE_CHALLENGE,
		                                     .id = *proof->challenge });
		snprintf(answer.text, sizeof answer.text, "%s", proof->answer);
		answer.text_len = strlen(answer.text);
		add_message(talk, &answer);
	}
	add_message(talk, accept);
	add_bytes(talk, buf_bytes(&s->link.in), s->link.in.len);
}

/* The descriptor must be all that is left of the connection, and what was said must be known. */
static bool may_send_back(const struct server_session *s, const struct data_proof *proof)
{
	const struct stream *stream = s->link.stream;

	return elders_exist(&s->worker->shared->elders) && stream_is_bare(stream) &&
	       !stream_has_input(stream) && link_backlog(&s->link) == 0 &&
	       s->link.in.len <= LINK_MAX_IN && (!proof->challenge || proof->answer);
}

/* The client asks for a visitor that does not wait here, and was let in. It may be one of an
 * elder's. */
static void send_back(struct server_session *s, const struct message *accept,
                      const struct data_proof *proof)
{
	struct server_worker *worker = s->worker;
	enum elders_result result = ELDERS_NONE;
	struct talk talk = { .len = 0 };
	int fd = stream_fd(s->link.stream);

	if (may_send_back(s, proof)) {
		write_talk(s, accept, proof, &talk);
		result = elders_send(&worker->shared->elders, fd, talk.said, talk.len);
	}
	if (result != ELDERS_SENT) {
		refuse_silently(s, result == ELDERS_BUSY ? REFUSED_SENDING_BACK
		                                         : REFUSED_UNKNOWN_CONNECTION);
		return;
	}
	stats_add(&worker->shared->stats, worker->loop, STAT_CONNECTIONS_SENT_BACK, 1);
	if (proof->challenge && source_ban_left(s->source, clock_ms()) == 0)
		source_return_try(s->source); /* in a ban none was used */
	/* The socket stays open in the other process, and so in the set of epoll. */
	stream_lend(s->link.stream);
	loop_forget_fd(worker->loop, fd);
	server_session_end(s, false);
}

/* ---- taking a visitor ---- */

/* The visitor is out of the table. answers: the client is told so. shown: bytes of the visitor that
 * the client has already. */
static void join_visitor(struct server_session *s, struct visitor *visitor, bool answers,
                         const struct uuid *pass, size_t shown)
{
	struct server_worker *worker = s->worker;
	struct carrier *carrier = pass ? new_carrier(s, visitor->account, pass) : NULL;
	struct buf received, unsent;
	struct stream *stream;

	if (answers)
		link_send(&s->link, &(struct message){ .type = MESSAGE_ACCEPTED });
	stream = server_session_take_stream(s, &received, &unsent);
	if (!pass || carry_visitor(stream, carrier, &received, &unsent))
		forward_start(worker, stream, visitor, &received, &unsent, shown);
	else
		forward_give_up(worker, stream, visitor, &received, &unsent);
}

/* False: it does not wait here. */
static bool take_own_visitor(struct server_session *s, const struct message *accept,
                             const struct data_proof *proof, bool answers)
{
	const struct uuid *pass = accept->type == MESSAGE_CARRY ? &accept->pass : NULL;
	struct visitor visitor;

	switch (pending_take_own(s->worker->shared->pending, &accept->id, proof->by, proof->session,
	                         server_worker_limits(s->worker), &visitor)) {
	case PENDING_TAKEN:
		join_visitor(s, &visitor, answers, pass, 0);
		return true;
	case PENDING_FOREIGN:
		refuse_silently(s, REFUSED_NOT_OWNER);
		return true;
	default:
		return false;
	}
}

void data_connection_accept(struct server_session *s, const struct message *accept,
                            const struct data_proof *proof)
{
	if (!take_own_visitor(s, accept, proof, accept->type != MESSAGE_ACCEPT))
		send_back(s, accept, proof);
}

/* ---- an Accept or Ahead that is judged ---- */

/* Waits for a visitor. Nothing asks for the client's answer any more. */
static void begin_waiting(struct server_session *s)
{
	const struct server_settings *settings = server_worker_settings(s->worker);
	struct limit_hit hit;

	login_fini(&data_of(s)->login, SPORE_END_CLOSED);
	if (server_session_wait(s, &data_of(s)->pass, &hit))
		sock_keep_alive(stream_fd(s->link.stream), settings->keepalive_data,
		                settings->peer_timeout);
	else
		refuse_at_limit(s, &hit);
}

static void send_judged_back(struct server_session *s)
{
	const struct data_connection *data = data_of(s);
	const struct login *login = &data->login;
	struct message accept = { .type = data->asked, .id = data->id, .pass = data->pass };
	struct data_proof proof = { .challenge = login->answer ? &login->challenge : NULL,
		                    .answer = login->answer };

	send_back(s, &accept, &proof);
}

static void take_judged_visitor(struct server_session *s)
{
	struct data_connection *data = data_of(s);
	const struct uuid *pass = data->asked == MESSAGE_CARRY ? &data->pass : NULL;
	struct pending_entry *entry = data->visitor;
	struct visitor visitor;

	data->visitor = NULL;
	if (!entry)
		send_judged_back(s);
	else if (pending_claim(s->worker->shared->pending, entry, server_worker_limits(s->worker),
	                       &visitor))
		join_visitor(s, &visitor, data->answers, pass, 0);
	else
		refuse_silently(s, REFUSED_UNKNOWN_CONNECTION);
}

static void take_verdict(void *session, int32_t verdict)
{
	struct server_session *s = session;
	struct data_connection *data = data_of(s);

	if (!entry_accept_verdict(s, &data->login, verdict))
		return;
	if (data->is_ahead)
		begin_waiting(s);
	else
		take_judged_visitor(s);
}

/* Without a visitor no secret is checked of a banned source, nor for the next process, where the
 * source may be banned. The client came too late, which does not count as a try, or the visitor is
 * an elder's. */
static bool is_in_vain(const struct server_session *s)
{
	return !data_of(s)->visitor &&
	       (s->is_sent_back || source_ban_left(s->source, clock_ms()) > 0);
}

/* Asks the instance that let the owner of the visitor in. For an unknown id it asks the chain, and
 * counts a try of a secret. */
static void judge_accept(struct server_session *s, const struct message *accept)
{
	struct data_connection *data = data_of(s);
	struct login_asker asker;
	int32_t verdict;

	server_session_move(s, SESSION_ACCEPTING);
	data->asked = accept->type;
	data->id = accept->id;
	data->pass = accept->pass;
	data->visitor = pending_find(s->worker->shared->pending, &accept->id);
	if (is_in_vain(s)) {
		if (s->is_sent_back || source_has_elder(s->source))
			send_judged_back(s);
		else
			refuse_silently(s, REFUSED_UNKNOWN_CONNECTION);
		return;
	}
	if (!data->visitor && !entry_may_try(s))
		return;
	asker = server_session_asker(s, take_verdict);
	verdict = login_judge(&data->login, &asker,
	                      data->visitor ? pending_entry_account(data->visitor) : NULL);
	if (verdict != SPORE_EPENDING)
		take_verdict(s, verdict);
}

/* Asks the instance that let the owner of the pass in. */
static void judge_ahead(struct server_session *s)
{
	struct data_connection *data = data_of(s);
	struct login_asker asker;
	int32_t verdict;

	server_session_move(s, SESSION_ACCEPTING);
	asker = server_session_asker(s, take_verdict);
	verdict = login_judge(&data->login, &asker, data->owner);
	if (verdict != SPORE_EPENDING)
		take_verdict(s, verdict);
}

/* ---- a visitor that is handed over ---- */

/* At most this many bytes are read at once: Opened and the first bytes of the service. */
enum { ANSWER_MOST = 16 * 1024 };

/* A visitor on its way to another worker, where a connection waits for it. */
struct handover {
	struct loop_task task;
	struct server_worker *worker;
	struct ahead_pass *pass; /* reserved */
	struct visitor visitor;
	bool tells_address;
};

/* Another client that has learned the pass gets no visitor. */
static bool may_be_offered(const struct server_session *s, const struct visitor *visitor)
{
	const struct account *owner = data_of(s)->owner;

	return owner->principal == visitor->account->principal && may_go_on(owner, s->link.stream);
}

/* Offers the visitor, which is counted as offered, on the connection that was reserved here. If it
 * has gone meanwhile, the visitor is announced. */
static void offer_here(struct server_worker *worker, struct ahead_pass *pass,
                       struct visitor *visitor, bool tells_address)
{
	struct list *node = ahead_pick(pass, loop_index(worker->loop));
	struct server_session *s = node ? CONTAINER_OF(node, struct server_session, shelf) : NULL;
	struct account *account;

	if (s && may_be_offered(s, visitor)) {
		server_session_move(s, SESSION_OFFERED);
		link_widen(&s->link, ANSWER_MOST);
		offer_begin(&data_of(s)->offer, worker, &s->link, visitor, tells_address);
		return;
	}
	if (s)
		server_session_end(s, false);
	account = account_ref(visitor->account);
	announce_from(worker, MESSAGE_VISITOR, visitor);
	account_offer(account, -1);
	account_unref(account);
	atomic_fetch_sub(&worker->shared->offered, 1);
}

static void run_handover(struct loop_task *task)
{
	struct handover *handover = CONTAINER_OF(task, struct handover, task);

	offer_here(handover->worker, handover->pass, &handover->visitor, handover->tells_address);
	free(handover);
}

static bool hand_over(struct server_worker *to, struct ahead_pass *pass, struct visitor *visitor,
                      bool tells_address)
{
	struct handover *handover = zeroed_new(sizeof *handover);

	if (!handover) {
		ahead_return(pass, loop_index(to->loop));
		return false;
	}
	*handover = (struct handover){ .task.run = run_handover,
		                       .worker = to,
		                       .pass = pass,
		                       .visitor = *visitor,
		                       .tells_address = tells_address };
	loop_post(to->loop, &handover->task);
	return true;
}

bool data_connection_offer(struct server_worker *worker, struct ahead_pass *pass,
                           struct visitor *visitor, bool tells_address)
{
	struct server_worker *on = ahead_reserve(pass, loop_index(worker->loop));

	if (!on)
		return false;
	account_offer(visitor->account, 1);
	atomic_fetch_add(&worker->shared->offered, 1);
	if (on != worker) {
		if (hand_over(on, pass, visitor, tells_address))
			return true;
		account_offer(visitor->account, -1);
		atomic_fetch_sub(&worker->shared->offered, 1);
		return false;
	}
	offer_here(worker, pass, visitor, tells_address);
	return true;
}

/* The client asked for another visitor before Open reached it. It will ask for that one on another
 * connection. */
static bool has_crossed(const struct message *message)
{
	return data_connection_is_accept(message);
}

/* The client may have lost its rights since Open. If its tunnel has ended otherwise, or has another
 * owner, the client keeps the visitor that it was handed. */
static bool may_take_offer(const struct server_session *s)
{
	return !account_has_barred_client(data_of(s)->owner) &&
	       !conn_is_stale(stream_conn(s->link.stream));
}

static void join_handed(struct server_session *s, struct visitor *visitor, size_t shown)
{
	stats_add(&s->worker->shared->stats, s->worker->loop, STAT_CONNECTIONS_HANDED, 1);
	join_visitor(s, visitor, false, &data_of(s)->pass, shown);
}

static void take_offer_answer(struct server_session *s, const struct message *message)
{
	struct data_connection *data = data_of(s);
	struct visitor visitor;
	size_t shown;

	if (has_crossed(message))
		return;
	if (message->type != MESSAGE_OPENED)
		refuse_silently(s, REFUSED_UNEXPECTED);
	else if (may_take_offer(s) && offer_take(&data->offer, &visitor, &shown))
		join_handed(s, &visitor, shown);
	else
		server_session_end(s, true);
}

static void doubt_offer(struct server_session *s)
{
	server_session_move(s, SESSION_DOUBTED);
	offer_doubt(&data_of(s)->offer);
}

/* ---- events ---- */

static void on_data_message(struct server_session *s, const struct message *message)
{
	const struct account *owner = data_of(s)->owner;
	struct data_proof proof = { .by = owner->principal->by,
		                    .session = owner->principal->session };

	data_of(s)->answers = true;
	if (s->state == SESSION_OFFERED || s->state == SESSION_DOUBTED)
		take_offer_answer(s, message);
	else if (message->type != MESSAGE_ACCEPT && message->type != MESSAGE_CARRY)
		refuse_silently(s, REFUSED_UNEXPECTED);
	else if (!may_go_on(owner, s->link.stream))
		server_session_end(s, false);
	else if (!take_own_visitor(s, message, &proof, true))
		refuse_silently(s, REFUSED_UNKNOWN_CONNECTION); /* the pass is of this process */
}

static void on_data_fault(struct server_session *s, enum refusal why)
{
	refuse_log(s, LOG_INFO, "invalid message", refusal_text(why));
	refuse_silently(s, why);
}

static void on_data_end(struct server_session *s, const char *why)
{
	if (why && !data_of(s)->owner)
		refuse_log_left(s, "connection ended before its first request", why);
	server_session_end(s, false);
}

static void on_data_late(struct server_session *s)
{
	if (s->state == SESSION_OFFERED) {
		doubt_offer(s);
		return;
	}
	if (s->state == SESSION_WAITING || s->state == SESSION_DOUBTED) {
		server_session_end(s, s->state == SESSION_DOUBTED);
		return;
	}
	login_log_late(&data_of(s)->login);
	if (login_give_up(&data_of(s)->login) == SPORE_ALLOW)
		take_verdict(s, SPORE_ALLOW);
	else
		refuse_session(s, REFUSED_AUTH_TOO_SLOW);
}

static void release_data_connection(struct server_session *s)
{
	struct data_connection *data = data_of(s);

	if (s->end_reason == SPORE_END_SHUTDOWN)
		offer_drop(&data->offer);
	else
		offer_lose(&data->offer);
	login_fini(&data->login, s->end_reason);
	pending_forget(s->worker->shared->pending, data->visitor);
	data->visitor = NULL;
	if (data->owner)
		account_unref(data->owner);
}

static const struct session_role data_role = {
	on_data_message, on_data_fault, on_data_end, on_data_late, NULL, release_data_connection
};

/* ---- the beginning ---- */

/* False: out of memory, and the session was refused. */
static bool become_data_connection(struct server_session *s, struct login *login)
{
	struct data_connection *data = zeroed_new(sizeof *data);

	if (!data) {
		refuse_session(s, REFUSED_NO_MEMORY);
		return false;
	}
	login_move(&data->login, login);
	server_session_become(s, &data_role, data);
	return true;
}

void data_connection_judge(struct server_session *s, struct login *login,
                           const struct message *accept)
{
	if (!become_data_connection(s, login))
		return;
	data_of(s)->answers = accept->type != MESSAGE_ACCEPT;
	judge_accept(s, accept);
}

void data_connection_wait(struct server_session *s, struct login *login, const struct uuid *pass)
{
	struct account *owner = ahead_account(&s->worker->shared->ahead, pass);
	struct data_connection *data;

	if (!owner) {
		refuse_at_limit(s, &(struct limit_hit){ .why = REFUSED_AHEAD });
		return;
	}
	if (!become_data_connection(s, login)) {
		account_unref(owner);
		return;
	}
	data = data_of(s);
	data->owner = owner;
	data->pass = *pass;
	data->is_ahead = true;
	if (data->login.set->chains[CHAIN_AUTH]->n > 0)
		judge_ahead(s);
	else
		begin_waiting(s);
}
