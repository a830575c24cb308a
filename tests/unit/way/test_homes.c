#include "way/homes.h"

#include <sys/socket.h>
#include <unistd.h>

#include "net/addr.h"
#include "sockets.h"
#include "suite.h"

START_TEST(the_address_of_a_connection_is_here)
{
	struct homes homes = { .n = 0 };
	spore_addr addr;
	int fds[2];

	sockets_tcp_pair(fds);
	ck_assert(homes_have(&homes, fds[0], &addr));
	ck_assert(addr_is_loopback(&addr));
	ck_assert(homes_have(&homes, fds[1], &addr));
	ck_assert_uint_eq(homes.n, 1);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(an_answer_holds_for_the_moment)
{
	struct homes homes = { .n = 1 };
	spore_addr addr;
	int fds[2];

	sockets_tcp_pair(fds);
	ck_assert(addr_parse_ip("127.0.0.1", &homes.known[0].addr));
	ck_assert(!homes_have(&homes, fds[0], &addr));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(only_an_address_that_was_looked_for_is_lacked)
{
	struct homes homes = { .n = 2, .known = { { .is_here = true }, { .is_here = false } } };
	spore_addr third;

	ck_assert(addr_parse_ip("192.0.2.1", &homes.known[0].addr));
	ck_assert(addr_parse_ip("192.0.2.2", &homes.known[1].addr));
	ck_assert(addr_parse_ip("192.0.2.3", &third));
	ck_assert(!homes_lack(&homes, &homes.known[0].addr));
	ck_assert(homes_lack(&homes, &homes.known[1].addr));
	ck_assert(!homes_lack(&homes, &third));
}
END_TEST

START_TEST(what_has_no_ip_address_is_at_home)
{
	struct homes homes = { .n = 0 };
	spore_addr addr;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert(homes_have(&homes, fds[0], &addr));
	ck_assert_uint_eq(addr.family, 0);
	ck_assert(homes_have(&homes, -1, &addr));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

SUITE("homes", the_address_of_a_connection_is_here, an_answer_holds_for_the_moment,
      only_an_address_that_was_looked_for_is_lacked, what_has_no_ip_address_is_at_home)
