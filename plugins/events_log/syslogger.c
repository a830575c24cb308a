#include "syslogger.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { HEADER_SIZE = 96 };

static const int facilities[] = { LOG_DAEMON, LOG_AUTH,   LOG_AUTHPRIV, LOG_USER,
	                          LOG_LOCAL0, LOG_LOCAL1, LOG_LOCAL2,   LOG_LOCAL3,
	                          LOG_LOCAL4, LOG_LOCAL5, LOG_LOCAL6,   LOG_LOCAL7 };

void syslogger_init(struct syslogger *logger, const char *path, int64_t facility)
{
	*logger = (struct syslogger){ .path = path, .facility = facility, .fd = -1 };
}

void syslogger_fini(struct syslogger *logger)
{
	if (logger->fd >= 0)
		close(logger->fd);
	logger->fd = -1;
}

static bool dial(struct syslogger *logger)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int cause;

	if (logger->fd >= 0)
		return true;
	if (strlen(logger->path) >= sizeof sa.sun_path) {
		errno = ENAMETOOLONG;
		return false;
	}
	strcpy(sa.sun_path, logger->path);
	logger->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (logger->fd < 0)
		return false;
	setsockopt(logger->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(logger->fd, (const struct sockaddr *)&sa, sizeof sa) == 0)
		return true;
	cause = errno;
	syslogger_fini(logger);
	errno = cause;
	return false;
}

static size_t write_header(const struct syslogger *logger, bool is_notice, char out[HEADER_SIZE])
{
	int priority = facilities[logger->facility] | (is_notice ? LOG_NOTICE : LOG_INFO);
	time_t now = time(NULL);
	char date[32];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(date, sizeof date, "%b %e %H:%M:%S", &tm);
	return (size_t)snprintf(out, HEADER_SIZE, "<%d>%s spore[%ld]: ", priority, date,
	                        (long)getpid());
}

/* The daemon may have been restarted since: its socket is then another one. */
static bool must_dial_again(void)
{
	return errno == ECONNREFUSED || errno == ENOTCONN || errno == ECONNRESET || errno == EPIPE;
}

/* Only the first of several lines waits for a daemon that does not read. */
static bool send_parts(struct syslogger *logger, const struct msghdr *message)
{
	int flags = MSG_NOSIGNAL | (logger->is_stuck ? MSG_DONTWAIT : 0);
	bool sent = sendmsg(logger->fd, message, flags) >= 0;

	logger->is_stuck = !sent && errno == EAGAIN;
	return sent;
}

bool syslogger_send(struct syslogger *logger, bool is_notice, spore_str line)
{
	char header[HEADER_SIZE];
	struct iovec parts[] = { { header, write_header(logger, is_notice, header) },
		                 { (void *)(uintptr_t)line.ptr, line.len } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	if (!dial(logger))
		return false;
	if (send_parts(logger, &message))
		return true;
	if (!must_dial_again())
		return false;
	syslogger_fini(logger);
	return dial(logger) && send_parts(logger, &message);
}
