#include "net/listener.h"

#include <errno.h>
#include <ev.h>
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
#include "net/sock.h"

/* The most connections that one turn accepts, and the failures in a turn after which it pauses. */
enum { BATCH = 64, MAX_FAILURES = 8 };
static const double pause_s = 0.1;

struct listener {
	struct loop *loop; /* borrowed: outlives it */
	ev_io io;
	ev_timer resume;
	listener_fn on_accept;
	bool (*has_room)(void *arg); /* NULL: always */
	void *arg;
	spore_addr addr;
	int64_t logged_ms; /* when the last pause was logged; 0: never */
	struct loop_task reap;
	bool is_shut; /* it does not listen */
	bool closed;
};

static void run_free_listener(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct listener, reap));
}

static void on_resume(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct listener *listener = timer->data;

	(void)events;
	ev_io_start(ev, &listener->io);
}

static void pause_accepting(struct listener *listener, int cause)
{
	struct ev_loop *ev = loop_ev(listener->loop);
	int64_t now = loop_now_ms(listener->loop);
	const char *remedy = shortage_remedy(shortage_of(cause));
	char text[ADDR_TEXT_SIZE];

	ev_io_stop(ev, &listener->io);
	ev_timer_set(&listener->resume, pause_s, 0.0);
	ev_timer_start(ev, &listener->resume);
	if (listener->logged_ms && now - listener->logged_ms < 1000)
		return;
	listener->logged_ms = now;
	log_event(LOG_ERROR, "cannot accept connections, trying again",
	          (const struct log_field[]){
			  log_str("listener", addr_format(&listener->addr, text)),
			  log_str("call", "accept4"), log_str("error", strerrordesc_np(cause)),
			  log_str("raise", remedy) },
	          remedy ? 4 : 3);
}

/* False: the gate is closed, and the listener sleeps until listener_wake. */
static bool may_accept(struct listener *listener)
{
	if (!listener->has_room || listener->has_room(listener->arg))
		return true;
	ev_io_stop(loop_ev(listener->loop), &listener->io);
	return false;
}

/* Accepts up to `most` connections, while some wait and there is room. */
static void accept_some(struct listener *listener, int most)
{
	int n_failed = 0;

	for (int i = 0; i < most && !listener->closed && may_accept(listener); i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof sa;
		spore_addr peer;
		int fd = accept4(listener->io.fd, (struct sockaddr *)&sa, &len,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			addr_from_sockaddr((struct sockaddr *)&sa, &peer);
			listener->on_accept(fd, &peer, listener->arg);
		} else if (errno == EAGAIN) {
			return;
		} else if (shortage_of(errno) || ++n_failed == MAX_FAILURES) {
			pause_accepting(listener, errno);
			return;
		}
		/* All other errors belong to one connection, not to the listener (accept(2)). */
	}
}

static void on_acceptable(struct ev_loop *ev, ev_io *io, int events)
{
	(void)ev;
	(void)events;
	accept_some(io->data, BATCH);
}

struct listener *listener_new(struct loop *loop, int fd, listener_fn on_accept, void *arg)
{
	struct listener *listener = calloc(1, sizeof *listener);

	if (!listener)
		return NULL;
	listener->loop = loop;
	listener->on_accept = on_accept;
	listener->arg = arg;
	listener->reap.run = run_free_listener;
	sock_local_addr(fd, &listener->addr);
	ev_io_init(&listener->io, on_acceptable, fd, EV_READ);
	listener->io.data = listener;
	ev_timer_init(&listener->resume, on_resume, 0.0, 0.0);
	listener->resume.data = listener;
	ev_io_start(loop_ev(loop), &listener->io);
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
	ev_io_start(loop_ev(listener->loop), &listener->io);
	accept_some(listener, BATCH);
}

bool listener_shut(struct listener *listener)
{
	if (listener->is_shut || listener->closed)
		return true;
	if (!sock_stop_listening(listener->io.fd))
		return false;
	listener->is_shut = true;
	ev_io_stop(loop_ev(listener->loop), &listener->io);
	ev_timer_stop(loop_ev(listener->loop), &listener->resume);
	return true;
}

bool listener_reopen(struct listener *listener, struct err *err)
{
	if (!listener->is_shut || listener->closed)
		return true;
	if (!sock_listen_again(listener->io.fd, err))
		return false;
	listener->is_shut = false;
	ev_io_start(loop_ev(listener->loop), &listener->io);
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
	sock_resize(listener->io.fd, sizes);
}

int listener_take(struct listener *listener)
{
	listener->closed = true;
	ev_io_stop(loop_ev(listener->loop), &listener->io);
	ev_timer_stop(loop_ev(listener->loop), &listener->resume);
	loop_reap(listener->loop, &listener->reap);
	return listener->io.fd;
}

void listener_free(struct listener *listener)
{
	if (listener && !listener->closed)
		close(listener_take(listener));
}

const spore_addr *listener_addr(const struct listener *listener)
{
	return &listener->addr;
}
