#include "net/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/addr.h"

enum { BACKLOG = 4096, CONTROL_IDLE_S = 5, CONTROL_TIMEOUT_MS = 10000 };
/* Keepalive of accepted sockets, until the configured values are set. */
enum { IDLE_MS = 20000, TIMEOUT_MS = 120000 };
/* The kernel allows 127 probes. With fewer than MIN_PROBES, a live peer might seem to be gone. */
enum { MIN_PROBES = 3, MAX_PROBES = 100 };

static bool set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

static void set_keepalive(int fd, int idle_s, int interval_s, int probes)
{
	if (!set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s)) /* it is a unix socket */
		return;
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s);
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, probes);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A lost probe is repeated after a quarter of the idle time. */
void sock_keep_alive(int fd, int64_t idle_ms, int64_t timeout_ms)
{
	int64_t idle_s = (idle_ms + 999) / 1000, timeout_s = (timeout_ms + 999) / 1000;
	int64_t interval_s = larger(larger(idle_s / 4, timeout_s / MAX_PROBES), 1);

	if (idle_s > 0)
		set_keepalive(fd, (int)idle_s, (int)interval_s,
		              (int)larger((timeout_s - idle_s) / interval_s, MIN_PROBES));
	else
		set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
}

void sock_resize(int fd, const struct sock_sizes *sizes)
{
	if (sizes->send)
		set_int(fd, SOL_SOCKET, SO_SNDBUF, sizes->send);
	if (sizes->receive)
		set_int(fd, SOL_SOCKET, SO_RCVBUF, sizes->receive);
}

static int sock_new(const spore_addr *addr, const struct sock_sizes *sizes)
{
	int fd = socket(addr->family == 4 ? AF_INET : AF_INET6,
	                SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* On Linux, accepted sockets inherit these options and the keepalive of the listener. */
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (sizes)
		sock_resize(fd, sizes);
	return fd;
}

static int get_int(int fd, int level, int option)
{
	int value = 0;
	socklen_t len = sizeof value;

	return getsockopt(fd, level, option, &value, &len) == 0 ? value : -1;
}

int sock_bind(const spore_addr *addr, unsigned how, const struct sock_sizes *sizes, struct err *err)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(addr, &sa);
	char text[ADDR_TEXT_SIZE];
	int fd = sock_new(addr, sizes), cause;

	if (fd >= 0) {
		sock_keep_alive(fd, IDLE_MS, TIMEOUT_MS);
		set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		if (addr->family == 6)
			set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, (how & SOCK_ONLY_IPV6) != 0);
		if (how & SOCK_SHARED)
			set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
		if (bind(fd, (struct sockaddr *)&sa, len) == 0)
			return fd;
	}
	cause = errno;
	err_set(err, "cannot bind to %s: %s", addr_format(addr, text), strerror(cause));
	if (fd >= 0)
		close(fd);
	errno = cause;
	return -1;
}

int sock_unbound(const spore_addr *addr)
{
	return sock_new(addr, NULL);
}

bool sock_share_port(int fd)
{
	return set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

bool sock_listen(int fd, struct err *err)
{
	int cause;

	if (listen(fd, BACKLOG) == 0)
		return true;
	cause = errno;
	err_set(err, "cannot listen: %s", strerror(cause));
	errno = cause;
	return false;
}

/* Linux lets sockets that do not listen share a port if they all have SO_REUSEADDR. */
bool sock_stop_listening(int fd)
{
	return set_int(fd, SOL_SOCKET, SO_REUSEADDR, 0) && shutdown(fd, SHUT_RD) == 0;
}

/* Connections that were accepted before are bound to the port, too, so SO_REUSEADDR is needed. */
bool sock_listen_again(int fd, struct err *err)
{
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return sock_listen(fd, err);
}

static bool has_ipv4(const spore_list *addresses)
{
	const spore_addr *items = addresses->items;

	for (size_t i = 0; i < addresses->count; i++) {
		if (items[i].family == 4)
			return true;
	}
	return false;
}

/* A socket at `::` must take IPv4 just as one that sock_listen_all binds. */
static bool takes_ipv4_as(int fd, const spore_addr *addr, bool only_ipv6, struct err *err)
{
	char text[ADDR_TEXT_SIZE];

	if (addr->family != 6 || !addr_is_any(addr) ||
	    (get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1) == only_ipv6)
		return true;
	err_set(err,
	        only_ipv6 ? "the socket at %s receives IPv4, too: set BindIPv6Only=ipv6-only"
	                  : "the socket at %s receives no IPv4: set BindIPv6Only=both",
	        addr_format(addr, text));
	return false;
}

bool sock_adopt(int fd, const spore_list *addresses, const struct sock_sizes *sizes,
                spore_addr *addr_out, struct err *err)
{
	int family = get_int(fd, SOL_SOCKET, SO_DOMAIN), flags = fcntl(fd, F_GETFL);

	if (get_int(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1 ||
	    (family != AF_INET && family != AF_INET6)) {
		err_set(err, "the descriptor %d is no listening TCP socket", fd);
		return false;
	}
	sock_local_addr(fd, addr_out);
	if (!takes_ipv4_as(fd, addr_out, has_ipv4(addresses), err))
		return false;
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		err_set_call(err, "fcntl", errno);
		return false;
	}
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	sock_keep_alive(fd, IDLE_MS, TIMEOUT_MS);
	sock_resize(fd, sizes);
	return true;
}

void sock_close_all(struct sockets *sockets)
{
	while (sockets->n > 0)
		close(sockets->fds[--sockets->n]);
}

struct sockets sock_copy_all(const struct sockets *sockets)
{
	struct sockets copies = { 0 };
	int cause;

	for (unsigned i = 0; i < sockets->n; i++) {
		copies.fds[i] = fcntl(sockets->fds[i], F_DUPFD_CLOEXEC, 0);
		if (copies.fds[i] < 0) {
			cause = errno;
			sock_close_all(&copies);
			errno = cause;
			return copies;
		}
		copies.n++;
	}
	return copies;
}

bool sock_listen_all(const spore_list *addresses, uint16_t port, bool shared, bool may_share,
                     const struct sock_sizes *sizes, struct sockets *out, size_t *at_fault_out,
                     struct err *err)
{
	unsigned how = (shared ? SOCK_SHARED : 0u) | (has_ipv4(addresses) ? SOCK_ONLY_IPV6 : 0u);
	const spore_addr *items = addresses->items;
	int cause;

	*out = (struct sockets){ 0 };
	for (size_t i = 0; i < addresses->count && i < SOCK_ADDRESSES_MAX; i++) {
		spore_addr addr = items[i];
		int fd;

		*at_fault_out = i;
		addr.port = port;
		fd = sock_bind(&addr, how, sizes, err);
		if (fd < 0)
			goto fail;
		out->fds[out->n++] = fd;
		if (may_share && !sock_share_port(fd))
			goto fail;
		if (!sock_listen(fd, err))
			goto fail;
	}
	return true;
fail:
	cause = errno;
	sock_close_all(out);
	errno = cause;
	return false;
}

/* If the peer is on this machine, it has answered by the time that connect returns. A second call
 * gets the result, so that the caller need not wait for a turn of the loop. */
static bool connect_now(int fd, const struct sockaddr *sa, socklen_t len, bool is_near)
{
	if (connect(fd, sa, len) == 0)
		return true;
	return is_near && errno == EINPROGRESS && connect(fd, sa, len) == 0;
}

/* The kernel chooses the port when it knows the other end, so as many connections are possible as
 * without a source. */
static bool bind_source(int fd, const spore_addr *source)
{
	struct sockaddr_storage sa;
	spore_addr addr;
	socklen_t len;

	if (!source || !source->family)
		return true;
	addr = *source;
	addr.port = 0;
	len = addr_to_sockaddr(&addr, &sa);
	set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	return bind(fd, (struct sockaddr *)&sa, len) == 0;
}

int sock_connect(const spore_addr *addr, const spore_addr *source, const struct sock_sizes *sizes,
                 bool *done_out)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(addr, &sa);
	int fd = sock_new(addr, sizes), cause;

	if (fd < 0)
		return -1;
	*done_out = false;
	if (bind_source(fd, source)) {
		*done_out = connect_now(fd, (struct sockaddr *)&sa, len, addr_is_loopback(addr));
		if (*done_out || errno == EINPROGRESS || errno == EALREADY)
			return fd;
	}
	cause = errno;
	close(fd);
	errno = cause;
	return -1;
}

int sock_connect_path(const char *path, const struct sock_sizes *sizes)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), cause;

	_Static_assert(SOCK_PATH_MAX == sizeof sa.sun_path - 1, "a NUL ends the path");
	if (fd < 0)
		return -1;
	sock_resize(fd, sizes);
	strncpy(sa.sun_path, path, SOCK_PATH_MAX);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
		return fd;
	cause = errno;
	close(fd);
	errno = cause;
	return -1;
}

int sock_take_error(int fd)
{
	socklen_t len = sizeof(int);
	int cause;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &len) < 0)
		return errno;
	return cause;
}

const char *sock_connect_cause(int cause)
{
	if (cause == EADDRNOTAVAIL)
		return "no free local port, or no local address of this family";
	return strerrordesc_np(cause);
}

void sock_local_addr(int fd, spore_addr *addr_out)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof sa;

	if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
		sa.ss_family = AF_UNSPEC;
	addr_from_sockaddr((struct sockaddr *)&sa, addr_out);
}

bool sock_peer_addr(int fd, spore_addr *addr_out)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof sa;

	if (getpeername(fd, (struct sockaddr *)&sa, &len) < 0)
		return false;
	addr_from_sockaddr((struct sockaddr *)&sa, addr_out);
	return true;
}

bool sock_addr_is_here(const spore_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(addr, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_here = true;

	if (fd < 0)
		return true;
	/* ENODEV: the interface of a link-local address is gone. */
	if (bind(fd, (const struct sockaddr *)&sa, len) < 0)
		is_here = errno != EADDRNOTAVAIL && errno != ENODEV;
	close(fd);
	return is_here;
}

void sock_watch_control(int fd)
{
	set_keepalive(fd, CONTROL_IDLE_S, CONTROL_IDLE_S, MIN_PROBES);
	set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, CONTROL_TIMEOUT_MS);
}

bool sock_has_unacknowledged(int fd)
{
	int n = 0;

	return ioctl(fd, SIOCOUTQ, &n) == 0 && n > 0;
}

bool sock_look(int fd, struct sock_sight *sight_out)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return false;
	*sight_out = (struct sock_sight){
		.repeats = (unsigned)info.tcpi_retransmits + info.tcpi_probes,
		.heard_ms = info.tcpi_last_ack_recv,
	};
	return true;
}

bool sock_has_unread(int fd)
{
	int n = 0;

	return ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

/* The kernel doubles the size and reports the doubled one (socket(7)). */
static int granted_size(int fd, int option, int asked)
{
	socklen_t len = sizeof(int);
	int value = 0;

	if (!asked)
		return 0;
	set_int(fd, SOL_SOCKET, option, asked);
	getsockopt(fd, SOL_SOCKET, option, &value, &len);
	return value / 2;
}

bool sock_sizes_hold(const struct sock_sizes *asked, struct sock_sizes *got_out)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*got_out = *asked;
	if (fd < 0)
		return true;
	got_out->send = granted_size(fd, SO_SNDBUF, asked->send);
	got_out->receive = granted_size(fd, SO_RCVBUF, asked->receive);
	close(fd);
	return got_out->send >= asked->send && got_out->receive >= asked->receive;
}

void sock_restore(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 0, 0 }, sizeof(struct linger));
	setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ 1 }, sizeof(int));
}

void sock_reset(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(fd);
}
