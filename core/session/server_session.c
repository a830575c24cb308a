#include "session/server_session.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/zeroed.h"
#include "net/conn.h"
#include "net/stream.h"
#include "quota/ahead.h"
#include "quota/pending.h"

/* bore's server waits 3 s for the first frame. The frame after a correct Authenticate comes at
 * once, so the wait for it is short. The time for a verdict is configured. An unused connection
 * opened ahead is closed after WAITING_MS; the client opens another one. A client takes a visitor
 * at once, so after OFFER_MS the connection may be dead without a word. */
enum { FIRST_FRAME_MS = 3000, NEXT_FRAME_MS = 100, WAITING_MS = 600000, OFFER_MS = 250 };

enum { NO_LIST = SESSION_LISTS, NO_DEADLINE = DEADLINES };

#define BIT(state) (1u << SESSION_##state)

/* A table, aligned by hand. */
/* clang-format off */
static const struct row {
	unsigned next;    /* bits of the states that may follow; ENDED may always */
	unsigned list;    /* enum session_list */
	unsigned deadline; /* enum session_deadline, from the start of the state; after OPENING
	                    * the deadline of the handshakes continues */
	bool stranger;    /* a session that is a stranger stays one */
	bool paused;      /* frames wait in the link */
	bool outdated;    /* a tunnel that the present configuration has not judged */
} rows[SESSION_STATES] = {
	[SESSION_OPENING]      = { BIT(CHALLENGED) | BIT(UNCHALLENGED) | BIT(READY),
	                           LIST_NEWCOMERS, DEADLINE_FIRST_FRAME, true,  false, false },
	[SESSION_CHALLENGED]   = { BIT(ANSWERED),
	                           LIST_NEWCOMERS, DEADLINE_FIRST_FRAME, true,  false, false },
	[SESSION_ANSWERED]     = { BIT(TELLING) | BIT(JUDGED) | BIT(ACCEPTING),
	                           LIST_NEWCOMERS, DEADLINE_NEXT_FRAME,  true,  false, false },
	[SESSION_TELLING]      = { BIT(JUDGED),
	                           LIST_NEWCOMERS, DEADLINE_FIRST_FRAME, true,  false, false },
	[SESSION_UNCHALLENGED] = { BIT(JUDGED) | BIT(ACCEPTING),
	                           LIST_NEWCOMERS, DEADLINE_FIRST_FRAME, true,  false, false },
	[SESSION_JUDGED]       = { BIT(READY),
	                           LIST_NEWCOMERS, DEADLINE_VERDICT,     true,  true, false },
	[SESSION_READY]        = { BIT(WAITING) | BIT(TAKING_OVER) | BIT(TUNNEL) | BIT(JOINED),
	                           LIST_NEWCOMERS, DEADLINE_FIRST_FRAME, true,  false, false },
	[SESSION_WAITING]      = { BIT(OFFERED) | BIT(JOINED),
	                           LIST_WAITING,   DEADLINE_WAITING,     false, false, false },
	[SESSION_OFFERED]      = { BIT(DOUBTED) | BIT(JOINED),
	                           LIST_NEWCOMERS, DEADLINE_OFFER,       false, false, false },
	[SESSION_DOUBTED]      = { BIT(JOINED),
	                           LIST_NEWCOMERS, DEADLINE_DOUBT,       false, false, false },
	[SESSION_ACCEPTING]    = { BIT(WAITING) | BIT(JOINED),
	                           LIST_NEWCOMERS, DEADLINE_VERDICT,     true,  true, false },
	[SESSION_TAKING_OVER]  = { BIT(TUNNEL),
	                           LIST_NEWCOMERS, NO_DEADLINE,          true,  true, false },
	[SESSION_TUNNEL]       = { BIT(OUTDATED),
	                           LIST_TUNNELS,   NO_DEADLINE,          false, false, false },
	[SESSION_OUTDATED]     = { BIT(REVIEWED) | BIT(TUNNEL),
	                           LIST_TUNNELS,   NO_DEADLINE,          false, false, true },
	[SESSION_REVIEWED]     = { BIT(OUTDATED) | BIT(TUNNEL),
	                           LIST_TUNNELS,   DEADLINE_VERDICT,     false, false, true },
	[SESSION_JOINED]       = { 0, NO_LIST,     NO_DEADLINE,          false, false, false },
	[SESSION_ENDED]        = { 0, NO_LIST,     NO_DEADLINE,          false, false, false },
};
/* clang-format on */

/* ---- the move ---- */

static void count_session(const struct server_session *s, unsigned list, int delta)
{
	const struct stats *stats = &s->worker->shared->stats;

	if (list == NO_LIST)
		return;
	s->worker->sessions[list].count += (unsigned)delta;
	if (list == LIST_WAITING)
		stats_add(stats, s->worker->loop, STAT_AHEAD, delta);
	else if (list == LIST_TUNNELS)
		stats_add(stats, s->worker->loop, STAT_TUNNELS, delta);
}

static void change_list(struct server_session *s, unsigned from, unsigned to)
{
	if (from == to)
		return;
	list_remove(&s->node);
	count_session(s, from, -1);
	if (to != NO_LIST)
		list_append(&s->worker->sessions[to].all, &s->node);
	count_session(s, to, 1);
}

/* The deadline of the handshakes also covers the first frame. */
static void change_deadline(struct server_session *s, enum session_state from, unsigned deadline)
{
	if (from == SESSION_OPENING && deadline == DEADLINE_FIRST_FRAME)
		return;
	deadline_stop(&s->deadline);
	if (deadline != NO_DEADLINE)
		deadline_start(&s->worker->deadlines[deadline], &s->deadline);
}

/* The first part needs no allocation of its own: most sessions have no other. */
static void *first_part_of(struct server_session *s)
{
	return s + 1;
}

static void free_part(struct server_session *s)
{
	if (s->part != first_part_of(s))
		free(s->part);
}

static void run_reap(struct loop_task *task)
{
	struct server_session *s = CONTAINER_OF(task, struct server_session, reap);

	free_part(s);
	free(s);
}

/* The stream is closed, taken, or left to linger. */
static void release_session(struct server_session *s)
{
	s->role->release(s);
	source_unref(s->source);
	loop_reap(s->worker->loop, &s->reap);
}

static void move_session(struct server_session *s, enum session_state to)
{
	enum session_state from = s->state;
	const struct row *row_from = &rows[from], *row_to = &rows[to];

	assert(server_session_may_move(from, to));
	s->state = to;
	change_list(s, row_from->list, row_to->list);
	if (row_to->outdated != row_from->outdated)
		stats_add(&s->worker->shared->stats, s->worker->loop, STAT_TUNNELS_OUTDATED,
		          row_to->outdated ? 1 : -1);
	change_deadline(s, from, row_to->deadline);
	if (!row_to->stranger)
		stranger_remove(&s->worker->strangers, &s->stranger);
	if (from == SESSION_WAITING) { /* only a waiting session holds a pass */
		ahead_unshelve(s->pass, loop_index(s->worker->loop), &s->shelf);
		ahead_leave(s->pass);
		s->pass = NULL;
	}
	if (row_to->list == NO_LIST)
		release_session(s);
	else if (row_to->paused)
		link_pause(&s->link);
	else if (row_from->paused)
		link_resume(&s->link);
}

bool server_session_may_move(enum session_state from, enum session_state to)
{
	if (to == SESSION_ENDED)
		return from != SESSION_JOINED && from != SESSION_ENDED;
	return rows[from].next & 1u << to;
}

void server_session_move(struct server_session *s, enum session_state to)
{
	assert(to != SESSION_WAITING && rows[to].list != NO_LIST);
	move_session(s, to);
}

bool server_session_wait(struct server_session *s, const struct uuid *pass,
                         struct limit_hit *hit_out)
{
	s->pass = ahead_enter(&s->worker->shared->ahead, pass, server_worker_limits(s->worker),
	                      hit_out);
	if (!s->pass)
		return false;
	move_session(s, SESSION_WAITING);
	if (ahead_opens(s->pass))
		ahead_shelve(s->pass, loop_index(s->worker->loop), s->worker, &s->shelf);
	return true;
}

struct login_asker server_session_asker(struct server_session *s,
                                        void (*on_verdict)(void *session, int32_t verdict))
{
	return (struct login_asker){ .stream = s->link.stream,
		                     .deadline_ms = s->deadline.at_ms,
		                     .on_verdict = on_verdict,
		                     .session = s };
}

/* ---- the end ---- */

struct stream *server_session_take_stream(struct server_session *s, struct buf *received_out,
                                          struct buf *unsent_out)
{
	struct stream *stream = link_take(&s->link, received_out, unsent_out);

	move_session(s, SESSION_JOINED);
	return stream;
}

void server_session_end(struct server_session *s, bool reset)
{
	if (s->stream)
		stream_close(s->stream, reset);
	else
		link_fini(&s->link, reset);
	move_session(s, SESSION_ENDED);
}

void server_session_finish(struct server_session *s)
{
	link_finish(&s->link, &s->worker->lingerers);
	move_session(s, SESSION_ENDED);
}

/* ---- events ---- */

static struct server_session *session_of(struct link *link)
{
	return CONTAINER_OF(link, struct server_session, link);
}

static void on_link_message(struct link *link, const struct message *message)
{
	session_of(link)->role->on_message(session_of(link), message);
}

static void on_link_fault(struct link *link, enum link_fault fault)
{
	session_of(link)->role->on_fault(
		session_of(link), fault == LINK_TOO_LONG ? REFUSED_LONG_FRAME : REFUSED_BAD_FRAME);
}

static void on_link_end(struct link *link, const char *why)
{
	session_of(link)->role->on_end(session_of(link), why);
}

static void on_state_late(struct deadline *deadline)
{
	struct server_session *s = CONTAINER_OF(deadline, struct server_session, deadline);

	s->role->on_late(s);
}

/* ---- the beginning ---- */

/* Takes the stream. */
static void begin_session(struct server_session *s, struct server_worker *worker,
                          struct source *source, struct stream *stream, const spore_addr *peer)
{
	s->worker = worker;
	s->renewals = worker->renewals;
	s->stream = stream;
	s->end_reason = SPORE_END_CLOSED;
	s->source = source_ref(source);
	s->peer = *peer;
	s->reap.run = run_reap;
	list_init(&s->node);
	list_init(&s->shelf);
	deadline_init(&s->deadline);
	stranger_init(&s->stranger);
	change_list(s, NO_LIST, LIST_NEWCOMERS);
	deadline_start(&worker->deadlines[DEADLINE_FIRST_FRAME], &s->deadline);
}

struct server_session *server_session_new(struct server_worker *worker, struct source *source,
                                          int fd, const spore_addr *peer, const spore_addr *local,
                                          const struct session_role *role, size_t part_size)
{
	struct server_session *s = zeroed_new(sizeof *s + part_size);
	struct stream *stream = s ? stream_new(worker->loop, fd, peer, local) : NULL;

	if (!stream) {
		free(s);
		return NULL;
	}
	begin_session(s, worker, source, stream, peer);
	s->role = role;
	s->part = first_part_of(s);
	return s;
}

struct server_session *server_session_again(struct server_worker *worker, struct source *source,
                                            struct stream *stream, const struct session_role *role,
                                            void *part)
{
	struct server_session *s = zeroed_new(sizeof *s);

	if (!s)
		return NULL;
	begin_session(s, worker, source, stream, &stream_conn(stream)->peer);
	s->role = role;
	s->part = part;
	server_session_open_link(s);
	move_session(s, SESSION_READY);
	return s;
}

bool server_session_add_stranger(struct server_session *s, bool asked_for)
{
	return stranger_add(&s->worker->strangers, &s->stranger, s->source, asked_for);
}

bool server_session_change_source(struct server_session *s, struct source *source, bool asked_for)
{
	stranger_remove(&s->worker->strangers, &s->stranger);
	source_unref(s->source);
	s->source = source_ref(source);
	return stranger_add(&s->worker->strangers, &s->stranger, source, asked_for);
}

const char *server_session_via(const struct server_session *s, char out[ADDR_TEXT_SIZE])
{
	const spore_conn *conn = stream_conn(s->stream ? s->stream : s->link.stream);

	return conn_is_proxied(conn) ? addr_format(&conn->socket_peer, out) : NULL;
}

void server_session_open_link(struct server_session *s)
{
	static const struct link_events events = { on_link_message, on_link_fault, on_link_end };

	link_init(&s->link, s->stream, MESSAGE_TO_SERVER, &events);
	s->stream = NULL;
}

void server_session_become(struct server_session *s, const struct session_role *role, void *part)
{
	s->role->release(s);
	free_part(s);
	s->role = role;
	s->part = part;
}

/* ---- on all sessions of a worker ---- */

void server_sessions_init(struct server_worker *worker)
{
	const int64_t lengths_ms[DEADLINES] = {
		[DEADLINE_FIRST_FRAME] = FIRST_FRAME_MS,
		[DEADLINE_NEXT_FRAME] = NEXT_FRAME_MS,
		[DEADLINE_VERDICT] = server_worker_settings(worker)->auth_timeout,
		[DEADLINE_WAITING] = WAITING_MS,
		[DEADLINE_OFFER] = OFFER_MS,
		[DEADLINE_DOUBT] = PENDING_MS,
	};

	for (size_t i = 0; i < SESSION_LISTS; i++)
		list_init(&worker->sessions[i].all);
	for (size_t i = 0; i < DEADLINES; i++)
		deadline_list_init(&worker->deadlines[i], worker->loop, lengths_ms[i],
		                   on_state_late);
}

void server_sessions_renew(struct server_worker *worker)
{
	deadline_list_set(&worker->deadlines[DEADLINE_VERDICT],
	                  server_worker_settings(worker)->auth_timeout);
}

struct server_session *server_sessions_first(const struct server_worker *worker,
                                             enum session_list list)
{
	const struct list *all = &worker->sessions[list].all;

	return list_is_empty(all) ? NULL : CONTAINER_OF(all->next, struct server_session, node);
}

struct server_session *server_sessions_next(const struct server_session *s)
{
	const struct list *all = &s->worker->sessions[rows[s->state].list].all;

	return s->node.next == all ? NULL : CONTAINER_OF(s->node.next, struct server_session, node);
}

void server_sessions_revise(struct server_worker *worker, const struct revision *revision)
{
	struct server_session *next;

	for (int i = 0; i < SESSION_LISTS; i++) {
		struct server_session *s = server_sessions_first(worker, (enum session_list)i);

		for (; s; s = next) {
			next = server_sessions_next(s);
			if (s->role->on_revision)
				s->role->on_revision(s, revision);
		}
	}
}

void server_sessions_end_waiting(struct server_worker *worker, bool all)
{
	struct server_session *next;

	for (struct server_session *s = server_sessions_first(worker, LIST_WAITING); s; s = next) {
		next = server_sessions_next(s);
		if (all || ahead_is_withdrawn(s->pass))
			server_session_end(s, false);
	}
}

void server_sessions_end_all(struct server_worker *worker)
{
	struct server_session *s;

	for (int i = 0; i < SESSION_LISTS; i++) {
		while ((s = server_sessions_first(worker, (enum session_list)i)) != NULL) {
			s->end_reason = SPORE_END_SHUTDOWN;
			server_session_end(s, false);
		}
	}
	for (size_t i = 0; i < DEADLINES; i++)
		deadline_list_fini(&worker->deadlines[i]);
}
