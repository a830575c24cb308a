#include "quota/ports.h"

#include <string.h>

#include "host/instance.h"
#include "sockets.h"
#include "suite.h"

/* The server's public ports have this address. */
static void listen_on(struct server_settings *settings, const char *ip)
{
	static spore_addr address;

	ck_assert(addr_parse_ip(ip, &address));
	settings->bind_tunnels = (spore_list){ &address, 1, sizeof address };
}

/* The first socket; -1: none. */
static int open_port(const struct server_settings *settings, const struct grant *grant,
                     uint16_t wanted, enum refusal *why_out)
{
	struct sockets sockets;

	return ports_open(settings, grant, wanted, &sockets, why_out) ? sockets.fds[0] : -1;
}

static bool is_free(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		                  .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	bool good = bind(fd, (struct sockaddr *)&in, sizeof in) == 0 && listen(fd, 1) == 0;

	close(fd);
	return good;
}

/* A range of `n` ports that are free now, below the ports that the kernel assigns by itself. */
static struct server_settings make(spore_port_range *range, uint16_t n)
{
	struct server_settings settings = { .public_ports = { range, 1, sizeof *range } };
	uint16_t first = (uint16_t)(12000 + getpid() % 10000);

	for (uint16_t i = 0; i < n; i++) {
		if (!is_free((uint16_t)(first + i))) {
			first = (uint16_t)(first + i + 1);
			i = UINT16_MAX; /* start again */
		}
	}
	*range = (spore_port_range){ first, (uint16_t)(first + n - 1) };
	listen_on(&settings, "127.0.0.1");
	return settings;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in in;
	socklen_t len = sizeof in;

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	return ntohs(in.sin_port);
}

static void check_refused(const struct server_settings *settings, const struct grant *grant,
                          uint16_t wanted, enum refusal expected)
{
	enum refusal why = REFUSED_UNKNOWN;

	ck_assert_int_eq(open_port(settings, grant, wanted, &why), -1);
	ck_assert_int_eq(why, expected);
}

START_TEST(what_refuses_a_port_is_named)
{
	spore_port_range range, own[] = { { 20000, 20010 }, { 22000, 22000 } }, many[20];
	struct server_settings settings = make(&range, 1);
	struct instance people = { .name = (char[]){ "people" } };
	struct grant grant = { .fields = SPORE_AUTH_F_PORTS, .ports = own, .n_ports = 2 };
	struct limit_hit hit;

	settings.min_port = 1024;
	settings.max_port = 65535;
	settings.control_port = 7835;
	hit = ports_limit(&settings, NULL, NULL, REFUSED_PORT_NOT_ALLOWED, 80);
	ck_assert_str_eq(hit.range, "1024-65535");
	ck_assert_str_eq(hit.from, "server.min_port, server.max_port");
	ck_assert_int_eq(ports_find_refuser(&settings, NULL, 0), PORTS_OF_SERVER);
	ck_assert_int_eq(ports_find_refuser(&settings, &grant, 0), PORTS_OF_GRANT);
	ck_assert_int_eq(ports_find_refuser(&settings, &grant, 7835), PORTS_RESERVED);
	settings.ports = settings.public_ports;
	own[1].hi = own[1].lo = range.lo;
	hit = ports_limit(&settings, &people, &grant, REFUSED_NO_PORT_LEFT, 0);
	ck_assert_str_eq(hit.from, "ports of the identity");
	ck_assert_str_eq(hit.plugin, "people");
	ck_assert_int_eq(strncmp(hit.range, "20000-20010,", 12), 0);
	hit = ports_limit(&settings, &people, &grant, REFUSED_PORT_NOT_ALLOWED, 80);
	ck_assert_str_eq(hit.from, "server.ports");
	grant.n_ports = 0;
	hit = ports_limit(&settings, &people, &grant, REFUSED_PORT_NOT_ALLOWED, range.lo);
	ck_assert_str_eq(hit.range, "none");
	for (size_t i = 0; i < 20; i++)
		many[i] = (spore_port_range){ 30000, 30001 };
	grant.ports = many;
	grant.n_ports = 20;
	hit = ports_limit_of_grant(&people, &grant, REFUSED_PORT_NOT_ALLOWED);
	ck_assert_str_eq(hit.range,
	                 "30000-30001,30000-30001,30000-30001,30000-30001,30000-30001,...");
}
END_TEST

START_TEST(a_port_is_open_at_all_addresses_or_at_none)
{
	spore_port_range range;
	struct server_settings settings = make(&range, 1);
	spore_addr addresses[2];
	struct sockets sockets;
	enum refusal why;

	ck_assert(addr_parse_ip("127.0.0.1", &addresses[0]));
	ck_assert(addr_parse_ip("127.0.0.2", &addresses[1]));
	settings.bind_tunnels = (spore_list){ addresses, 2, sizeof *addresses };
	ck_assert(ports_open(&settings, NULL, range.lo, &sockets, &why));
	ck_assert_uint_eq(sockets.n, 2);
	ck_assert_uint_eq(port_of(sockets.fds[0]), range.lo);
	ck_assert_uint_eq(port_of(sockets.fds[1]), range.lo);
	close(sockets.fds[0]);
	check_refused(&settings, NULL, range.lo, REFUSED_PORT_IN_USE); /* by the second socket */
	ck_assert(is_free(range.lo)); /* the first has been closed */
	close(sockets.fds[1]);
}
END_TEST

START_TEST(a_wanted_port_listens)
{
	spore_port_range range;
	struct server_settings settings = make(&range, 1);
	enum refusal why = REFUSED_UNKNOWN;
	int fd = open_port(&settings, NULL, range.lo, &why), accepting = 0;

	ck_assert_msg(fd >= 0, "%s", refusal_text(why));
	ck_assert_uint_eq(port_of(fd), range.lo);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting,
	                            &(socklen_t){ sizeof accepting }),
	                 0);
	ck_assert_int_eq(accepting, 1);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	check_refused(&settings, NULL, range.lo, REFUSED_PORT_IN_USE);
	close(fd);
}
END_TEST

START_TEST(outside_the_range_is_refused)
{
	spore_port_range range;
	struct server_settings settings = make(&range, 3);

	check_refused(&settings, NULL, (uint16_t)(range.lo - 1), REFUSED_PORT_NOT_ALLOWED);
	check_refused(&settings, NULL, (uint16_t)(range.hi + 1), REFUSED_PORT_NOT_ALLOWED);
	check_refused(&settings, NULL, 1, REFUSED_PORT_NOT_ALLOWED);
	settings.public_ports.count = 0;
	check_refused(&settings, NULL, range.lo, REFUSED_PORT_NOT_ALLOWED);
	check_refused(&settings, NULL, 0, REFUSED_NO_PORT_LEFT);
}
END_TEST

static void check_limit(const struct server_settings *settings, uint16_t port, const char *range,
                        const char *from)
{
	struct limit_hit hit = ports_limit(settings, NULL, NULL, REFUSED_PORT_NOT_ALLOWED, port);

	ck_assert_str_eq(hit.range, range);
	ck_assert_str_eq(hit.from, from);
}

START_TEST(a_reservation_has_its_reason)
{
	static const spore_port_range ranges[] = { { 80, 80 }, { 443, 445 }, { 500, 500 } };
	spore_list reserved[] = { { &ranges[0], 1, sizeof *ranges },
		                  { &ranges[1], 2, sizeof *ranges } };
	struct server_settings settings = { .reserved_ports = { reserved, 2, sizeof *reserved },
		                            .control_port = 7835 };
	static const uint16_t taken[] = { 80, 443, 445, 500 }, free_ones[] = { 79, 442, 446, 499 };

	for (size_t i = 0; i < 4; i++) {
		ck_assert_str_eq(ports_reservation(&settings, taken[i]),
		                 "it is reserved (reserved_ports)");
		ck_assert_ptr_null(ports_reservation(&settings, free_ones[i]));
	}
	ck_assert_str_eq(ports_reservation(&settings, 7835), "it is the control port");
	check_limit(&settings, 80, "80", "server.reserved_ports");
	check_limit(&settings, 500, "443-445,500", "server.reserved_ports");
	check_limit(&settings, 7835, "7835", "server.control_port");
}
END_TEST

START_TEST(any_port_finds_the_last_one_that_is_free)
{
	spore_port_range range;
	struct server_settings settings = make(&range, 40);
	bool seen[40] = { false };
	enum refusal why;
	int fds[40], n = 0;

	for (; n < 40 && (fds[n] = open_port(&settings, NULL, 0, &why)) >= 0; n++) {
		uint16_t port = port_of(fds[n]);

		ck_assert(port >= range.lo && port <= range.hi && !seen[port - range.lo]);
		seen[port - range.lo] = true;
	}
	ck_assert_int_eq(n, 40);
	check_refused(&settings, NULL, 0, REFUSED_NO_PORT_LEFT);
	while (n > 0)
		close(fds[--n]);
}
END_TEST

START_TEST(a_grant_narrows_the_range)
{
	spore_port_range range, granted[2];
	struct server_settings settings = make(&range, 20);
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = SPORE_AUTH_F_PORTS,
		                     .ports = granted,
		                     .n_ports = 2 };
	struct grant *grant;
	enum refusal why;

	granted[0] = (spore_port_range){ 1, 1 }; /* granted, but not in the server's range */
	granted[1] = (spore_port_range){ (uint16_t)(range.lo + 5), (uint16_t)(range.lo + 9) };
	grant = grant_new(&result);
	check_refused(&settings, grant, range.lo, REFUSED_PORT_NOT_ALLOWED);
	check_refused(&settings, grant, 1, REFUSED_PORT_NOT_ALLOWED);
	for (int i = 0; i < 10; i++) {
		int fd = open_port(&settings, grant, 0, &why);

		ck_assert_msg(fd >= 0, "%s", refusal_text(why));
		ck_assert(port_of(fd) >= range.lo + 5 && port_of(fd) <= range.lo + 9);
		close(fd);
	}
	grant->n_ports = 0;
	check_refused(&settings, grant, 0, REFUSED_NO_PORT_LEFT);
	grant_free(grant);
}
END_TEST

/* A wide grant on a server with few ports, and the reverse: only ports that both allow are
 * tried. */
START_TEST(a_wide_grant_finds_the_few_ports_of_the_server)
{
	spore_port_range range, granted[] = { { 1, 30000 }, { 30001, 65535 } };
	struct server_settings settings = make(&range, 2);
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = SPORE_AUTH_F_PORTS,
		                     .ports = granted,
		                     .n_ports = 2 };
	struct grant *grant = grant_new(&result);
	enum refusal why;
	int one, two;

	for (int i = 0; i < 20; i++) {
		one = open_port(&settings, grant, 0, &why);
		two = open_port(&settings, grant, 0, &why);
		ck_assert_msg(one >= 0 && two >= 0, "%s", refusal_text(why));
		ck_assert_uint_eq(port_of(one) + port_of(two), range.lo + range.hi);
		check_refused(&settings, grant, 0, REFUSED_NO_PORT_LEFT);
		close(one);
		close(two);
	}
	grant_free(grant);
}
END_TEST

START_TEST(an_address_that_is_not_ours_fails_to_bind)
{
	spore_port_range range;
	struct server_settings settings = make(&range, 1);

	listen_on(&settings, "192.0.2.123");
	check_refused(&settings, NULL, range.lo, REFUSED_PORT_NOT_BOUND);
}
END_TEST

START_TEST(an_address_of_another_host_is_seen)
{
	spore_port_range range;
	struct server_settings settings = make(&range, 1);
	enum refusal why;

	ck_assert_ptr_null(ports_find_missing(&settings));
	listen_on(&settings, "192.0.2.1"); /* for documents (RFC 5737) */
	ck_assert_ptr_eq(ports_find_missing(&settings), settings.bind_tunnels.items);
	ck_assert_int_eq(open_port(&settings, NULL, 0, &why), -1);
}
END_TEST

START_TEST(some_ports_send_headers)
{
	static const spore_port_range first[] = { { 80, 80 } },
				      second[] = { { 90, 92 }, { 99, 99 } };
	static const spore_list lists[] = { { first, 1, sizeof *first },
		                            { second, 2, sizeof *second } };
	struct server_settings settings = { .send_proxy_ports = { lists, 2, sizeof *lists } };
	static const uint16_t in[] = { 80, 90, 92, 99 }, out[] = { 79, 81, 89, 93, 100 };

	for (size_t i = 0; i < sizeof in / sizeof *in; i++)
		ck_assert(ports_send_proxy(&settings, in[i]));
	for (size_t i = 0; i < sizeof out / sizeof *out; i++)
		ck_assert(!ports_send_proxy(&settings, out[i]));
}
END_TEST

START_TEST(a_routed_port_has_an_entry_of_its_own)
{
	spore_port_range range = { 1, 90 };
	struct public_settings items[] = { { .ports = { &range, 1, sizeof range } },
		                           { .listen_port = 80 } };
	spore_list entries = { items, 2, sizeof *items };

	ck_assert_uint_eq(ports_find_entry(&entries, 80), 0);
	ck_assert_uint_eq(ports_find_shared(&entries, 80), 1);
	ck_assert(ports_find_shared(&entries, 81) == SIZE_MAX);
}
END_TEST

START_TEST(a_routed_port_is_in_use)
{
	static const spore_port_range all = { 1, 99 }, shared = { 80, 80 };
	static const spore_port_range own[] = { { 1, 79 }, { 81, 99 } };
	static const spore_list reserved = { &shared, 1, sizeof shared };
	struct server_settings settings = { .ports = { &all, 1, sizeof all },
		                            .public_ports = { own, 2, sizeof *own },
		                            .routed_ports = { &shared, 1, sizeof shared } };
	enum refusal why;

	ck_assert(ports_refuse(&settings, NULL, 80, &why));
	ck_assert_int_eq(why, REFUSED_PORT_IN_USE);
	ck_assert_str_eq(ports_reservation(&settings, 80),
	                 "tunnels share it by their host names (listen_port)");
	check_limit(&settings, 80, "80", "public[].listen_port");
	settings.reserved_ports = (spore_list){ &reserved, 1, sizeof reserved };
	ck_assert(ports_refuse(&settings, NULL, 80, &why));
	ck_assert_int_eq(why, REFUSED_PORT_NOT_ALLOWED);
}
END_TEST

SUITE("ports", a_routed_port_is_in_use, a_routed_port_has_an_entry_of_its_own,
      some_ports_send_headers, what_refuses_a_port_is_named,
      a_port_is_open_at_all_addresses_or_at_none, a_wanted_port_listens,
      outside_the_range_is_refused, a_reservation_has_its_reason,
      any_port_finds_the_last_one_that_is_free, a_grant_narrows_the_range,
      a_wide_grant_finds_the_few_ports_of_the_server, an_address_that_is_not_ours_fails_to_bind,
      an_address_of_another_host_is_seen)
