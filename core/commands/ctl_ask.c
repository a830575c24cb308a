#include "commands/ctl_ask.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The longest answer lists 10,000 visitors and takes about 4 MiB. */
enum { STEP = 64 * 1024, MOST = 64 * 1024 * 1024 };

static void explain_failure(struct err *err, const char *path, int cause)
{
	const char *remedy = "";
	struct stat st;

	if (cause == ECONNREFUSED && stat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		err_set(err,
		        "cannot reach a server or client at %s: expected a unix socket, found %s",
		        path, S_ISDIR(st.st_mode) ? "a folder" : "a file of another kind");
		return;
	}
	if (cause == ENOENT || cause == ECONNREFUSED)
		remedy = ": is one running with --admin-socket? Give its path with --socket";
	else if (cause == EACCES)
		remedy = ": only root and the user of the server or client may connect";
	err_set(err, "cannot reach a server or client at %s: %s%s", path, strerror(cause), remedy);
}

int ctl_connect(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, cause;

	if (strlen(path) >= sizeof addr.sun_path) {
		explain_failure(err, path, ENAMETOOLONG);
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof addr) == 0)
		return fd;
	cause = errno;
	explain_failure(err, path, cause);
	if (fd >= 0)
		close(fd);
	errno = cause;
	return -1;
}

/* Returns -1 and sets errno on an error, and if nothing arrives in time. */
static ssize_t read_some(int fd, int wait_ms, char *out, size_t size)
{
	struct pollfd ready = { fd, POLLIN, 0 };
	int n;

	do
		n = poll(&ready, 1, wait_ms);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0 ? recv(fd, out, size, 0) : -1;
}

/* Makes room for STEP more bytes. False: sets errno. */
static bool grow_answer(char **text, size_t len)
{
	char *more = len < MOST ? realloc(*text, len + STEP) : NULL;

	if (more)
		*text = more;
	else
		errno = ENOMEM;
	return more != NULL;
}

/* A server that is too busy sends an answer and then resets the connection, so a reset counts as
 * the end of an answer. */
static char *read_answer(int fd, int wait_ms, size_t *len_out)
{
	char *text = NULL;
	ssize_t n = -1;

	*len_out = 0;
	while (grow_answer(&text, *len_out) &&
	       (n = read_some(fd, wait_ms, text + *len_out, STEP)) > 0)
		*len_out += (size_t)n;
	if (*len_out > 0 && (n == 0 || errno == ECONNRESET))
		return text;
	errno = n < 0 ? errno : EPIPE;
	free(text);
	return NULL;
}

char *ctl_ask_on(int fd, const char *path, const char *line, int wait_ms, size_t *len_out,
                 struct err *err)
{
	char *answer;

	/* If sending fails, reading fails as well and tells the cause. */
	send(fd, line, strlen(line), MSG_NOSIGNAL);
	answer = read_answer(fd, wait_ms, len_out);
	if (!answer)
		err_set(err, "no answer at %s: %s", path, strerror(errno));
	return answer;
}

char *ctl_ask(const char *path, const char *line, int wait_ms, size_t *len_out, struct err *err)
{
	int fd = ctl_connect(path, err);
	char *answer;

	if (fd < 0)
		return NULL;
	answer = ctl_ask_on(fd, path, line, wait_ms, len_out, err);
	close(fd);
	return answer;
}
