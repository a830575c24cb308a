#include "ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { STEP = 64 * 1024, MOST = 16 * 1024 * 1024, PATIENCE_MS = 5000 };

void ask_init(struct ask *ask, const char *path)
{
	*ask = (struct ask){ .path = path, .fd = -1 };
}

void ask_stop(struct ask *ask)
{
	if (ask->fd >= 0)
		close(ask->fd);
	free(ask->text);
	*ask = (struct ask){ .path = ask->path, .fd = -1 };
}

bool ask_start(struct ask *ask, const char *question, int64_t now_ms)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(ask->path);
	int cause;

	if (len >= sizeof addr.sun_path) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(addr.sun_path, ask->path, len);
	if (addr.sun_path[0] == '@')
		addr.sun_path[0] = '\0';
	ask->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ask->since_ms = now_ms;
	if (ask->fd >= 0 &&
	    connect(ask->fd, (struct sockaddr *)&addr,
	            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0 &&
	    send(ask->fd, question, strlen(question), MSG_NOSIGNAL) > 0)
		return true;
	cause = errno;
	ask_stop(ask);
	errno = cause;
	return false;
}

static bool grow(struct ask *ask)
{
	char *more;

	if (ask->room - ask->len > STEP / 2)
		return true;
	more = ask->room < MOST ? realloc(ask->text, ask->room + STEP) : NULL;
	if (!more)
		return false;
	ask->text = more;
	ask->room += STEP;
	return true;
}

enum ask_state ask_go_on(struct ask *ask, int64_t now_ms, cJSON **answer_out)
{
	ssize_t n = -1;

	errno = ENOMEM;
	while (grow(ask) && (n = recv(ask->fd, ask->text + ask->len, ask->room - ask->len, 0)) > 0)
		ask->len += (size_t)n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && now_ms - ask->since_ms < PATIENCE_MS)
		return ASK_WAITS;
	*answer_out = n == 0 && ask->len > 0 ? cJSON_ParseWithLength(ask->text, ask->len) : NULL;
	ask_stop(ask);
	return cJSON_IsObject(*answer_out) ? ASK_ANSWERED : ASK_FAILED;
}
