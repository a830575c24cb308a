#include "session/newcomer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "chain/acl.h"
#include "chain/transport.h"
#include "log/log.h"
#include "net/sock.h"
#include "net/stream.h"
#include "session/data_connection.h"
#include "session/entry.h"
#include "session/refuse.h"
#include "session/tunnel_session.h"

/* The frame after Authenticate, or the first frame if no answer was requested. It is handled after
 * the verdict. */
enum next_frame { NEXT_NONE, NEXT_HELLO, NEXT_UNEXPECTED, NEXT_BAD };

struct newcomer {
	struct login login;
	struct allowance *allowance; /* owned; NULL: no verdict yet, or no authentication */
	enum next_frame next;
	struct uuid ticket; /* of the Hello; all bytes 0: none */
	/* Owned; a copy of the answer for an elder, while READY, since the login may have wiped it.
	 * NULL: no answer was given, or there is no elder. */
	char *answer;
};

static struct newcomer *newcomer_of(const struct server_session *s)
{
	return s->part;
}

/* ---- an authenticated client ---- */

/* Connections with secure transports are not for elders, so the answer is no password. */
static void keep_answer(struct server_session *s)
{
	struct newcomer *n = newcomer_of(s);

	if (n->login.answer && elders_exist(&s->worker->shared->elders) &&
	    stream_is_bare(s->link.stream))
		n->answer = strdup(n->login.answer);
}

static void accept_visitor(struct server_session *s, const struct message *accept)
{
	const struct newcomer *n = newcomer_of(s);
	bool was_asked = n->login.set->needs_challenge;
	struct data_proof proof = { .by = allowance_by(n->allowance),
		                    .session = allowance_session(n->allowance),
		                    .challenge = was_asked ? &n->login.challenge : NULL,
		                    .answer = n->answer };

	data_connection_accept(s, accept, &proof);
}

static bool is_hello(const struct message *message)
{
	return message->type == MESSAGE_HELLO || message->type == MESSAGE_HELLO_EX;
}

static void take_hello(struct server_session *s, uint16_t port)
{
	struct newcomer *n = newcomer_of(s);

	about_ask(&n->login.about, port);
	tunnel_session_start(s, &n->login, &n->allowance, &(struct tunnel_wish){ port, n->ticket });
}

static void take_request(struct server_session *s, const struct message *message)
{
	struct newcomer *n = newcomer_of(s);

	if (is_hello(message)) {
		n->ticket = message->pass;
		take_hello(s, message->port);
		return;
	}
	if (data_connection_is_accept(message))
		accept_visitor(s, message);
	else if (message->type == MESSAGE_AHEAD && n->login.set->chains[CHAIN_AUTH]->n == 0)
		data_connection_wait(s, &n->login, &message->id);
	else if (message->type == MESSAGE_AHEAD)
		refuse_silently(s, REFUSED_AHEAD); /* its verdict would be too old for its Accept */
	else
		refuse_silently(s, REFUSED_UNEXPECTED);
}

/* ---- the verdict ---- */

static void become_ready(struct server_session *s)
{
	struct newcomer *n = newcomer_of(s);

	if (n->next == NEXT_BAD) {
		refuse_silently(s, REFUSED_BAD_FRAME);
	} else if (n->next == NEXT_UNEXPECTED) {
		refuse_silently(s, REFUSED_UNEXPECTED);
	} else if (n->next == NEXT_NONE && s->link.ended && s->link.in.len == 0) {
		server_session_end(s, false);
	} else {
		server_session_move(s, SESSION_READY);
		if (n->next == NEXT_HELLO)
			take_hello(s, n->login.about.port);
	}
}

static void take_newcomer_verdict(void *session, int32_t verdict)
{
	struct server_session *s = session;
	struct newcomer *n = newcomer_of(s);

	if (!entry_accept_verdict(s, &n->login, verdict))
		return;
	keep_answer(s);
	n->allowance = login_take_allowance(&n->login);
	if (n->allowance)
		event_client_allowed(s->worker->set, &s->peer, n->allowance->by->name,
		                     n->allowance->grant->identity);
	become_ready(s);
}

static void ask_for_verdict(struct server_session *s, enum next_frame next)
{
	struct newcomer *n = newcomer_of(s);
	struct login_asker asker;
	int32_t verdict;

	n->next = next;
	server_session_move(s, SESSION_JUDGED);
	if (!entry_may_try(s))
		return;
	asker = server_session_asker(s, take_newcomer_verdict);
	verdict = login_judge(&n->login, &asker, NULL);
	if (verdict != SPORE_EPENDING)
		take_newcomer_verdict(s, verdict);
}

/* ---- frames ---- */

static void take_answer(struct server_session *s, const struct message *message)
{
	if (message->type != MESSAGE_AUTHENTICATE)
		refuse_session(s, REFUSED_NO_SECRET);
	else if (!login_answer(&newcomer_of(s)->login, message->text))
		refuse_session(s, REFUSED_NO_MEMORY);
	else
		server_session_move(s, SESSION_ANSWERED);
}

/* From the first of these frames on, the client must go on to say Hello, so that the verdict is
 * asked for with everything that it says. */
static void take_about(struct server_session *s, const char *item)
{
	enum about_result result = about_add(&newcomer_of(s)->login.about, item);

	if (result == ABOUT_NO_MEMORY) {
		refuse_session(s, REFUSED_NO_MEMORY);
	} else if (result != ABOUT_TAKEN) {
		refuse_log(s, LOG_INFO, "invalid message",
		           result == ABOUT_TWICE
		                   ? "the client says the same thing about itself twice"
		                   : "the client says more than 1 KiB about itself");
		ask_for_verdict(s, NEXT_BAD);
	} else if (s->state == SESSION_ANSWERED) {
		server_session_move(s, SESSION_TELLING);
	}
}

/* An Accept is judged by the instance that allowed its tunnel, anything else by the chain. */
static void take_frame_to_judge(struct server_session *s, const struct message *message)
{
	struct newcomer *n = newcomer_of(s);

	if (message->type == MESSAGE_AHEAD) {
		data_connection_wait(s, &n->login, &message->id);
	} else if (data_connection_is_accept(message)) {
		data_connection_judge(s, &n->login, message);
	} else if (is_hello(message)) {
		n->ticket = message->pass;
		about_ask(&n->login.about, message->port);
		ask_for_verdict(s, NEXT_HELLO);
	} else {
		ask_for_verdict(s, NEXT_UNEXPECTED);
	}
}

/* The frame behind Authenticate or About. Data connections say nothing about themselves. */
static void take_frame_behind_answer(struct server_session *s, const struct message *message)
{
	if (message->type == MESSAGE_ABOUT)
		take_about(s, message->text);
	else if (s->state == SESSION_TELLING && !is_hello(message))
		ask_for_verdict(s, NEXT_UNEXPECTED);
	else
		take_frame_to_judge(s, message);
}

static void on_newcomer_message(struct server_session *s, const struct message *message)
{
	if (s->is_of_proxy)
		refuse_session(s, REFUSED_NO_ADDRESS);
	else if (s->state == SESSION_CHALLENGED)
		take_answer(s, message);
	else if (s->state == SESSION_READY)
		take_request(s, message);
	else if (s->state == SESSION_UNCHALLENGED)
		take_frame_to_judge(s, message);
	else
		take_frame_behind_answer(s, message);
}

static void on_newcomer_fault(struct server_session *s, enum refusal why)
{
	refuse_log(s, LOG_INFO, "invalid message",
	           "is it a bore or Spore client, and do both sides use the same transport (TLS or "
	           "not)?");
	if (s->state == SESSION_CHALLENGED || s->is_of_proxy)
		refuse_session(s, why);
	else if (s->state == SESSION_READY)
		refuse_silently(s, why);
	else
		ask_for_verdict(s, NEXT_BAD);
}

static void on_newcomer_end(struct server_session *s, const char *why)
{
	if ((s->state == SESSION_ANSWERED || s->state == SESSION_TELLING) && !why) {
		ask_for_verdict(s, NEXT_NONE); /* the client still waits for the verdict */
		return;
	}
	if (s->state == SESSION_CHALLENGED && !why) {
		refuse_unanswered(s);
		return;
	}
	if (why)
		refuse_log_left(s, "connection ended before its first request", why);
	server_session_end(s, false);
}

static void refuse_slow_handshake(struct server_session *s)
{
	char why[160];

	snprintf(why, sizeof why, "the transport's handshake timed out (%.100s)",
	         stream_shaking(s->stream));
	refuse_unopened(s, LOG_INFO, REFUSED_HANDSHAKE, why);
}

static void give_up_verdict(struct server_session *s)
{
	struct login *login = &newcomer_of(s)->login;

	login_log_late(login);
	if (login_give_up(login) == SPORE_ALLOW)
		take_newcomer_verdict(s, SPORE_ALLOW);
	else
		refuse_session(s, REFUSED_AUTH_TOO_SLOW);
}

static void on_newcomer_late(struct server_session *s)
{
	switch (s->state) {
	case SESSION_OPENING:
		refuse_slow_handshake(s);
		break;
	case SESSION_CHALLENGED:
	case SESSION_TELLING:
		refuse_session(s, REFUSED_TOO_SLOW);
		break;
	case SESSION_ANSWERED:
		ask_for_verdict(s, NEXT_NONE);
		break;
	case SESSION_JUDGED:
		give_up_verdict(s);
		break;
	default:
		refuse_silently(s, REFUSED_TOO_SLOW);
		break;
	}
}

/* The client has not said Hello yet. */
static void on_newcomer_revision(struct server_session *s, const struct revision *revision)
{
	struct newcomer *n = newcomer_of(s);
	struct refuse_subject subject;

	if (!allowance_is_concerned(n->allowance, revision))
		return;
	if (allowance_change(n->allowance, revision->grant))
		return;
	subject = (struct refuse_subject){ .identity = n->allowance->grant->identity };
	refuse_any_longer(s, &subject, &(struct limit_hit){ .why = REFUSED_REVOKED });
}

static void release_newcomer(struct server_session *s)
{
	struct newcomer *n = newcomer_of(s);

	login_end_allowance(&n->login, n->allowance, s->end_reason);
	crypto_wipe(n->answer, n->answer ? strlen(n->answer) : 0);
	free(n->answer);
	login_fini(&n->login, s->end_reason);
}

static const struct session_role role = { on_newcomer_message,  on_newcomer_fault,
	                                  on_newcomer_end,      on_newcomer_late,
	                                  on_newcomer_revision, release_newcomer };

/* ---- the transports open ---- */

/* Access lists may ask for facts that only open transports know. */
static bool is_still_allowed(const struct server_session *s)
{
	const struct plugin_set *set = newcomer_of(s)->login.set;
	const spore_conn *conn = stream_conn(s->stream);
	struct acl_question question = { &s->peer, &conn->local, "", conn };
	struct acl_answer answer;

	if (s->is_of_proxy || !acl_wants_conn(set, CHAIN_ACL_CONTROL))
		return true;
	if (acl_allows(set, CHAIN_ACL_CONTROL, s->worker->loop, &question, &answer))
		return true;
	refuse_denied(s->worker, conn, &answer);
	return false;
}

static void send_challenge(struct server_session *s)
{
	struct login *login = &newcomer_of(s)->login;

	if (!auth_challenge(login->set, stream_conn(s->link.stream), &login->challenge)) {
		refuse_session(s, REFUSED_NO_RANDOMNESS);
		return;
	}
	server_session_move(s, SESSION_CHALLENGED);
	link_send(&s->link, &(struct message){ .type = MESSAGE_CHALLENGE, .id = login->challenge });
}

static void become_open(struct server_session *s)
{
	const struct plugin_set *set = newcomer_of(s)->login.set;

	if (s->awaits_peer) {
		refuse_unopened(s, LOG_ERROR, REFUSED_HANDSHAKE,
		                "no transport has told who the client is, although one of them has "
		                "SPORE_TRANSPORTF_TELLS_PEER");
		return;
	}
	if (!is_still_allowed(s)) {
		server_session_end(s, false);
		return;
	}
	server_session_open_link(s);
	if (set->chains[CHAIN_AUTH]->n == 0)
		server_session_move(s, SESSION_READY);
	else if (!set->needs_challenge)
		server_session_move(s, SESSION_UNCHALLENGED);
	else
		send_challenge(s);
}

/* What was decided by the address of the socket is decided again by the client's. */
static void take_client_address(struct server_session *s)
{
	const spore_conn *conn = stream_conn(s->stream);
	const struct plugin_set *set = newcomer_of(s)->login.set;
	enum entry_verdict verdict;
	struct entry entry;

	s->peer = conn->peer;
	verdict = entry_judge(s->worker, set, conn, &entry);
	if (verdict != ENTRY_ALLOWED)
		server_session_end(s, verdict == ENTRY_BARRED);
	else if (server_session_change_source(s, entry.source, entry.asked_for))
		entry_make_room(s->worker, s, stream_fd(s->stream));
	else
		refuse_with_reset(s, &(struct limit_hit){ .why = REFUSED_NO_MEMORY });
}

static void on_told(struct server_session *s)
{
	s->awaits_peer = false;
	s->is_of_proxy = stream_conn(s->stream)->is_of_proxy;
	if (!s->is_of_proxy)
		take_client_address(s);
}

static void on_opening(struct stream *stream, unsigned happened, void *arg)
{
	struct server_session *s = arg;

	if (happened & STREAM_TOLD) {
		on_told(s);
	} else if (happened & STREAM_OPENED) {
		become_open(s);
	} else if (stream_left_unheard(stream)) {
		refuse_log_left(s, "connection ended before its first byte", stream_error(stream));
		server_session_end(s, false);
	} else if (stream_has_left(stream) && (s->is_of_proxy || source_has_tunnel(s->source))) {
		refuse_log_left(s, "connection ended before its first request",
		                stream_error(stream));
		server_session_end(s, false);
	} else {
		refuse_unopened(s, LOG_WARN, REFUSED_HANDSHAKE, stream_error(stream));
	}
}

/* False: the session was refused. */
static bool wrap_stream(struct server_session *s)
{
	const struct plugin_set *set = newcomer_of(s)->login.set;
	struct err err;

	stream_set_owner(s->stream, on_opening, s);
	if (transport_wrap(set->chains[CHAIN_TRANSPORT], s->stream, SPORE_ROLE_SERVER, NULL, 0,
	                   &err))
		return true;
	refuse_unopened(s, LOG_ERROR, REFUSED_HANDSHAKE, err.text);
	return false;
}

static void open_transports(struct server_session *s)
{
	if (wrap_stream(s) && transport_open(s->stream))
		become_open(s);
}

/* ---- the beginning ---- */

static void log_no_memory(int fd)
{
	log_error("connection refused: out of memory", log_int("descriptor", fd));
}

/* Takes fd. */
static void drop_connection(struct server_worker *worker, int fd, const spore_addr *peer,
                            const struct entry *entry)
{
	refuse_count(worker, &(struct event_refusal){ .peer = peer, .why = REFUSED_NO_MEMORY });
	log_no_memory(fd);
	entry_leave(entry);
	sock_reset(fd);
}

/* Takes fd and the entry. NULL: out of memory, and the connection is closed. */
static struct server_session *begin_session(struct server_worker *worker, int fd,
                                            const spore_conn *conn, const struct entry *entry)
{
	struct server_session *s = server_session_new(worker, entry->source, fd, &conn->peer,
	                                              &conn->local, &role, sizeof(struct newcomer));

	if (!s) {
		drop_connection(worker, fd, &conn->peer, entry);
		return NULL;
	}
	s->awaits_peer = source_is_proxy(entry->source);
	login_init(&newcomer_of(s)->login, worker->set);
	if (!server_session_add_stranger(s, entry->asked_for)) {
		log_no_memory(fd);
		refuse_with_reset(s, &(struct limit_hit){ .why = REFUSED_NO_MEMORY });
		return NULL;
	}
	entry_make_room(worker, s, fd);
	return s;
}

void newcomer_start(struct server_worker *worker, int fd, const spore_addr *peer,
                    const spore_addr *local)
{
	const spore_conn conn = { .peer = *peer, .local = *local, .socket_peer = *peer };
	enum entry_verdict verdict;
	struct server_session *s;
	struct entry entry;

	stats_add(&worker->shared->stats, worker->loop, STAT_CONTROL_CONNECTIONS, 1);
	verdict = transport_tellers(worker->set->chains[CHAIN_TRANSPORT]) > 0
	                  ? entry_await(worker, peer, &entry)
	                  : entry_judge(worker, worker->set, &conn, &entry);
	if (verdict == ENTRY_DENIED)
		close(fd);
	else if (verdict == ENTRY_BARRED)
		sock_reset(fd);
	else if ((s = begin_session(worker, fd, &conn, &entry)))
		open_transports(s);
}

/* ---- a connection that began at the next process ---- */

/* Takes the first frame out of what was said if it is such a message. */
static bool take_frame(struct buf *said, enum message_direction direction, enum message_type type,
                       struct message *message_out)
{
	const char *text = (const char *)buf_bytes(said);
	size_t len;

	if (said->len == 0 || frame_next(text, said->len, &len) != FRAME_WHOLE ||
	    !message_parse(direction, text, len, message_out) || message_out->type != type)
		return false;
	buf_consume(said, len + 1);
	return true;
}

/* The configuration of this process decides, as if it had sent the Challenge. */
static void go_on(struct server_session *s, struct buf *said)
{
	struct login *login = &newcomer_of(s)->login;
	const struct plugin_set *set = login->set;
	struct message message;
	bool was_asked = take_frame(said, MESSAGE_TO_CLIENT, MESSAGE_CHALLENGE, &message);

	login->challenge = message.id;
	server_session_open_link(s);
	if (set->needs_challenge && !was_asked) {
		refuse_silently(s, REFUSED_UNKNOWN_CONNECTION);
		return;
	}
	if (set->needs_challenge)
		server_session_move(s, SESSION_CHALLENGED);
	else if (was_asked)
		take_frame(said, MESSAGE_TO_SERVER, MESSAGE_AUTHENTICATE, &message);
	if (set->chains[CHAIN_AUTH]->n == 0)
		server_session_move(s, SESSION_READY);
	else if (!set->needs_challenge)
		server_session_move(s, SESSION_UNCHALLENGED);
	link_receive(&s->link, said, ELDERS_SAID_MOST);
}

void newcomer_resume(struct server_worker *worker, int fd, const void *said, size_t len)
{
	spore_conn conn = { .peer.family = 0 };
	struct server_session *s = NULL;
	struct buf bytes = { 0 };
	struct entry entry;

	sock_local_addr(fd, &conn.local);
	if (!sock_peer_addr(fd, &conn.peer) || !buf_append(&bytes, said, len, ELDERS_SAID_MOST)) {
		close(fd); /* the client has left, or memory is out */
		return;
	}
	conn.socket_peer = conn.peer;
	if (entry_judge(worker, worker->set, &conn, &entry) == ENTRY_ALLOWED)
		s = begin_session(worker, fd, &conn, &entry);
	else
		close(fd);
	if (s)
		s->is_sent_back = true;
	if (s && wrap_stream(s)) {
		/* A transport would have begun with a handshake. */
		if (stream_is_bare(s->stream) && transport_open(s->stream) && is_still_allowed(s))
			go_on(s, &bytes);
		else
			server_session_end(s, false);
	}
	buf_fini(&bytes);
}
