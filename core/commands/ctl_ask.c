#include "commands/ctl_ask.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The longest answer, ten thousand visitors, has some four MiB. */
enum { SILENCE_MS = 30000, STEP = 64 * 1024, MOST = 64 * 1024 * 1024 };

static void fail(struct err *err, const char *path, int cause)
{
	const char *remedy = "";

	if (cause == ENOENT || cause == ECONNREFUSED)
		remedy = ": does a server run, with --admin-socket? Say where with --socket";
	else if (cause == EACCES)
		remedy = ": only root and the server's user may connect";
	err_set(err, "cannot reach a server at %s: %s%s", path, strerror(cause), remedy);
}

static int connect_to(const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof addr.sun_path) {
		fail(err, path, ENAMETOOLONG);
		return -1;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof addr) == 0)
		return fd;
	fail(err, path, errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* -1: an error, or nothing has come for too long. */
static ssize_t read_some(int fd, char *out, size_t size)
{
	struct pollfd ready = { fd, POLLIN, 0 };
	int n;

	do
		n = poll(&ready, 1, SILENCE_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0 ? recv(fd, out, size, 0) : -1;
}

/* Room for one more step; false and errno. */
static bool grow(char **text, size_t len)
{
	char *more = len < MOST ? realloc(*text, len + STEP) : NULL;

	if (more)
		*text = more;
	else
		errno = ENOMEM;
	return more != NULL;
}

/* Whoever is turned away is answered, and then reset: what came counts. */
static char *read_answer(int fd, size_t *len_out)
{
	char *text = NULL;
	ssize_t n = -1;

	*len_out = 0;
	while (grow(&text, *len_out) && (n = read_some(fd, text + *len_out, STEP)) > 0)
		*len_out += (size_t)n;
	if (*len_out > 0 && (n == 0 || errno == ECONNRESET))
		return text;
	errno = n < 0 ? errno : EPIPE;
	free(text);
	return NULL;
}

char *ctl_ask(const char *path, const char *line, size_t *len_out, struct err *err)
{
	int fd = connect_to(path, err);
	char *answer;

	if (fd < 0)
		return NULL;
	send(fd, line, strlen(line),
	     MSG_NOSIGNAL); /* if that fails, so does reading, and says why */
	answer = read_answer(fd, len_out);
	if (!answer)
		err_set(err, "no answer from the server at %s: %s", path, strerror(errno));
	close(fd);
	return answer;
}
