#include "server/control_port.h"

#include <errno.h>
#include <string.h>

#include "config/settings.h"
#include "sockets.h"
#include "suite.h"

/* The control port is at these addresses; its number is that of the first. */
static struct server_settings settings_at(const spore_addr *addresses, size_t n)
{
	return (struct server_settings){ .bind_addr = { addresses, n, sizeof *addresses },
		                         .control_port = addresses[0].port };
}

START_TEST(the_first_socket_finds_out_who_is_there)
{
	spore_addr addr;
	int taken = sockets_listen(&addr, 1);
	struct server_settings settings = settings_at(&addr, 1);
	struct given_sockets none = { 0 };
	struct sockets first, second, third;
	size_t at_fault;
	struct err err;

	ck_assert(!control_port_open(&none, &settings, 0, &first, &at_fault, &err));
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err.text, "address in use"));
	close(taken);
	ck_assert(control_port_open(&none, &settings, 0, &first, &at_fault, &err));
	ck_assert(control_port_open(&none, &settings, 1, &second, &at_fault, &err));
	ck_assert_uint_eq(first.n, 1);
	ck_assert_uint_eq(second.n, 1);
	ck_assert(!control_port_bind(&settings, false, &third, &at_fault, &err));
	sock_close_all(&first);
	sock_close_all(&second);
}
END_TEST

START_TEST(workers_share_the_sockets_that_were_given)
{
	spore_addr addr;
	int given = sockets_listen(&addr, 1), caller, accepted;
	struct server_settings settings = settings_at(&addr, 1);
	struct given_sockets sockets = { &given, 1, false, false };
	struct sockets copies[3];
	size_t at_fault;
	struct err err;

	ck_assert_msg(control_port_take(&sockets, &settings, 3, &err), "%s", err.text);
	ck_assert(fcntl(given, F_GETFL) & O_NONBLOCK);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(control_port_open(&sockets, &settings, i, &copies[i], &at_fault, &err));
		ck_assert_uint_eq(copies[i].n, 1);
		ck_assert(fcntl(copies[i].fds[0], F_GETFD) & FD_CLOEXEC);
	}
	close(given);
	caller = sockets_dial(&addr);
	accepted = accept(copies[2].fds[0], NULL, NULL);
	ck_assert_int_ge(accepted, 0);
	ck_assert_int_ne(sockets_option(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_eq(sockets_option(accepted, IPPROTO_TCP, TCP_KEEPIDLE), 20);
	ck_assert_int_eq(accept(copies[0].fds[0], NULL, NULL), -1);
	close(accepted);
	close(caller);
	for (int i = 0; i < 3; i++)
		sock_close_all(&copies[i]);
}
END_TEST

/* A socket that shares its port with others. */
static int share(const spore_addr *addr)
{
	struct err err;
	int fd = sock_bind(addr, SOCK_SHARED, NULL, &err);

	ck_assert_msg(fd >= 0, "%s", err.text);
	ck_assert(sock_listen(fd, &err));
	return fd;
}

static bool is_same_socket(int a, int b)
{
	unsigned long cookies[2] = { 0 };

	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(getsockopt(i ? b : a, SOL_SOCKET, SO_COOKIE, &cookies[i],
		                            &(socklen_t){ sizeof *cookies }),
		                 0);
	return cookies[0] == cookies[1];
}

/* Two at the second address and one at the first, in any order. */
START_TEST(each_worker_has_a_socket_at_each_address)
{
	spore_addr addresses[2];
	int free_port = sockets_listen(&addresses[0], 1), fds[3];
	struct server_settings settings = settings_at(addresses, 2);
	struct given_sockets given = { fds, 3, false, false };
	size_t at_fault;
	struct err err;

	close(free_port);
	ck_assert(addr_parse_ip("127.0.0.2", &addresses[1]));
	addresses[1].port = addresses[0].port;
	fds[0] = share(&addresses[1]);
	fds[1] = share(&addresses[0]);
	fds[2] = share(&addresses[1]);
	ck_assert_msg(control_port_take(&given, &settings, 2, &err), "%s", err.text);
	for (unsigned i = 0; i < 3; i++) {
		struct sockets of_worker;

		ck_assert(control_port_open(&given, &settings, i, &of_worker, &at_fault, &err));
		ck_assert_uint_eq(of_worker.n, 2);
		ck_assert(is_same_socket(of_worker.fds[0], fds[1]));
		ck_assert(is_same_socket(of_worker.fds[1], fds[i % 2 ? 2 : 0]));
		sock_close_all(&of_worker);
	}
	ck_assert(!control_port_take(&given, &settings, 1, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "has passed 2 sockets at 127.0.0.2:"));
	ck_assert_ptr_nonnull(strstr(err.text, ", but the server has 1 workers"));
	given.n = 1;
	ck_assert(!control_port_take(&given, &settings, 2, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "has passed no socket at 127.0.0.1:"));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

START_TEST(a_socket_elsewhere_is_refused)
{
	spore_addr addr, elsewhere;
	int given = sockets_listen(&addr, 1);
	struct server_settings settings = settings_at(&addr, 1);
	struct given_sockets sockets = { &given, 1, false, false };
	struct err err;

	settings.control_port = addr.port == 1 ? 2 : 1;
	ck_assert(!control_port_take(&sockets, &settings, 3, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "server.control_port say 127.0.0.1:1:"));
	ck_assert(addr_parse_ip("0.0.0.0", &elsewhere));
	elsewhere.port = addr.port;
	settings = settings_at(&elsewhere, 1);
	ck_assert(!control_port_take(&sockets, &settings, 3, &err));
	close(given);
}
END_TEST

START_TEST(a_port_moves_with_any_of_its_addresses)
{
	spore_addr one[2] = { 0 }, other[2] = { 0 };
	struct server_settings from, to;

	ck_assert(addr_parse_ip("127.0.0.1", &one[0]) && addr_parse_ip("::1", &one[1]));
	memcpy(other, one, sizeof one);
	from = settings_at(one, 2);
	to = settings_at(other, 2);
	ck_assert(!control_port_moves(&from, &to));
	ck_assert(addr_parse_ip("::2", &other[1]));
	ck_assert(control_port_moves(&from, &to));
	to = settings_at(one, 1);
	ck_assert(control_port_moves(&from, &to));
	to = settings_at(one, 2);
	to.control_port++;
	ck_assert(control_port_moves(&from, &to));
}
END_TEST

START_TEST(the_giver_is_named)
{
	spore_addr addr;
	int given = sockets_listen(&addr, 1);
	struct server_settings settings = settings_at(&addr, 1);
	struct given_sockets sockets = { .fds = &given, .n = 1, .from_server = true };
	struct err err;

	ck_assert(control_port_take(&sockets, &settings, 1, &err));
	settings.control_port = addr.port == 1 ? 2 : 1;
	for (int i = 0; i < 2; i++) {
		ck_assert(!control_port_take(&sockets, &settings, 1, &err));
		ck_assert_ptr_nonnull(strstr(err.text, i ? "the service manager has passed"
		                                         : "the running server has passed"));
		ck_assert_ptr_nonnull(strstr(err.text, i ? "change ListenStream="
		                                         : "let the running server reload"));
		sockets.from_server = false;
	}
	close(given);
}
END_TEST

SUITE("control_port", the_giver_is_named, the_first_socket_finds_out_who_is_there,
      workers_share_the_sockets_that_were_given, each_worker_has_a_socket_at_each_address,
      a_socket_elsewhere_is_refused, a_port_moves_with_any_of_its_addresses)
