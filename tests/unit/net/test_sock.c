#include "net/sock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "sockets.h"
#include "suite.h"

static spore_addr loopback(void)
{
	spore_addr addr;

	ck_assert(addr_parse_ip("127.0.0.1", &addr));
	return addr;
}

START_TEST(a_second_bind_is_refused_until_the_port_is_shared)
{
	spore_addr addr = loopback();
	struct err err;
	int first = sock_bind(&addr, 0, NULL, &err), second;

	ck_assert_int_ge(first, 0);
	sock_local_addr(first, &addr);
	ck_assert_uint_ne(addr.port, 0);
	ck_assert(sock_share_port(first));
	ck_assert(sock_listen(first, &err));
	ck_assert_int_eq(sock_bind(&addr, 0, NULL, &err), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(strncmp(err.text, "cannot bind to 127.0.0.1:", 25), 0);
	second = sock_bind(&addr, true, NULL, &err);
	ck_assert_msg(second >= 0, "%s", err.text);
	ck_assert(sock_listen(second, &err));
	close(first);
	close(second);
}
END_TEST

/* Bound to a number, as public ports are. */
static int bind_to_number(spore_addr *addr_out)
{
	struct err err;
	int fd;

	*addr_out = loopback();
	fd = sock_bind(addr_out, 0, NULL, &err);
	sock_local_addr(fd, addr_out);
	close(fd);
	fd = sock_bind(addr_out, 0, NULL, &err);
	ck_assert_msg(fd >= 0, "%s", err.text);
	return fd;
}

/* Our end closes first, and waits in TIME_WAIT. */
static void end_first(int fd, int peer)
{
	char byte;

	close(fd);
	ck_assert_int_eq(read(peer, &byte, 1), 0);
	close(peer);
}

START_TEST(a_port_is_kept_while_nothing_listens)
{
	int fd, peers[3], fds[3];
	spore_addr addr;
	struct err err;

	fd = bind_to_number(&addr);
	ck_assert(sock_listen(fd, &err));
	for (int i = 0; i < 3; i++) {
		peers[i] = sockets_dial(&addr);
		ck_assert_int_eq(poll(&(struct pollfd){ fd, POLLIN, 0 }, 1, 5000), 1);
		fds[i] = accept(fd, NULL, NULL);
		ck_assert_int_ge(fds[i], 0);
	}
	end_first(fds[0], peers[0]);
	ck_assert(sock_stop_listening(fd));
	end_first(fds[1], peers[1]);
	ck_assert_int_eq(sock_bind(&addr, 0, NULL, &err), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_msg(sock_listen_again(fd, &err), "%s", err.text);
	close(sockets_dial(&addr));
	end_first(fds[2], peers[2]);
	close(fd);
}
END_TEST

START_TEST(sockets_are_as_the_core_wants_them)
{
	struct sock_sizes sizes = { 20000, 30000 };
	spore_addr addr = loopback();
	struct err err;
	int fd = sock_bind(&addr, 0, &sizes, &err);

	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_ne(sockets_option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ge(sockets_option(fd, SOL_SOCKET, SO_SNDBUF), 20000);
	ck_assert_int_ge(sockets_option(fd, SOL_SOCKET, SO_RCVBUF), 30000);
	ck_assert_int_ne(sockets_option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(sockets_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 20);
	ck_assert_int_eq(sockets_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	sock_watch_control(fd);
	ck_assert_int_le(sockets_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
	ck_assert_int_le(sockets_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 10000);
	ck_assert_int_gt(sockets_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	close(fd);
}
END_TEST

START_TEST(keepalive_is_as_asked_for)
{
	static const struct {
		int64_t idle_ms, timeout_ms;
		int idle_s, interval_s, probes;
	} rows[] = {
		{ 20000, 120000, 20, 5, 20 }, /* 20 s and 20 times 5 s are 120 s */
		{ 20000, 15000, 20, 5, 3 },   /* fewer probes would end connections that live */
		{ 1, 1000, 1, 1, 3 },           { 7200000, 86400000, 7200, 1800, 44 },
		{ 1000, 86400000, 1, 864, 99 }, /* the kernel allows 127 */
	};
	int fds[2];

	sockets_tcp_pair(fds);
	ck_assert_int_eq(sockets_option(fds[0], SOL_SOCKET, SO_KEEPALIVE), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		sock_keep_alive(fds[0], rows[i].idle_ms, rows[i].timeout_ms);
		ck_assert_int_ne(sockets_option(fds[0], SOL_SOCKET, SO_KEEPALIVE), 0);
		ck_assert_int_eq(sockets_option(fds[0], IPPROTO_TCP, TCP_KEEPIDLE), rows[i].idle_s);
		ck_assert_int_eq(sockets_option(fds[0], IPPROTO_TCP, TCP_KEEPINTVL),
		                 rows[i].interval_s);
		ck_assert_int_eq(sockets_option(fds[0], IPPROTO_TCP, TCP_KEEPCNT), rows[i].probes);
	}
	sock_keep_alive(fds[0], 0, 120000);
	ck_assert_int_eq(sockets_option(fds[0], SOL_SOCKET, SO_KEEPALIVE), 0);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static unsigned repeats_of(int fd)
{
	struct sock_sight sight;

	ck_assert(sock_look(fd, &sight));
	return sight.repeats;
}

START_TEST(what_the_peer_does_not_acknowledge_is_seen)
{
	struct sock_sight sight;
	int fds[2];

	sockets_tcp_pair(fds);
	ck_assert(!sock_has_unacknowledged(fds[0]));
	sockets_vanish(fds[1]);
	ck_assert_int_eq(write(fds[0], "x", 1), 1);
	ck_assert(sock_has_unacknowledged(fds[0]));
	ck_assert_uint_eq(repeats_of(fds[0]), 0);
	for (int i = 0; i < 500 && repeats_of(fds[0]) == 0; i++)
		usleep(10000);
	ck_assert(sock_look(fds[0], &sight));
	ck_assert_uint_ge(sight.repeats, 1);
	ck_assert_int_ge(sight.heard_ms, 100);
	sockets_come_back(fds[1]);
	for (int i = 0; i < 500 && sock_has_unacknowledged(fds[0]); i++)
		usleep(10000);
	ck_assert(!sock_has_unacknowledged(fds[0]));
	ck_assert_uint_eq(repeats_of(fds[0]), 0);
	ck_assert(!sock_has_unacknowledged(-1));
	ck_assert(!sock_look(-1, &sight));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(the_ipv6_wildcard_takes_ipv4_too)
{
	spore_addr addr;
	struct err err;
	int fd;

	ck_assert(addr_parse_ip("::", &addr));
	fd = sock_bind(&addr, 0, NULL, &err);
	if (fd < 0)
		return; /* no IPv6 here */
	ck_assert_int_eq(sockets_option(fd, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	close(fd);
}
END_TEST

START_TEST(connecting_succeeds_or_says_why)
{
	spore_addr addr;
	int listener = sockets_listen(&addr, 4), fd;
	bool done;

	fd = sock_connect(&addr, NULL, NULL, &done);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, 5000), 1);
	ck_assert_int_eq(sock_take_error(fd), 0);
	ck_assert_int_eq(sockets_option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	close(fd);
	close(listener);
	fd = sock_connect(&addr, NULL, NULL, &done);
	if (fd < 0) {
		ck_assert_int_eq(errno, ECONNREFUSED);
		return;
	}
	ck_assert_int_eq(poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, 5000), 1);
	ck_assert_int_eq(sock_take_error(fd), ECONNREFUSED);
	close(fd);
	ck_assert_int_eq(sock_take_error(-1), EBADF);
}
END_TEST

START_TEST(a_capped_size_is_told)
{
	struct sock_sizes small = { 8192, 8192 }, huge = { 1 << 30, 1 << 30 }, none = { 0, 0 }, got;

	ck_assert(sock_sizes_hold(&small, &got));
	ck_assert(sock_sizes_hold(&none, &got));
	ck_assert(!sock_sizes_hold(&huge, &got));
	ck_assert(got.send < 1 << 30 && got.receive < 1 << 30 && got.send > 0);
}
END_TEST

START_TEST(a_reset_is_seen_as_one)
{
	char byte;
	int fds[2];

	sockets_tcp_pair(fds);
	sock_reset(fds[0]);
	ck_assert_int_eq(poll(&(struct pollfd){ fds[1], POLLIN, 0 }, 1, 5000), 1);
	ck_assert_int_eq(read(fds[1], &byte, 1), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	close(fds[1]);
}
END_TEST

START_TEST(an_address_of_this_machine_is_known)
{
	spore_addr addr;

	ck_assert(addr_parse_ip("127.0.0.1", &addr));
	ck_assert(sock_addr_is_here(&addr));
	ck_assert(addr_parse_ip("203.0.113.77", &addr)); /* for documentation only */
	ck_assert(!sock_addr_is_here(&addr));
}
END_TEST

START_TEST(unread_bytes_are_seen)
{
	char byte;
	int fds[2];

	sockets_tcp_pair(fds);
	ck_assert(!sock_has_unread(fds[1]));
	ck_assert_int_eq(write(fds[0], "x", 1), 1);
	ck_assert_int_eq(poll(&(struct pollfd){ fds[1], POLLIN, 0 }, 1, 5000), 1);
	ck_assert(sock_has_unread(fds[1]));
	ck_assert_int_eq(read(fds[1], &byte, 1), 1);
	close(fds[0]);
	ck_assert_int_eq(poll(&(struct pollfd){ fds[1], POLLIN, 0 }, 1, 5000), 1);
	ck_assert(!sock_has_unread(fds[1])); /* an end of file is not input */
	close(fds[1]);
	ck_assert(!sock_has_unread(-1));
}
END_TEST

START_TEST(what_is_no_socket_has_no_address)
{
	spore_addr addr;

	sock_local_addr(-1, &addr);
	ck_assert_uint_eq(addr.family, 0);
}
END_TEST

START_TEST(a_path_that_is_no_socket_is_refused)
{
	char path[SOCK_PATH_MAX + 1];

	memset(path, 'a', sizeof path);
	path[0] = '/';
	path[SOCK_PATH_MAX] = '\0';
	ck_assert_int_eq(sock_connect_path(path, &(struct sock_sizes){ 0, 0 }), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(sock_connect_path("/dev/null", &(struct sock_sizes){ 0, 0 }), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
}
END_TEST

/* Does sock_adopt refuse the socket, with this text? */
static void expect_refusal(int fd, const spore_list *addresses, const char *text)
{
	struct sock_sizes sizes = { 0 };
	spore_addr addr;
	struct err err;

	ck_assert(!sock_adopt(fd, addresses, &sizes, &addr, &err));
	ck_assert_ptr_nonnull(strstr(err.text, text));
	close(fd);
}

START_TEST(a_listening_socket_is_adopted)
{
	struct sock_sizes sizes = { 20000, 30000 };
	spore_addr where, addr;
	int fd = sockets_listen(&where, 1);
	spore_list addresses = { &where, 1, sizeof where };
	struct err err;

	ck_assert_msg(sock_adopt(fd, &addresses, &sizes, &addr, &err), "%s", err.text);
	ck_assert(addr_equal(&addr, &where));
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert_int_ge(sockets_option(fd, SOL_SOCKET, SO_SNDBUF), 20000);
	ck_assert_int_ne(sockets_option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	close(fd);
}
END_TEST

START_TEST(what_does_not_listen_is_not_adopted)
{
	spore_list none = { 0 };

	expect_refusal(socket(AF_INET, SOCK_STREAM, 0), &none, "is no listening TCP socket");
	expect_refusal(socket(AF_INET, SOCK_DGRAM, 0), &none, "is no listening TCP socket");
	expect_refusal(dup(STDERR_FILENO), &none, "is no listening TCP socket");
}
END_TEST

/* -1: no IPv6 here. */
static int listen_on_ipv6(const spore_addr *any, unsigned how)
{
	struct err err;
	int fd = sock_bind(any, how, NULL, &err);

	ck_assert(fd < 0 || sock_listen(fd, &err));
	return fd;
}

/* As those that the server binds itself: only if no other one of them is for IPv4. */
START_TEST(the_ipv6_wildcard_is_adopted_if_it_takes_ipv4_as_wanted)
{
	spore_addr both[2], addr;
	spore_list alone = { both, 1, sizeof *both }, with_ipv4 = { both, 2, sizeof *both };
	struct sock_sizes sizes = { 0 };
	struct err err;
	int fds[2];

	ck_assert(addr_parse_ip("::", &both[0]) && addr_parse_ip("0.0.0.0", &both[1]));
	fds[0] = listen_on_ipv6(&both[0], 0);
	fds[1] = listen_on_ipv6(&both[0], SOCK_ONLY_IPV6);
	if (fds[0] < 0)
		return;
	ck_assert(sock_adopt(fds[0], &alone, &sizes, &addr, &err));
	ck_assert(sock_adopt(fds[1], &with_ipv4, &sizes, &addr, &err));
	expect_refusal(fds[0], &with_ipv4, "receives IPv4, too: set BindIPv6Only=ipv6-only");
	expect_refusal(fds[1], &alone, "receives no IPv4: set BindIPv6Only=both");
}
END_TEST

START_TEST(sockets_can_be_copied)
{
	spore_addr addr;
	struct sockets sockets = { .n = 1, .fds = { sockets_listen(&addr, 1) } };
	struct sockets copies = sock_copy_all(&sockets);
	struct sockets none = { .n = 1, .fds = { -1 } };
	spore_addr found;

	ck_assert_uint_eq(copies.n, 1);
	sock_close_all(&sockets);
	sock_local_addr(copies.fds[0], &found);
	ck_assert(addr_equal(&found, &addr));
	sock_close_all(&copies);
	ck_assert_uint_eq(sock_copy_all(&none).n, 0);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(a_peer_is_known_until_it_is_gone)
{
	spore_addr peer, local;
	int fds[2];

	sockets_tcp_pair(fds);
	ck_assert(sock_peer_addr(fds[0], &peer));
	sock_local_addr(fds[1], &local);
	ck_assert(addr_equal(&peer, &local));
	ck_assert(!sock_peer_addr(STDERR_FILENO, &peer));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

SUITE("sock", a_peer_is_known_until_it_is_gone, sockets_can_be_copied,
      an_address_of_this_machine_is_known, a_path_that_is_no_socket_is_refused,
      a_second_bind_is_refused_until_the_port_is_shared, a_port_is_kept_while_nothing_listens,
      sockets_are_as_the_core_wants_them, keepalive_is_as_asked_for,
      what_the_peer_does_not_acknowledge_is_seen, the_ipv6_wildcard_takes_ipv4_too,
      connecting_succeeds_or_says_why, a_capped_size_is_told, a_reset_is_seen_as_one,
      unread_bytes_are_seen, what_is_no_socket_has_no_address, a_listening_socket_is_adopted,
      what_does_not_listen_is_not_adopted, the_ipv6_wildcard_is_adopted_if_it_takes_ipv4_as_wanted)
