#include "process/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"
#include "loop/loop.h"
#include "thread/guest.h"

enum { SETTLE_MS = 2000 };

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
	if (notify->main_loop)
		ev_timer_stop(loop_ev(notify->main_loop), &notify->alive);
	if (notify->length > 0)
		close(notify->fd);
	if (notify->asked_ms && notify->barrier >= 0)
		close(notify->barrier);
	*notify = (struct notify){ .fd = -1 };
}

static void send_text(struct notify *notify, char *text, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { text, strlen(text) };
	struct msghdr message = { .msg_name = &notify->address,
		                  .msg_namelen = notify->length,
		                  .msg_iov = &iov,
		                  .msg_iovlen = 1 };

	if (fd >= 0) {
		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof fd),
			                           .cmsg_level = SOL_SOCKET,
			                           .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
		message.msg_control = &control;
		message.msg_controllen = sizeof control;
	}
	if (sendmsg(notify->fd, &message, MSG_NOSIGNAL) < 0)
		report_failure(notify);
}

__attribute__((format(printf, 3, 4))) static void send_with(struct notify *notify, int fd,
                                                            const char *format, ...)
{
	char text[512];
	va_list ap;

	if (notify->length == 0 || notify->is_muted)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	send_text(notify, text, fd);
}

#define send_lines(notify, ...) send_with(notify, -1, __VA_ARGS__)

void notify_mute(struct notify *notify, bool is_muted)
{
	notify->is_muted = is_muted;
}

bool notify_has_manager(const struct notify *notify)
{
	return notify->length > 0;
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

void notify_main_pid(struct notify *notify, pid_t pid)
{
	send_lines(notify, "MAINPID=%d", (int)pid);
	notify_close(notify);
}

void notify_status(struct notify *notify, const char *status)
{
	send_lines(notify, "STATUS=%s", status);
}

void notify_store(struct notify *notify, int fd, const char *name)
{
	if (!notify->has_failed) /* each further one could take a second */
		send_with(notify, fd, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
}

void notify_drop(struct notify *notify, const char *name)
{
	if (!notify->has_failed)
		send_lines(notify, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* The manager closes its end when it has acted on all messages before this one. */
static void ask_whether_settled(struct notify *notify)
{
	int ends[2] = { -1, -1 };

	notify->asked_ms = clock_ms();
	if (pipe2(ends, O_CLOEXEC) == 0) {
		send_with(notify, ends[1], "BARRIER=1");
		close(ends[1]);
	}
	notify->barrier = ends[0];
}

bool notify_is_settled(struct notify *notify)
{
	struct pollfd end = { .fd = -1 };

	if (notify->length == 0)
		return true;
	if (notify->asked_ms == 0)
		ask_whether_settled(notify);
	end.fd = notify->barrier;
	return poll(&end, 1, 0) > 0 || clock_ms() - notify->asked_ms >= SETTLE_MS;
}

/* ---- the manager's watchdog ---- */

struct hang {
	int64_t before_ns; /* a turn that began earlier hangs */
	bool found;
};

static void look_at(const struct guest_view *view, void *arg)
{
	struct hang *hang = arg;

	if (view->kind == GUEST_WORKER && view->turn_ns && view->turn_ns < hang->before_ns)
		hang->found = true;
}

static void on_alive(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct notify *notify = timer->data;
	struct hang hang = { .before_ns = clock_coarse_ns() - notify->watch_ns };

	(void)ev;
	(void)events;
	guest_each(look_at, &hang);
	if (!hang.found)
		send_lines(notify, "WATCHDOG=1");
}

/* 0: the manager does not watch this process. */
static int64_t read_watch_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	long long value = usec ? strtoll(usec, NULL, 10) : 0;

	if (pid && strtoll(pid, NULL, 10) != getpid())
		return 0;
	return value > 0 && value <= INT64_MAX / 1000 ? value * 1000 : 0;
}

void notify_watch(struct notify *notify, struct loop *main_loop)
{
	double half_s;

	notify->watch_ns = read_watch_ns();
	if (notify->length == 0 || notify->watch_ns == 0)
		return;
	half_s = (double)notify->watch_ns / 2e9;
	notify->main_loop = main_loop;
	ev_timer_init(&notify->alive, on_alive, half_s, half_s);
	notify->alive.data = notify;
	ev_timer_start(loop_ev(main_loop), &notify->alive);
}
