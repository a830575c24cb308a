/* Opening loopback sockets, for both ends of the measured way. */
#include "loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WAIT_SECONDS 10

static struct sockaddr_in address(unsigned last, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + last),
	};
}

static int fail(int fd)
{
	int reason = errno;

	close(fd);
	errno = reason;
	return -1;
}

static bool set(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

int loopback_listen(uint16_t port, int backlog)
{
	struct sockaddr_in at = address(0, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* Accepted sockets inherit TCP_NODELAY, which saves a call for each of them. */
	if (!set(fd, SOL_SOCKET, SO_REUSEADDR) || !set(fd, IPPROTO_TCP, TCP_NODELAY))
		return fail(fd);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, backlog) != 0)
		return fail(fd);
	return fd;
}

uint16_t loopback_port(int fd)
{
	struct sockaddr_in at = { 0 };
	socklen_t size = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &size) != 0)
		return 0;
	return ntohs(at.sin_port);
}

static bool make_patient(int fd)
{
	struct timeval wait = { .tv_sec = WAIT_SECONDS };

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	       set(fd, IPPROTO_TCP, TCP_NODELAY);
}

static int dial(uint16_t port, unsigned source, bool is_patient)
{
	struct sockaddr_in from = address(source % LOOPBACK_MAX_SOURCES, 0);
	struct sockaddr_in to = address(0, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (is_patient ? 0 : SOCK_NONBLOCK), 0);

	if (fd < 0)
		return -1;
	/* The port is chosen when connecting, so that only the whole 4-tuple has to be free. */
	if (!set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT) ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0)
		return fail(fd);
	if (is_patient && !make_patient(fd))
		return fail(fd);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 &&
	    (is_patient || errno != EINPROGRESS))
		return fail(fd);
	return fd;
}

int loopback_open(uint16_t port, unsigned source)
{
	return dial(port, source, true);
}

int loopback_begin(uint16_t port, unsigned source)
{
	return dial(port, source, false);
}

void loopback_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

bool loopback_send(int fd, const void *bytes, size_t size)
{
	return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

bool loopback_receive(int fd, void *bytes_out, size_t size)
{
	return recv(fd, bytes_out, size, MSG_WAITALL) == (ssize_t)size;
}
