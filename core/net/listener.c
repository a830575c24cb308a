#include "net/listener.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/shortage.h"

/* The most connections that one turn accepts, the most turns before it looks for a second one, and
 * the failures in a turn after which it pauses. */
enum { MOST_BATCH = 64, MOST_PATIENCE = 16, MAX_FAILURES = 8 };
static const double pause_s = 0.1;

/* A socket of the listener. */
struct entrance {
	ev_io io;
	spore_addr addr;
};

struct listener {
	struct loop *loop; /* borrowed: outlives it */
	ev_timer resume;
	listener_fn on_accept;
	bool (*has_room)(void *arg); /* NULL: always */
	void *arg;
	int batch;         /* connections to accept in the next turn */
	int n_single;      /* turns since the batch is 1 */
	int patience;      /* so many of them before the batch is 2 again */
	int64_t logged_ms; /* when the last pause was logged; 0: never */
	struct loop_task reap;
	bool is_shut; /* it does not listen */
	bool closed;
	unsigned n;
	struct entrance entrances[];
};

static void run_free_listener(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct listener, reap));
}

static void start_all(struct listener *listener)
{
	for (unsigned i = 0; i < listener->n; i++)
		ev_io_start(loop_ev(listener->loop), &listener->entrances[i].io);
}

static void stop_all(struct listener *listener)
{
	for (unsigned i = 0; i < listener->n; i++)
		ev_io_stop(loop_ev(listener->loop), &listener->entrances[i].io);
}

static void on_resume(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	start_all(timer->data);
}

static void pause_accepting(struct listener *listener, const struct entrance *at, int cause)
{
	struct ev_loop *ev = loop_ev(listener->loop);
	int64_t now = loop_now_ms(listener->loop);
	const char *remedy = shortage_remedy(shortage_of(cause));
	char text[ADDR_TEXT_SIZE];

	stop_all(listener);
	ev_timer_set(&listener->resume, pause_s, 0.0);
	ev_timer_start(ev, &listener->resume);
	if (listener->logged_ms && now - listener->logged_ms < 1000)
		return;
	listener->logged_ms = now;
	log_event(LOG_ERROR, "cannot accept connections, trying again",
	          (const struct log_field[]){ log_str("listener", addr_format(&at->addr, text)),
	                                      log_str("call", "accept4"),
	                                      log_str("error", strerrordesc_np(cause)),
	                                      log_str("raise", remedy) },
	          remedy ? 4 : 3);
}

/* False: the gate is closed, and the listener sleeps until listener_wake. */
static bool may_accept(struct listener *listener)
{
	if (!listener->has_room || listener->has_room(listener->arg))
		return true;
	stop_all(listener);
	return false;
}

/* The listener looked for more connections than waited, which cost a call. It does so less and less
 * often while connections come one at a time. */
static void lessen_batch(struct listener *listener, int n_accepted)
{
	if (n_accepted > 1) {
		listener->batch = n_accepted;
		return;
	}
	listener->batch = 1;
	listener->n_single = 0;
	if (listener->patience < MOST_PATIENCE)
		listener->patience *= 2;
}

/* All calls of the batch have found a connection, so more connections may wait. Looks for more of
 * them next time. */
static void raise_batch(struct listener *listener)
{
	if (listener->batch == 1 && ++listener->n_single < listener->patience)
		return;
	if (listener->batch > 1)
		listener->patience = 1;
	listener->batch *= 2;
	if (listener->batch > MOST_BATCH)
		listener->batch = MOST_BATCH;
}

/* Accepts up to `most` connections, while some wait and there is room. */
static void accept_at(struct listener *listener, struct entrance *at, int most)
{
	int n_failed = 0, i;

	for (i = 0; i < most && !listener->closed && may_accept(listener); i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof sa;
		spore_addr peer;
		int fd = accept4(at->io.fd, (struct sockaddr *)&sa, &len,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			addr_from_sockaddr((struct sockaddr *)&sa, &peer);
			listener->on_accept(fd, &peer, &at->addr, listener->arg);
		} else if (errno == EAGAIN) {
			lessen_batch(listener, i);
			return;
		} else if (shortage_of(errno) || ++n_failed == MAX_FAILURES) {
			pause_accepting(listener, at, errno);
			return;
		}
		/* All other errors belong to one connection, not to the listener (accept(2)). */
	}
	if (i == most)
		raise_batch(listener);
}

/* Accepts up to `most` connections at each socket. */
static void accept_some(struct listener *listener, int most)
{
	for (unsigned i = 0; i < listener->n; i++)
		accept_at(listener, &listener->entrances[i], most);
}

static void on_acceptable(struct ev_loop *ev, ev_io *io, int events)
{
	struct listener *listener = io->data;

	(void)ev;
	(void)events;
	accept_at(listener, CONTAINER_OF(io, struct entrance, io), listener->batch);
}

static void init_entrance(struct listener *listener, struct entrance *entrance, int fd)
{
	sock_local_addr(fd, &entrance->addr);
	ev_io_init(&entrance->io, on_acceptable, fd, EV_READ);
	entrance->io.data = listener;
	/* In a turn, new connections come after the events of those that are there, which may end
	 * and leave what a new one needs, such as a connection to the client. */
	ev_set_priority(&entrance->io, EV_MINPRI);
}

struct listener *listener_new(struct loop *loop, const struct sockets *sockets,
                              listener_fn on_accept, void *arg)
{
	struct listener *listener = calloc(1,
	                                   sizeof *listener + sockets->n * sizeof(struct entrance));

	if (!listener)
		return NULL;
	listener->loop = loop;
	listener->batch = listener->patience = 1;
	listener->on_accept = on_accept;
	listener->arg = arg;
	listener->reap.run = run_free_listener;
	listener->n = sockets->n;
	for (unsigned i = 0; i < sockets->n; i++)
		init_entrance(listener, &listener->entrances[i], sockets->fds[i]);
	ev_timer_init(&listener->resume, on_resume, 0.0, 0.0);
	listener->resume.data = listener;
	start_all(listener);
	return listener;
}

void listener_set_gate(struct listener *listener, bool (*has_room)(void *arg))
{
	listener->has_room = has_room;
}

void listener_wake(struct listener *listener)
{
	if (listener->closed || listener->is_shut)
		return;
	start_all(listener);
	accept_some(listener, MOST_BATCH);
}

/* The first n sockets listen again: all or none. */
static bool listen_again(struct listener *listener, unsigned n, struct err *err)
{
	for (unsigned i = 0; i < n; i++) {
		if (sock_listen_again(listener->entrances[i].io.fd, err))
			continue;
		while (i-- > 0)
			sock_stop_listening(listener->entrances[i].io.fd);
		return false;
	}
	return true;
}

bool listener_shut(struct listener *listener)
{
	struct err err;

	if (listener->is_shut || listener->closed)
		return true;
	for (unsigned i = 0; i < listener->n; i++) {
		if (!sock_stop_listening(listener->entrances[i].io.fd)) {
			listen_again(listener, i, &err);
			return false;
		}
	}
	listener->is_shut = true;
	stop_all(listener);
	ev_timer_stop(loop_ev(listener->loop), &listener->resume);
	return true;
}

bool listener_reopen(struct listener *listener, struct err *err)
{
	if (!listener->is_shut || listener->closed)
		return true;
	if (!listen_again(listener, listener->n, err))
		return false;
	listener->is_shut = false;
	start_all(listener);
	return true;
}

void listener_finish(struct listener *listener)
{
	if (!listener || listener->closed)
		return;
	if (!listener->is_shut)
		accept_some(listener, SOMAXCONN);
	listener_free(listener);
}

void listener_resize(struct listener *listener, const struct sock_sizes *sizes)
{
	for (unsigned i = 0; i < listener->n; i++)
		sock_resize(listener->entrances[i].io.fd, sizes);
}

struct sockets listener_take(struct listener *listener)
{
	struct sockets sockets = listener_sockets(listener);

	listener->closed = true;
	stop_all(listener);
	/* Another process may have these sockets, too: this loop must not wake for them. */
	for (unsigned i = 0; i < listener->n; i++)
		loop_forget_fd(listener->loop, sockets.fds[i]);
	ev_timer_stop(loop_ev(listener->loop), &listener->resume);
	loop_reap(listener->loop, &listener->reap);
	return sockets;
}

struct sockets listener_sockets(const struct listener *listener)
{
	struct sockets sockets = { .n = listener->n };

	for (unsigned i = 0; i < listener->n; i++)
		sockets.fds[i] = listener->entrances[i].io.fd;
	return sockets;
}

struct sockets listener_copy(const struct listener *listener)
{
	struct sockets sockets = listener_sockets(listener);

	return sock_copy_all(&sockets);
}

void listener_free(struct listener *listener)
{
	struct sockets sockets;

	if (!listener || listener->closed)
		return;
	sockets = listener_take(listener);
	sock_close_all(&sockets);
}

const spore_addr *listener_addr(const struct listener *listener)
{
	return &listener->entrances[0].addr;
}
