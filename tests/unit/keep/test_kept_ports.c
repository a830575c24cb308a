#include "keep/kept_ports.h"

#include <stdio.h>
#include <string.h>

#include "sockets.h"
#include "suite.h"

static const struct uuid ticket = { { 1, 2, 3 } }, other_ticket = { { 1, 2, 4 } };
static struct kept_ports ports;
static spore_addr addr;

/* A list of one address. */
static spore_list only(const spore_addr *address)
{
	return (spore_list){ address, 1, sizeof *address };
}

static uint16_t refused; /* the port of another listener; 0: none */

static bool has_port(const void *arg, uint16_t port)
{
	(void)arg;
	return port != refused;
}

/* Fills the table; returns the number of ports that were closed. */
static unsigned fill(const struct kept_socket *sockets, unsigned n, const spore_list *at)
{
	struct kept_rule rule = { .at = at, .has_port = has_port };
	unsigned n_closed;

	kept_ports_fill(&ports, sockets, n, &rule, &n_closed);
	return n_closed;
}

/* Keeps a socket of alice, with this ticket. */
static int keep(void)
{
	struct kept_socket socket = { .fd = sockets_listen(&addr, 1) };
	spore_list at = only(&addr);

	kept_ports_init(&ports);
	ck_assert(kept_port_name(&ticket, "alice", addr.port, socket.name));
	ck_assert_uint_eq(fill(&socket, 1, &at), 0);
	return socket.fd;
}

static bool is_kept(const struct uuid *shown, const char *identity, uint16_t port)
{
	struct sockets sockets = kept_ports_take(&ports, shown, identity, port);

	return sockets.n > 0;
}

START_TEST(only_the_client_with_the_ticket_gets_the_port)
{
	int fd = keep();
	struct sockets taken;

	ck_assert(!is_kept(&other_ticket, "alice", addr.port));
	ck_assert(!is_kept(&ticket, "bob", addr.port));
	ck_assert(!is_kept(&ticket, "", addr.port));
	ck_assert(!is_kept(&ticket, "alice", (uint16_t)(addr.port ^ 256)));
	taken = kept_ports_take(&ports, &ticket, "alice", addr.port);
	ck_assert_uint_eq(taken.n, 1);
	ck_assert_int_eq(taken.fds[0], fd);
	ck_assert(!is_kept(&ticket, "alice", addr.port));
	close(fd);
	kept_ports_fini(&ports);
}
END_TEST

/* A socket at this address and port with the name of alice's port. */
static struct kept_socket socket_at(const char *ip, uint16_t port)
{
	struct kept_socket socket = { 0 };
	struct err err;
	spore_addr where;

	ck_assert(addr_parse_ip(ip, &where));
	where.port = port;
	socket.fd = sock_bind(&where, 0, NULL, &err);
	ck_assert_msg(socket.fd >= 0, "%s", err.text);
	ck_assert(sock_listen(socket.fd, &err));
	ck_assert(kept_port_name(&ticket, "alice", addr.port, socket.name));
	return socket;
}

/* Finds a port that is free at both addresses. */
static void choose_port(void)
{
	int fd = sockets_listen(&addr, 1);

	close(fd);
}

/* The server is about to listen there itself. */
START_TEST(a_port_that_is_not_for_clients_is_closed)
{
	struct kept_socket socket = { .fd = sockets_listen(&addr, 1) };
	spore_list at = only(&addr);

	kept_ports_init(&ports);
	ck_assert(kept_port_name(&ticket, "alice", addr.port, socket.name));
	refused = addr.port;
	ck_assert_uint_eq(fill(&socket, 1, &at), 1);
	refused = 0;
	ck_assert(!kept_ports_has(&ports, addr.port));
	ck_assert_int_lt(fcntl(socket.fd, F_GETFD), 0);
	kept_ports_fini(&ports);
}
END_TEST

START_TEST(the_sockets_of_a_port_stay_together)
{
	spore_addr both[2];
	spore_list at = { both, 2, sizeof *both };
	struct kept_socket sockets[2];
	struct sockets taken;

	ck_assert(addr_parse_ip("127.0.0.3", &both[0]) && addr_parse_ip("127.0.0.2", &both[1]));
	choose_port();
	sockets[0] = socket_at("127.0.0.2", addr.port);
	sockets[1] = socket_at("127.0.0.3", addr.port);
	kept_ports_init(&ports);
	ck_assert_uint_eq(fill(sockets, 2, &at), 0);
	taken = kept_ports_take(&ports, &ticket, "alice", addr.port);
	ck_assert_uint_eq(taken.n, 2);
	ck_assert_int_eq(taken.fds[0], sockets[1].fd);
	ck_assert_int_eq(taken.fds[1], sockets[0].fd);
	sock_close_all(&taken);
	ck_assert_uint_eq(kept_ports_close(&ports), 0);
	kept_ports_fini(&ports);
}
END_TEST

/* These sockets do not have what the list asks for: they are one port, which is closed. */
static void expect_closed(const struct kept_socket *sockets, unsigned n, const spore_list *at)
{
	ck_assert_uint_eq(fill(sockets, n, at), 1);
	ck_assert(!is_kept(&ticket, "alice", addr.port));
	for (unsigned i = 0; i < n; i++)
		ck_assert_int_lt(fcntl(sockets[i].fd, F_GETFD), 0);
}

START_TEST(sockets_at_other_addresses_are_closed)
{
	spore_addr wanted[3];
	spore_list at = { wanted, 2, sizeof *wanted };
	struct kept_socket sockets[SOCK_ADDRESSES_MAX + 1];

	for (int i = 0; i < 3; i++)
		ck_assert(addr_parse_ip(
			(const char *[]){ "127.0.0.2", "127.0.0.3", "127.0.0.4" }[i], &wanted[i]));
	choose_port();
	kept_ports_init(&ports);
	sockets[0] = socket_at("127.0.0.2", addr.port); /* one is missing */
	expect_closed(sockets, 1, &at);
	sockets[0] = socket_at("127.0.0.2", addr.port); /* one is elsewhere */
	sockets[1] = socket_at("127.0.0.4", addr.port);
	expect_closed(sockets, 2, &at);
	sockets[0] = socket_at("127.0.0.2", addr.port); /* one is at another port */
	sockets[1] = socket_at("127.0.0.3", 0);
	expect_closed(sockets, 2, &at);
	sockets[0] = socket_at("127.0.0.2", 0); /* two at one address */
	sockets[1] = socket_at("127.0.0.2", 0);
	expect_closed(sockets, 2, &at);
	sockets[0] = socket_at("127.0.0.2", addr.port); /* one too many */
	sockets[1] = socket_at("127.0.0.3", addr.port);
	sockets[2] = socket_at("127.0.0.4", addr.port);
	expect_closed(sockets, 3, &at);
	for (int i = 0; i <= SOCK_ADDRESSES_MAX; i++)
		sockets[i] = socket_at("127.0.0.2", 0);
	expect_closed(sockets, SOCK_ADDRESSES_MAX + 1, &at);
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
	spore_list at = only(&addr), other = only(&elsewhere);
	struct kept_socket socket;

	kept_ports_init(&ports);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		socket.fd = sockets_listen(&addr, 1);
		snprintf(socket.name, sizeof socket.name, "%s", names[i]);
		ck_assert_uint_eq(fill(&socket, 1, &at), 1);
		ck_assert_int_lt(fcntl(socket.fd, F_GETFD), 0);
	}
	ck_assert(kept_port_name(&ticket, "", 1, socket.name));
	socket.fd = sockets_listen(&addr, 1);
	ck_assert(addr_parse("127.0.0.2:0", &elsewhere));
	ck_assert_uint_eq(fill(&socket, 1, &other), 1);
	socket.fd = dup(STDERR_FILENO);
	ck_assert_uint_eq(fill(&socket, 1, &at), 1);
	ck_assert_uint_eq(kept_ports_close(&ports), 0);
	kept_ports_fini(&ports);
}
END_TEST

START_TEST(ports_that_nobody_takes_are_closed)
{
	int fd = keep();

	ck_assert(kept_ports_has(&ports, addr.port));
	ck_assert(!kept_ports_has(&ports, addr.port ^ 1));
	ck_assert_uint_eq(kept_ports_close(&ports), 1);
	ck_assert(!kept_ports_has(&ports, addr.port));
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
	ck_assert(!is_kept(&ticket, "alice", addr.port));
	kept_ports_fini(&ports);
	fd = keep();
	kept_ports_fini(&ports);
	ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
}
END_TEST

SUITE("kept_ports", a_port_that_is_not_for_clients_is_closed,
      only_the_client_with_the_ticket_gets_the_port, names_tell_no_ticket_and_differ,
      the_sockets_of_a_port_stay_together, sockets_at_other_addresses_are_closed,
      what_is_no_kept_port_is_closed, ports_that_nobody_takes_are_closed)
