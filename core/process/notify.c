#include "process/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "log/log.h"

static void report_failure(struct notify *notify)
{
	if (!notify->has_failed)
		log_warn("cannot notify the service manager",
		         log_str("socket", getenv("NOTIFY_SOCKET")),
		         log_str("error", strerror(errno)));
	notify->has_failed = true;
}

/* A path, or "@" and an abstract name. */
static bool read_address(const char *name, struct notify *notify)
{
	size_t len = strlen(name);

	if ((*name != '/' && *name != '@') || len >= sizeof notify->address.sun_path) {
		errno = EAFNOSUPPORT;
		return false;
	}
	notify->address.sun_family = AF_UNIX;
	memcpy(notify->address.sun_path, name, len);
	if (*name == '@')
		notify->address.sun_path[0] = '\0';
	notify->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

void notify_open(struct notify *notify)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct timeval timeout = { .tv_sec = 1 };

	*notify = (struct notify){ .fd = -1 };
	if (!name || !*name)
		return;
	if (read_address(name, notify))
		notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->fd < 0) {
		report_failure(notify);
		notify->length = 0;
		return;
	}
	setsockopt(notify->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
}

void notify_close(struct notify *notify)
{
	if (notify->length > 0)
		close(notify->fd);
	*notify = (struct notify){ .fd = -1 };
}

__attribute__((format(printf, 2, 3))) static void send_lines(struct notify *notify,
                                                             const char *format, ...)
{
	char text[512];
	va_list ap;

	if (notify->length == 0)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	if (sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
	           (const struct sockaddr *)&notify->address, notify->length) < 0)
		report_failure(notify);
}

void notify_starting(struct notify *notify, int64_t within_ms)
{
	send_lines(notify, "STATUS=starting\nEXTEND_TIMEOUT_USEC=%" PRId64, within_ms * 1000);
}

void notify_ready(struct notify *notify, const char *status)
{
	send_lines(notify, "READY=1\nSTATUS=%s", status);
}

void notify_reloading(struct notify *notify)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	send_lines(notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading",
	           (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
}

void notify_stopping(struct notify *notify, int64_t within_ms)
{
	send_lines(notify, "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%" PRId64,
	           within_ms * 1000);
}

void notify_status(struct notify *notify, const char *status)
{
	send_lines(notify, "STATUS=%s", status);
}
