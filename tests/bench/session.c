/* One connection to the service, in each of the modes of wire.h. */
#include "session.h"

#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_CHUNK ((size_t)256 << 10)

enum verdict { KEEP, END };

struct session;

/* What the first byte of a connection chooses. begin is called once need bytes have come; they,
 * and whatever came right behind them, are in the session's head. on_event is called afterwards. */
struct mode {
	uint8_t command;
	unsigned need;
	enum verdict (*begin)(struct session_loop *loop, struct session *session);
	enum verdict (*on_event)(struct session_loop *loop, struct session *session,
	                         uint32_t events);
};

/* Owned by the epoll instance of its loop; freed when END is returned for it. */
struct session {
	int fd;
	const struct mode *mode; /* NULL until the head is complete */
	uint8_t head[WIRE_MESSAGE];
	unsigned head_size;
	/* sink: bytes that came; source: bytes still to send; record: bytes still to skip */
	uint64_t count;
	bool is_endless; /* source: send until the visitor's half-close */
	uint8_t *held;   /* owned; echo: what the visitor has yet to take, or NULL */
	size_t held_size;
};

static bool session_watch(struct session_loop *loop, struct session *session, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = session };

	return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, session->fd, &event) == 0;
}

static void session_free(struct session *session)
{
	close(session->fd);
	free(session->held);
	free(session);
}

/* Whether a call that returned less than 0 shall be tried again at the next event. */
static enum verdict verdict_of_error(void)
{
	return errno == EAGAIN || errno == EINTR ? KEEP : END;
}

static enum verdict sink_begin(struct session_loop *loop, struct session *session)
{
	(void)loop;
	session->count = session->head_size - 1;
	return KEEP;
}

static enum verdict sink_on_event(struct session_loop *loop, struct session *session,
                                  uint32_t events)
{
	/* MSG_TRUNC drops the bytes inside the kernel. */
	ssize_t got = recv(session->fd, loop->scratch, SESSION_SCRATCH, MSG_TRUNC);
	uint8_t receipt[WIRE_NUMBER];

	(void)events;
	if (got < 0)
		return verdict_of_error();
	if (got > 0) {
		session->count += (uint64_t)got;
		return KEEP;
	}
	wire_put_number(receipt, session->count);
	send(session->fd, receipt, sizeof(receipt), MSG_NOSIGNAL);
	return END;
}

static enum verdict source_begin(struct session_loop *loop, struct session *session)
{
	session->count = wire_get_number(session->head + 1);
	session->is_endless = session->count == 0;
	return session_watch(loop, session, EPOLLIN | EPOLLOUT) ? KEEP : END;
}

/* Sends the next chunk; after the last one only the visitor's end is awaited. */
static enum verdict source_send(struct session_loop *loop, struct session *session)
{
	size_t size = SEND_CHUNK;
	ssize_t sent;

	if (!session->is_endless && session->count < size)
		size = (size_t)session->count;
	sent = send(session->fd, loop->scratch, size, MSG_NOSIGNAL);
	if (sent < 0)
		return verdict_of_error();
	if (session->is_endless)
		return KEEP;
	session->count -= (uint64_t)sent;
	if (session->count > 0)
		return KEEP;
	if (shutdown(session->fd, SHUT_WR) != 0 || !session_watch(loop, session, EPOLLIN))
		return END;
	return KEEP;
}

static enum verdict source_on_event(struct session_loop *loop, struct session *session,
                                    uint32_t events)
{
	uint8_t ignored[WIRE_MESSAGE];

	if (events & ~(uint32_t)EPOLLOUT) {
		ssize_t got = recv(session->fd, ignored, sizeof(ignored), 0);

		if (got == 0 && !session->is_endless && session->count > 0)
			return session_watch(loop, session, EPOLLOUT) ? KEEP : END;
		if (got == 0 || (got < 0 && verdict_of_error() == END))
			return END;
	}
	return events & EPOLLOUT ? source_send(loop, session) : KEEP;
}

/* Sends what it can and holds the rest; while something is held nothing is read. */
static enum verdict echo_send(struct session_loop *loop, struct session *session,
                              const uint8_t *bytes, size_t size)
{
	ssize_t sent = send(session->fd, bytes, size, MSG_NOSIGNAL);

	if (sent == (ssize_t)size)
		return KEEP;
	if (sent < 0) {
		if (verdict_of_error() == END)
			return END;
		sent = 0;
	}
	session->held_size = size - (size_t)sent;
	session->held = malloc(session->held_size);
	if (session->held == NULL)
		return END;
	memcpy(session->held, bytes + sent, session->held_size);
	return session_watch(loop, session, EPOLLOUT) ? KEEP : END;
}

static enum verdict echo_flush(struct session_loop *loop, struct session *session)
{
	ssize_t sent = send(session->fd, session->held, session->held_size, MSG_NOSIGNAL);

	if (sent < 0)
		return verdict_of_error();
	session->held_size -= (size_t)sent;
	if (session->held_size > 0) {
		memmove(session->held, session->held + sent, session->held_size);
		return KEEP;
	}
	free(session->held);
	session->held = NULL;
	return session_watch(loop, session, EPOLLIN) ? KEEP : END;
}

static enum verdict echo_begin(struct session_loop *loop, struct session *session)
{
	if (session->head_size == 1)
		return KEEP;
	return echo_send(loop, session, session->head + 1, session->head_size - 1);
}

static enum verdict echo_on_event(struct session_loop *loop, struct session *session,
                                  uint32_t events)
{
	ssize_t got;

	(void)events;
	if (session->held != NULL)
		return echo_flush(loop, session);
	got = recv(session->fd, loop->scratch, SESSION_SCRATCH, 0);
	if (got < 0)
		return verdict_of_error();
	return got > 0 ? echo_send(loop, session, loop->scratch, (size_t)got) : END;
}

static enum verdict churn_begin(struct session_loop *loop, struct session *session)
{
	(void)loop;
	wire_answer(session->head);
	send(session->fd, session->head, WIRE_MESSAGE, MSG_NOSIGNAL);
	return END;
}

static enum verdict session_greet(struct session_loop *loop, struct session *session);

/* The mode comes behind the record. */
static enum verdict record_begin(struct session_loop *loop, struct session *session)
{
	unsigned length = (unsigned)session->head[3] << 8 | session->head[4];
	unsigned came = session->head_size - WIRE_RECORD_HEAD;

	(void)loop;
	if (length < came)
		return END; /* no ClientHello is so short */
	session->count = length - came;
	return KEEP;
}

static enum verdict record_on_event(struct session_loop *loop, struct session *session,
                                    uint32_t events)
{
	ssize_t got = recv(session->fd, loop->scratch, session->count, MSG_TRUNC);

	(void)events;
	if (got <= 0)
		return got < 0 ? verdict_of_error() : END;
	session->count -= (uint64_t)got;
	if (session->count > 0)
		return KEEP;
	session->mode = NULL;
	session->head_size = 0;
	return session_greet(loop, session);
}

static const struct mode modes[] = {
	{ .command = WIRE_SINK, .need = 1, .begin = sink_begin, .on_event = sink_on_event },
	{ .command = WIRE_SOURCE,
	  .need = 1 + WIRE_NUMBER,
	  .begin = source_begin,
	  .on_event = source_on_event },
	{ .command = WIRE_ECHO, .need = 1, .begin = echo_begin, .on_event = echo_on_event },
	{ .command = WIRE_CHURN, .need = WIRE_MESSAGE, .begin = churn_begin },
	{ .command = WIRE_RECORD,
	  .need = WIRE_RECORD_HEAD,
	  .begin = record_begin,
	  .on_event = record_on_event },
};

static const struct mode *find_mode(uint8_t command)
{
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (modes[i].command == command)
			return &modes[i];
	return NULL;
}

static enum verdict session_greet(struct session_loop *loop, struct session *session)
{
	ssize_t got = recv(session->fd, session->head + session->head_size,
	                   sizeof(session->head) - session->head_size, 0);
	const struct mode *mode;

	if (got < 0)
		return verdict_of_error();
	if (got == 0)
		return END;
	session->head_size += (unsigned)got;
	mode = find_mode(session->head[0]);
	if (mode == NULL)
		return END;
	if (session->head_size < mode->need)
		return KEEP;
	session->mode = mode;
	return mode->begin(loop, session);
}

void session_on_event(struct session_loop *loop, struct session *session, uint32_t events)
{
	enum verdict verdict = session->mode == NULL
	                               ? session_greet(loop, session)
	                               : session->mode->on_event(loop, session, events);

	if (verdict == END)
		session_free(session);
}

bool session_start(struct session_loop *loop, int fd)
{
	struct session *session = calloc(1, sizeof(*session));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };

	if (session == NULL) {
		close(fd);
		return false;
	}
	session->fd = fd;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
		return true;
	session_free(session);
	return false;
}
