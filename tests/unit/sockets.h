/* sockets - connected pairs and listeners on loopback, for tests. */
#ifndef UNIT_SOCKETS_H
#define UNIT_SOCKETS_H

#include <check.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/addr.h"

static inline void sockets_unblock(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

/* A listening socket on a free port of 127.0.0.1; its address to *addr_out. */
static inline int sockets_listen(spore_addr *addr_out, int backlog)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	addr_from_sockaddr((struct sockaddr *)&in, addr_out);
	return fd;
}

static inline int sockets_dial(const spore_addr *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(addr, &sa);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

/* Both ends non-blocking. */
static inline void sockets_tcp_pair(int fds[2])
{
	spore_addr addr;
	int listener = sockets_listen(&addr, 1);

	fds[0] = sockets_dial(&addr);
	fds[1] = accept(listener, NULL, NULL);
	ck_assert_int_ge(fds[1], 0);
	close(listener);
	for (int i = 0; i < 2; i++) {
		sockets_unblock(fds[i]);
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	}
}

/* From now on the host of this end seems to be gone: its kernel drops the packets that arrive. */
static inline void sockets_vanish(int fd)
{
	struct sock_filter drop = { BPF_RET | BPF_K, 0, 0, 0 };
	struct sock_fprog program = { 1, &drop };

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
}

static inline void sockets_come_back(int fd)
{
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){ 0 }, sizeof(int)), 0);
}

static inline int sockets_option(int fd, int level, int option)
{
	int value = -1;

	ck_assert_int_eq(getsockopt(fd, level, option, &value, &(socklen_t){ sizeof value }), 0);
	return value;
}

static inline void sockets_reset(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	close(fd);
}

#endif
