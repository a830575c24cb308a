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
#include "base/container.h"
#include "base/list.h"
#include "log/log.h"
#include "loop/deadline.h"
#include "loop/loop.h"
#include "net/listener.h"
#include "process/runtime.h"

/* More connections wait in the kernel's queue. */
enum { MOST_GUESTS = 32, LINE_SIZE = 256, PATIENCE_MS = 5000 };

struct admin {
	struct loop *loop;
	const struct admin_host *host;
	struct admin_socket socket;
	struct listener *listener; /* owned */
	struct list guests;
	unsigned n_guests;
	struct deadline_list patience;
};

/* One connection: its line is read, its command works, its answer is written. */
struct guest {
	struct list node;
	struct admin *admin;
	int fd;
	ev_io io;
	struct deadline deadline; /* runs while the other end has something to do */
	char line[LINE_SIZE];
	size_t line_len;
	struct admin_command command;
	char *answer; /* owned */
	size_t answer_len, written;
	struct loop_task reap;
};

static struct ev_loop *ev_of(const struct guest *guest)
{
	return loop_ev(guest->admin->loop);
}

static void run_reap(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct guest, reap));
}

static void dismiss(struct guest *guest)
{
	struct admin *admin = guest->admin;

	ev_io_stop(ev_of(guest), &guest->io);
	deadline_stop(&guest->deadline);
	admin_command_forget(&guest->command);
	close(guest->fd);
	free(guest->answer);
	list_remove(&guest->node);
	admin->n_guests--;
	loop_reap(admin->loop, &guest->reap);
	if (admin->listener)
		listener_wake(admin->listener);
}

static bool is_ready(const struct guest *guest)
{
	struct pollfd fd = { guest->fd, guest->answer ? POLLOUT : POLLIN, 0 };

	return poll(&fd, 1, 0) > 0;
}

static void on_late(struct deadline *deadline)
{
	struct guest *guest = CONTAINER_OF(deadline, struct guest, deadline);

	/* After a stall of our own, it is we who are late. */
	if (is_ready(guest)) {
		deadline_start(&guest->admin->patience, deadline);
		return;
	}
	log_warn("admin connection dropped",
	         log_str("reason", guest->answer ? "it reads too slowly" : "it asks nothing"));
	dismiss(guest);
}

/* ---- the answer ---- */

static void write_on(struct guest *guest)
{
	while (guest->written < guest->answer_len) {
		ssize_t n = send(guest->fd, guest->answer + guest->written,
		                 guest->answer_len - guest->written, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		guest->written += (size_t)n;
	}
	dismiss(guest);
}

static void on_answer(struct admin_command *command, char *text, size_t len)
{
	struct guest *guest = CONTAINER_OF(command, struct guest, command);

	guest->answer = text;
	guest->answer_len = text ? len : 0;
	ev_io_stop(ev_of(guest), &guest->io);
	ev_io_set(&guest->io, guest->fd, EV_WRITE);
	ev_io_start(ev_of(guest), &guest->io);
	deadline_start(&guest->admin->patience, &guest->deadline);
	write_on(guest); /* now: what was asked for, a drain say, may hold us up in the next turn */
}

/* ---- the question ---- */

static void obey(struct guest *guest)
{
	ev_io_stop(ev_of(guest), &guest->io);
	deadline_stop(&guest->deadline);
	admin_command_start(&guest->command, guest->admin->host, guest->line, on_answer);
}

/* A line, or what came before the other end stopped writing, or as much as is not worth reading on.
 */
static void read_on(struct guest *guest)
{
	ssize_t n = recv(guest->fd, guest->line + guest->line_len, LINE_SIZE - 1 - guest->line_len,
	                 0);
	char *end;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0 || (n == 0 && guest->line_len == 0)) {
		dismiss(guest);
		return;
	}
	guest->line_len += (size_t)n;
	end = memchr(guest->line, '\n', guest->line_len);
	if (!end && n > 0 && guest->line_len < LINE_SIZE - 1)
		return;
	if (end)
		guest->line_len = (size_t)(end - guest->line);
	guest->line[guest->line_len] = '\0';
	obey(guest);
}

static void on_io(struct ev_loop *ev, ev_io *io, int events)
{
	struct guest *guest = io->data;

	(void)ev;
	if (events & EV_WRITE)
		write_on(guest);
	else
		read_on(guest);
}

/* ---- who comes ---- */

/* Cannot wait for whoever reads it: a foreigner has this one try. */
static void turn_away(int fd, uid_t uid)
{
	static const char text[] =
		"{ \"error\": \"only root and the server's own user may ask\" }\n";

	log_warn("admin connection refused", log_int("uid", (int64_t)uid));
	if (send(fd, text, sizeof text - 1, MSG_NOSIGNAL) >= 0)
		shutdown(fd, SHUT_WR);
	close(fd);
}

static void on_accept(int fd, const spore_addr *peer, void *arg)
{
	struct admin *admin = arg;
	uid_t uid = (uid_t)-1;
	struct guest *guest;

	(void)peer;
	if (!admin_socket_is_trusted(fd, &uid)) {
		turn_away(fd, uid);
		return;
	}
	guest = calloc(1, sizeof *guest);
	if (!guest) {
		log_error("admin connection refused: out of memory", log_int("descriptor", fd));
		close(fd);
		return;
	}
	guest->admin = admin;
	guest->fd = fd;
	guest->reap.run = run_reap;
	list_append(&admin->guests, &guest->node);
	admin->n_guests++;
	deadline_init(&guest->deadline);
	deadline_start(&admin->patience, &guest->deadline);
	ev_io_init(&guest->io, on_io, fd, EV_READ);
	guest->io.data = guest;
	ev_io_start(ev_of(guest), &guest->io);
}

static bool has_room(void *arg)
{
	const struct admin *admin = arg;

	return admin->n_guests < MOST_GUESTS;
}

/* ---- life ---- */

static bool listen_there(struct admin *admin, const char *path, struct err *err)
{
	int fd = admin_socket_open(&admin->socket, path, err);

	if (fd < 0)
		return false;
	admin->listener = listener_new(admin->loop, fd, on_accept, admin);
	if (!admin->listener) {
		close(fd);
		err_set(err, "out of memory");
		return false;
	}
	listener_set_gate(admin->listener, has_room);
	log_info("admin socket", log_str("path", path));
	return true;
}

bool admin_start(struct loop *loop, const struct admin_host *host, struct admin **admin_out,
                 struct err *err)
{
	char path[PATH_MAX];
	struct admin *admin;

	*admin_out = NULL;
	if (!admin_socket_path(&host->runtime->config->settings.admin, path, sizeof path))
		return true;
	err_set(err, "out of memory");
	admin = calloc(1, sizeof *admin);
	if (!admin)
		return false;
	admin->loop = loop;
	admin->host = host;
	list_init(&admin->guests);
	deadline_list_init(&admin->patience, loop, PATIENCE_MS, on_late);
	if (!listen_there(admin, path, err)) {
		admin_stop(admin);
		return false;
	}
	*admin_out = admin;
	return true;
}

void admin_stop(struct admin *admin)
{
	struct listener *listener;

	if (!admin)
		return;
	listener = admin->listener;
	admin->listener = NULL;
	listener_free(listener);
	admin_socket_remove(&admin->socket);
	while (!list_is_empty(&admin->guests))
		dismiss(CONTAINER_OF(admin->guests.next, struct guest, node));
	deadline_list_fini(&admin->patience);
	free(admin);
}
