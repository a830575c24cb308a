#include "dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t dial_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for the end of a connect. Returns 0 or an errno. */
static int await(int fd, int64_t deadline_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	int64_t left_ms = deadline_ms - dial_now_ms();
	int error = 0, n = poll(&ready, 1, left_ms > 0 ? (int)left_ms : 0);
	socklen_t size = sizeof error;

	if (n <= 0)
		return n == 0 ? ETIMEDOUT : errno;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

static void limit_waits(int fd, int64_t wait_ms)
{
	struct timeval time = { wait_ms / 1000, wait_ms % 1000 * 1000 };
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Returns a connected, blocking socket, or -1 with errno. */
static int connect_to(const struct sockaddr *address, socklen_t size, int64_t deadline_ms,
                      int64_t wait_ms)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (fd < 0)
		return -1;
	if (connect(fd, address, size) != 0)
		error = errno == EINPROGRESS ? await(fd, deadline_ms) : errno;
	if (error == 0 && fcntl(fd, F_SETFL, 0) != 0)
		error = errno;
	if (error == 0) {
		limit_waits(fd, wait_ms);
		return fd;
	}
	close(fd);
	errno = error;
	return -1;
}

static int dial_unix(const struct place *place, int64_t deadline_ms, int64_t wait_ms)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, place->host, strlen(place->host) + 1);
	return connect_to((const struct sockaddr *)&address, sizeof address, deadline_ms, wait_ms);
}

static int dial_tcp(const struct place *place, int64_t deadline_ms, int64_t wait_ms,
                    const char **no_address_out)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char port[8];
	int fd = -1, status;

	snprintf(port, sizeof port, "%u", (unsigned)place->port);
	status = getaddrinfo(place->host, port, &hints, &found);
	if (status != 0) {
		*no_address_out = gai_strerror(status);
		return -1;
	}
	for (struct addrinfo *each = found; each && fd < 0; each = each->ai_next)
		fd = connect_to(each->ai_addr, each->ai_addrlen, deadline_ms, wait_ms);
	freeaddrinfo(found);
	return fd;
}

int dial(const struct place *place, int64_t deadline_ms, int64_t wait_ms, struct fault *fault)
{
	const char *no_address = NULL;
	char text[128];
	int fd = place->is_unix ? dial_unix(place, deadline_ms, wait_ms)
	                        : dial_tcp(place, deadline_ms, wait_ms, &no_address);

	if (fd >= 0)
		return fd;
	if (no_address)
		fault_set(fault, ASK_UNREACHABLE, "%.200s: its host name has no address: %s",
		          place->url, no_address);
	else
		fault_set(fault, errno == ETIMEDOUT ? ASK_TIMEOUT : ASK_UNREACHABLE,
		          "%.200s: cannot connect: %s", place->url,
		          strerror_r(errno, text, sizeof text));
	return -1;
}
