#include "server/control_port.h"

#include <errno.h>
#include <string.h>

#include "config/settings.h"
#include "sockets.h"
#include "suite.h"

static struct server_settings settings_at(const spore_addr *addr)
{
	return (struct server_settings){ .bind_addr = *addr, .control_port = addr->port };
}

START_TEST(the_first_socket_finds_out_who_is_there)
{
	spore_addr addr;
	int taken = sockets_listen(&addr, 1), first, second;
	struct server_settings settings = settings_at(&addr);
	struct given_sockets none = { 0 };
	struct err err;

	ck_assert_int_eq(control_port_open(&none, &settings, 0, &err), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(err.text, "address in use"));
	close(taken);
	first = control_port_open(&none, &settings, 0, &err);
	second = control_port_open(&none, &settings, 1, &err);
	ck_assert_int_ge(first, 0);
	ck_assert_int_ge(second, 0);
	ck_assert_int_eq(control_port_bind(&settings, false, &err), -1);
	close(first);
	close(second);
}
END_TEST

START_TEST(workers_share_the_sockets_that_were_given)
{
	spore_addr addr;
	int given = sockets_listen(&addr, 1), copies[3], caller, accepted;
	struct server_settings settings = settings_at(&addr);
	struct given_sockets sockets = { &given, 1 };
	struct err err;

	ck_assert_msg(control_port_take(&sockets, &settings, 3, &err), "%s", err.text);
	ck_assert(fcntl(given, F_GETFL) & O_NONBLOCK);
	for (unsigned i = 0; i < 3; i++) {
		copies[i] = control_port_open(&sockets, &settings, i, &err);
		ck_assert_int_ge(copies[i], 0);
		ck_assert(fcntl(copies[i], F_GETFD) & FD_CLOEXEC);
	}
	close(given);
	caller = sockets_dial(&addr);
	accepted = accept(copies[2], NULL, NULL);
	ck_assert_int_ge(accepted, 0);
	ck_assert_int_ne(sockets_option(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_eq(sockets_option(accepted, IPPROTO_TCP, TCP_KEEPIDLE), 20);
	ck_assert_int_eq(accept(copies[0], NULL, NULL), -1);
	close(accepted);
	close(caller);
	for (int i = 0; i < 3; i++)
		close(copies[i]);
}
END_TEST

START_TEST(a_socket_elsewhere_is_refused)
{
	spore_addr addr;
	int given = sockets_listen(&addr, 1);
	struct server_settings settings = settings_at(&addr);
	struct given_sockets sockets = { &given, 1 };
	struct err err;

	settings.control_port = addr.port == 1 ? 2 : 1;
	ck_assert(!control_port_take(&sockets, &settings, 3, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "server.control_port say 127.0.0.1:1:"));
	settings = settings_at(&addr);
	ck_assert(addr_parse_ip("0.0.0.0", &settings.bind_addr));
	ck_assert(!control_port_take(&sockets, &settings, 3, &err));
	ck_assert(control_port_moves(&settings, &(struct server_settings){ 0 }));
	close(given);
}
END_TEST

START_TEST(more_sockets_than_workers_are_refused)
{
	int fds[2] = { -1, -1 };
	struct given_sockets sockets = { fds, 2 };
	struct server_settings settings = { 0 };
	struct err err;

	ck_assert(!control_port_take(&sockets, &settings, 1, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "passed 2 sockets, but the server has 1 workers"));
}
END_TEST

SUITE("control_port", the_first_socket_finds_out_who_is_there,
      workers_share_the_sockets_that_were_given, a_socket_elsewhere_is_refused,
      more_sockets_than_workers_are_refused)
