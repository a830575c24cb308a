#include "admin/admin.h"

#include <errno.h>
#include <ev.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin_socket.h"
#include "admin/admin_trial.h"
#include "base/container.h"
#include "base/crypto.h"
#include "base/list.h"
#include "log/log.h"
#include "loop/deadline.h"
#include "loop/loop.h"
#include "net/listener.h"
#include "process/runtime.h"

/* Connections above the limit wait in the kernel's queue. */
enum { MAX_SESSIONS = 32, LINE_SIZE = ADMIN_TRIAL_LINE, TIMEOUT_MS = 5000 };

struct admin {
	struct loop *loop;
	const struct admin_host *host;
	struct admin_socket socket;
	int adopted_fd;            /* the descriptor that was given, if the first listener has it */
	struct listener *listener; /* owned; NULL: no path is configured */
	struct listener *screen;   /* owned; NULL: without a screen */
	struct list sessions;
	unsigned n_sessions;
	struct deadline_list timeouts;
};

/* One connection: reads a line, runs its command, writes the answer. */
struct session {
	struct list node;
	struct admin *admin;
	int fd;
	ev_io io;
	struct deadline deadline; /* runs while we wait for the peer */
	char line[LINE_SIZE];
	size_t line_len;
	struct admin_command command;
	char *answer; /* owned */
	size_t answer_len, written;
	struct loop_task reap;
};

static struct ev_loop *ev_of(const struct session *session)
{
	return loop_ev(session->admin->loop);
}

static void run_reap(struct loop_task *task)
{
	struct session *session = CONTAINER_OF(task, struct session, reap);

	crypto_wipe(session->line, sizeof session->line); /* a request may hold a secret */
	free(session);
}

static void close_session(struct session *session)
{
	struct admin *admin = session->admin;

	ev_io_stop(ev_of(session), &session->io);
	deadline_stop(&session->deadline);
	admin_command_forget(&session->command);
	close(session->fd);
	free(session->answer);
	list_remove(&session->node);
	admin->n_sessions--;
	loop_reap(admin->loop, &session->reap);
	if (admin->listener)
		listener_wake(admin->listener);
}

static bool peer_is_ready(const struct session *session)
{
	struct pollfd fd = { session->fd, session->answer ? POLLOUT : POLLIN, 0 };

	return poll(&fd, 1, 0) > 0;
}

static void on_timeout(struct deadline *deadline)
{
	struct session *session = CONTAINER_OF(deadline, struct session, deadline);

	/* If the peer has acted, the delay was ours: this thread was busy. */
	if (peer_is_ready(session)) {
		deadline_start(&session->admin->timeouts, deadline);
		return;
	}
	log_warn("admin connection dropped",
	         log_str("reason",
	                 session->answer ? "the peer reads too slowly" : "no command received"));
	close_session(session);
}

/* ---- the answer ---- */

static void write_answer(struct session *session)
{
	while (session->written < session->answer_len) {
		ssize_t n = send(session->fd, session->answer + session->written,
		                 session->answer_len - session->written, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		session->written += (size_t)n;
	}
	close_session(session);
}

/* The sessions go on. */
static void close_socket(struct admin *admin)
{
	struct listener *listener = admin->listener;

	admin->listener = NULL;
	listener_free(listener);
	admin_socket_remove(&admin->socket);
}

static void on_answer(struct admin_command *command, char *text, size_t len)
{
	struct session *session = CONTAINER_OF(command, struct session, command);

	if (command->is_last)
		close_socket(session->admin);

	session->answer = text;
	session->answer_len = text ? len : 0;
	ev_io_stop(ev_of(session), &session->io);
	ev_io_set(&session->io, session->fd, EV_WRITE);
	ev_io_start(ev_of(session), &session->io);
	deadline_start(&session->admin->timeouts, &session->deadline);
	write_answer(session); /* now: the command, such as drain, may delay the next turn */
}

/* ---- the command ---- */

static void run_command(struct session *session)
{
	ev_io_stop(ev_of(session), &session->io);
	deadline_stop(&session->deadline);
	admin_command_start(&session->command, session->admin->host, session->line, on_answer);
	crypto_wipe(session->line, sizeof session->line);
}

/* A command ends with a newline, with the end of the peer's data, or when the buffer is full. */
static void read_command(struct session *session)
{
	ssize_t n = recv(session->fd, session->line + session->line_len,
	                 LINE_SIZE - 1 - session->line_len, 0);
	bool is_complete;
	char *end;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0 || (n == 0 && session->line_len == 0)) {
		close_session(session);
		return;
	}
	session->line_len += (size_t)n;
	end = memchr(session->line, '\n', session->line_len);
	is_complete = end || n == 0 || session->line_len == LINE_SIZE - 1;
	if (!is_complete)
		return;
	if (end)
		session->line_len = (size_t)(end - session->line);
	session->line[session->line_len] = '\0';
	run_command(session);
}

static void on_io(struct ev_loop *ev, ev_io *io, int events)
{
	struct session *session = io->data;

	(void)ev;
	if (events & EV_WRITE)
		write_answer(session);
	else
		read_command(session);
}

/* ---- accepting ---- */

/* Tries once to send the reason; an untrusted peer gets no session. */
static void reject(int fd, uid_t uid)
{
	static const char text[] =
		"{ \"error\": \"only root and the process's user may connect\" }\n";

	log_warn("admin connection refused", log_int("uid", (int64_t)uid));
	if (send(fd, text, sizeof text - 1, MSG_NOSIGNAL) >= 0)
		shutdown(fd, SHUT_WR);
	close(fd);
}

static void on_accept(int fd, const spore_addr *peer, const spore_addr *local, void *arg)
{
	struct admin *admin = arg;
	uid_t uid = (uid_t)-1;
	struct session *session;

	(void)peer;
	(void)local;
	if (!admin_socket_is_trusted(fd, &uid)) {
		reject(fd, uid);
		return;
	}
	session = calloc(1, sizeof *session);
	if (!session) {
		log_error("admin connection refused", log_str("error", "out of memory"));
		close(fd);
		return;
	}
	session->admin = admin;
	session->fd = fd;
	session->reap.run = run_reap;
	list_append(&admin->sessions, &session->node);
	admin->n_sessions++;
	deadline_init(&session->deadline);
	deadline_start(&admin->timeouts, &session->deadline);
	ev_io_init(&session->io, on_io, fd, EV_READ);
	session->io.data = session;
	ev_io_start(ev_of(session), &session->io);
}

static bool has_room(void *arg)
{
	const struct admin *admin = arg;

	return admin->n_sessions < MAX_SESSIONS;
}

/* ---- start and stop ---- */

/* A listening socket at the path; that of the server before, if it was given. -1 and *err. */
static int open_socket(struct admin *admin, const char *path, struct err *err)
{
	int given = admin->host->given_fd;

	if (given > 0 && admin_socket_adopt(&admin->socket, path, given))
		return admin->adopted_fd = given;
	return admin_socket_open(&admin->socket, path, err);
}

static bool start_listening(struct admin *admin, const char *path, struct err *err)
{
	struct sockets sockets = { 1, { open_socket(admin, path, err) } };

	if (sockets.fds[0] < 0)
		return false;
	admin->listener = listener_new(admin->loop, &sockets, on_accept, admin);
	if (!admin->listener) {
		sock_close_all(&sockets);
		err_set(err, "out of memory");
		return false;
	}
	listener_set_gate(admin->listener, has_room);
	log_info("admin socket", log_str("path", path));
	return true;
}

static bool start_serving_screen(struct admin *admin, struct err *err)
{
	struct sockets sockets = { .fds = { admin->host->screen_fd }, .n = 1 };

	admin->screen = listener_new(admin->loop, &sockets, on_accept, admin);
	if (!admin->screen)
		err_set(err, "out of memory");
	return admin->screen != NULL;
}

bool admin_start(struct loop *loop, const struct admin_host *host, struct admin **admin_out,
                 struct err *err)
{
	const struct config *config = host->runtime->config;
	const char *path = config->settings.admin.socket;
	struct admin *admin;

	*admin_out = NULL;
	if ((!path || !*path) && host->screen_fd == 0)
		return true;
	err_set(err, "out of memory");
	admin = calloc(1, sizeof *admin);
	if (!admin)
		return false;
	admin->loop = loop;
	admin->host = host;
	list_init(&admin->sessions);
	deadline_list_init(&admin->timeouts, loop, TIMEOUT_MS, on_timeout);
	if ((path && *path && !start_listening(admin, path, err)) ||
	    (host->screen_fd > 0 && !start_serving_screen(admin, err))) {
		admin_stop(admin);
		return false;
	}
	*admin_out = admin;
	return true;
}

void admin_restore(struct admin *admin)
{
	struct admin_socket old_socket;
	struct listener *old_listener;
	struct err err;

	if (!admin || !admin->listener || admin_socket_is_in_place(&admin->socket))
		return;
	old_socket = admin->socket;
	old_listener = admin->listener;
	if (start_listening(admin, old_socket.path, &err)) {
		log_warn("the admin socket was gone: it is there again",
		         log_str("path", old_socket.path));
		listener_free(old_listener);
		admin_socket_remove(&old_socket); /* the path stays: it is the new socket's */
		return;
	}
	admin_socket_remove(&admin->socket);
	admin->socket = old_socket; /* tried again at the next call */
	admin->listener = old_listener;
	log_error("the admin socket is gone", log_str("path", old_socket.path),
	          log_str("error", err.text));
}

int admin_copy_socket(const struct admin *admin)
{
	struct sockets copies = { 0 };

	if (admin && admin->listener && admin_socket_is_in_place(&admin->socket))
		copies = listener_copy(admin->listener);
	return copies.n > 0 ? copies.fds[0] : -1;
}

bool admin_has_adopted(const struct admin *admin, int fd)
{
	return admin->adopted_fd > 0 && admin->adopted_fd == fd;
}

void admin_leave(struct admin *admin)
{
	if (!admin)
		return;
	admin_socket_leave(&admin->socket);
	close_socket(admin);
}

void admin_stop(struct admin *admin)
{
	if (!admin)
		return;
	close_socket(admin);
	listener_free(admin->screen);
	while (!list_is_empty(&admin->sessions))
		close_session(CONTAINER_OF(admin->sessions.next, struct session, node));
	deadline_list_fini(&admin->timeouts);
	free(admin);
}
