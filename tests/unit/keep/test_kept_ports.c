#include "keep/kept_ports.h"

#include <stdio.h>
#include <string.h>

#include "sockets.h"
#include "suite.h"

static const struct uuid ticket = { { 1, 2, 3 } }, other_ticket = { { 1, 2, 4 } };
static struct kept_ports ports;
static spore_addr addr;

/* Keeps a socket of alice, with this ticket. */
static int keep(void)
{
	struct kept_socket socket = { .fd = sockets_listen(&addr, 1) };

	kept_ports_init(&ports);
	ck_assert(kept_port_name(&ticket, "alice", addr.port, socket.name));
	ck_assert(kept_ports_add(&ports, &socket, &addr));
	return socket.fd;
}

START_TEST(only_the_client_with_the_ticket_gets_the_port)
{
	int fd = keep();

	ck_assert_int_eq(kept_ports_take(&ports, &other_ticket, "alice", addr.port), -1);
	ck_assert_int_eq(kept_ports_take(&ports, &ticket, "bob", addr.port), -1);
	ck_assert_int_eq(kept_ports_take(&ports, &ticket, "", addr.port), -1);
	ck_assert_int_eq(kept_ports_take(&ports, &ticket, "alice", (uint16_t)(addr.port ^ 256)),
	                 -1);
	ck_assert_int_eq(kept_ports_take(&ports, &ticket, "alice", addr.port), fd);
	ck_assert_int_eq(kept_ports_take(&ports, &ticket, "alice", addr.port), -1);
	close(fd);
	kept_ports_fini(&ports);
}
END_TEST

START_TEST(names_tell_no_ticket_and_differ)
{
	char names[4][KEPT_PORT_NAME_SIZE];

	ck_assert(kept_port_name(&ticket, "alice", 1, names[0]));
	ck_assert(kept_port_name(&ticket, "alice", 1, names[1]));
	ck_assert_str_eq(names[0], names[1]);
	ck_assert_str_eq(names[0], "tunnel-1-72a0db3665326d8a0f5beaa647bde03a");
	ck_assert(kept_port_name(&ticket, "alice", 2, names[1]));
	ck_assert(kept_port_name(&ticket, "bob", 1, names[2]));
	ck_assert(kept_port_name(&other_ticket, "alice", 1, names[3]));
	for (int i = 1; i < 4; i++)
		ck_assert_str_ne(names[0], names[i]);
	ck_assert_uint_eq(strlen(names[0]) + 1, KEPT_PORT_NAME_SIZE);
}
END_TEST

START_TEST(what_is_no_kept_port_is_closed)
{
	static const char *const names[] = { "", "tunnel-1-",
		                             "tunnel-2-00112233445566778899aabbccddeeff",
		                             "tunnel-1-00112233445566778899AABBCCDDEEFF" };
	spore_addr elsewhere;
	struct kept_socket socket;

	kept_ports_init(&ports);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		socket.fd = sockets_listen(&addr, 1);
		snprintf(socket.name, sizeof socket.name, "%s", names[i]);
		ck_assert(!kept_ports_add(&ports, &socket, &addr));
		ck_assert_int_lt(fcntl(socket.fd, F_GETFD), 0);
	}
	ck_assert(kept_port_name(&ticket, "", 1, socket.name));
	socket.fd = sockets_listen(&addr, 1);
	ck_assert(addr_parse("127.0.0.2:0", &elsewhere));
	ck_assert(!kept_ports_add(&ports, &socket, &elsewhere));
	socket.fd = dup(STDERR_FILENO);
	ck_assert(!kept_ports_add(&ports, &socket, &addr));
	ck_assert_uint_eq(kept_ports_close(&ports), 0);
	kept_ports_fini(&ports);
}
END_TEST

START_TEST(ports_that_nobody_takes_are_closed)
{
	int fd = keep();

	ck_assert_uint_eq(kept_ports_close(&ports), 1);
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
	ck_assert_int_eq(kept_ports_take(&ports, &ticket, "alice", addr.port), -1);
	kept_ports_fini(&ports);
	fd = keep();
	kept_ports_fini(&ports);
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
}
END_TEST

SUITE("kept_ports", only_the_client_with_the_ticket_gets_the_port, names_tell_no_ticket_and_differ,
      what_is_no_kept_port_is_closed, ports_that_nobody_takes_are_closed)
