#include "admin/admin_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "diag/diag.h"
#include "json/json.h"

enum { BACKLOG = 128, LOCK_TRIES = 100, SUN_PATH_SIZE = sizeof((struct sockaddr_un *)0)->sun_path };

const struct json *admin_socket_value(const struct config *config)
{
	return json_get(json_get(json_doc_root(config->doc), "admin"), "socket");
}

/* ---- the check ---- */

static void check_folder(const char *path, const struct json *node, struct diag *diag)
{
	char copy[SUN_PATH_SIZE], folder[SUN_PATH_SIZE + 2];

	snprintf(copy, sizeof copy, "%s", path);
	/* With "/." at its end, the path must be that of a folder. */
	snprintf(folder, sizeof folder, "%s/.", dirname(copy));
	if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) < 0)
		diag_add(diag, node,
		         "expected a path in a folder that exists and that this user may write, "
		         "found the folder %.*s: %s",
		         (int)(strlen(folder) - strlen("/.")), folder, strerror(errno));
}

void admin_socket_check(const struct config *config, struct diag *diag)
{
	const char *path = config->settings.admin.socket;
	const struct json *node = admin_socket_value(config);
	unsigned n_before = diag->count, n_elsewhere = diag->count_elsewhere;
	struct stat st;

	if (!path || !*path || diag_has(diag, node))
		return;
	if (strlen(path) >= SUN_PATH_SIZE)
		diag_add(diag, node,
		         "expected a path of at most %d bytes, the limit for unix sockets, found "
		         "%zu: %s",
		         SUN_PATH_SIZE - 1, strlen(path), path);
	else if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		diag_add(diag, node, "expected a socket or nothing at %s, found another file",
		         path);
	else
		check_folder(path, node, diag);
	/* The machine lacks something, and the command line is not wrong. A start ends with the
	 * same exit status. */
	diag->count_elsewhere = n_elsewhere + (diag->count - n_before);
}

/* ---- a socket that exists already ---- */

static bool set_error(struct err *err, const char *path, const char *why)
{
	err_set(err, "cannot create the admin socket %s: %s", path, why);
	return false;
}

static void set_call_error(struct err *err, const char *path, const char *call)
{
	err_set_call(err, call, errno);
	err_prefix(err, "cannot create the admin socket %s", path);
}

static int new_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static bool is_alive(const struct sockaddr_un *addr)
{
	int fd = new_socket();
	bool alive = connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 ||
	             errno == EAGAIN; /* its queue of connections is full */

	if (fd >= 0)
		close(fd);
	return alive;
}

/* Removes the socket of a dead server. */
static bool remove_stale(const struct sockaddr_un *addr, struct err *err)
{
	const char *path = addr->sun_path;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT || set_error(err, path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return set_error(err, path, "the file exists and is not a socket");
	if (is_alive(addr))
		return set_error(err, path, ADMIN_SOCKET_TAKEN);
	return unlink(path) == 0 || set_error(err, path, strerror(errno));
}

/* ---- creation ---- */

/* Locks the directory for an instant: otherwise two servers that start at the same time could both
 * replace a stale socket. */
static int lock_folder(const char *path, struct err *err)
{
	char copy[SUN_PATH_SIZE];
	int fd;

	snprintf(copy, sizeof copy, "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		set_error(err, path, strerror(errno));
		return -1;
	}
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
			set_call_error(err, path, "flock of its directory");
			close(fd);
			return -1;
		}
		nanosleep(&(struct timespec){ 0, 10 * 1000000L }, NULL);
	}
	return fd;
}

/* The file takes its mode from the socket at bind, so there is no moment in which others could
 * connect, and the process's umask stays untouched. */
static int listen_at(const struct sockaddr_un *addr, struct err *err)
{
	int fd = new_socket();
	const char *failed = NULL;

	if (fd < 0)
		failed = "socket";
	else if (fchmod(fd, S_IRUSR | S_IWUSR) < 0)
		failed = "fchmod";
	else if (bind(fd, (const struct sockaddr *)addr, sizeof *addr) < 0)
		failed = "bind";
	else if (listen(fd, BACKLOG) < 0)
		failed = "listen";
	if (!failed)
		return fd;
	set_call_error(err, addr->sun_path, failed);
	if (fd >= 0)
		close(fd);
	return -1;
}

int admin_socket_open(struct admin_socket *socket, const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int lock, fd = -1;

	*socket = (struct admin_socket){ 0 };
	if (strlen(path) >= sizeof addr.sun_path) {
		set_error(err, path,
		          "the path is longer than 107 bytes, the limit for unix sockets");
		return -1;
	}
	strcpy(addr.sun_path, path);
	lock = lock_folder(path, err);
	if (lock < 0)
		return -1;
	if (remove_stale(&addr, err))
		fd = listen_at(&addr, err);
	if (fd >= 0)
		*socket = (struct admin_socket){ strdup(path),
			                         open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC) };
	close(lock);
	return fd;
}

/* Is it bound to this path, and listening? */
static bool is_at(int fd, const char *path)
{
	struct sockaddr_un addr = { 0 };
	socklen_t len = sizeof addr, size = sizeof(int);
	int listens = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens &&
	       getsockname(fd, (struct sockaddr *)&addr, &len) == 0 && addr.sun_family == AF_UNIX &&
	       len > offsetof(struct sockaddr_un, sun_path) &&
	       strncmp(addr.sun_path, path, sizeof addr.sun_path) == 0;
}

bool admin_socket_adopt(struct admin_socket *socket, const char *path, int fd)
{
	if (!is_at(fd, path))
		return false;
	*socket = (struct admin_socket){ strdup(path),
		                         open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC) };
	return true;
}

void admin_socket_leave(struct admin_socket *socket)
{
	if (!socket->path)
		return;
	close(socket->file);
	free(socket->path);
	*socket = (struct admin_socket){ 0 };
}

bool admin_socket_is_in_place(const struct admin_socket *socket)
{
	struct stat own, there;

	return fstat(socket->file, &own) == 0 && lstat(socket->path, &there) == 0 &&
	       own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

void admin_socket_remove(struct admin_socket *socket)
{
	if (!socket->path)
		return;
	if (admin_socket_is_in_place(socket))
		unlink(socket->path);
	admin_socket_leave(socket);
}

bool admin_socket_is_trusted(int fd, uid_t *uid_out)
{
	struct ucred who;
	socklen_t len = sizeof who;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0)
		return false;
	*uid_out = who.uid;
	return who.uid == 0 || who.uid == geteuid();
}
