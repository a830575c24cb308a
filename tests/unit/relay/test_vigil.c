#include "relay/vigil.h"

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "sockets.h"
#include "suite.h"

enum { LIMIT_MS = 300 };

/* Looks again and again, for ms or until the finding is there. Returns the last finding. */
static enum vigil_finding look_for(struct vigil *vigil, int fd, enum vigil_finding wanted, int ms)
{
	int64_t until_ms = clock_ms() + ms;
	enum vigil_finding finding;

	do {
		usleep(20000);
		finding = vigil_look(vigil, fd, LIMIT_MS);
	} while (finding != wanted && clock_ms() < until_ms);
	return finding;
}

static void fill(int fd)
{
	static const char bytes[65536];
	int idle = 0;

	while (idle < 3) {
		if (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
			idle = 0;
			continue;
		}
		usleep(10000);
		idle++;
	}
}

START_TEST(a_peer_that_acknowledges_is_there)
{
	struct vigil vigil = { 0 };
	int fds[2];

	sockets_tcp_pair(fds);
	ck_assert_int_eq(vigil_look(&vigil, fds[0], LIMIT_MS), VIGIL_SETTLED);
	ck_assert_int_eq(send(fds[0], "x", 1, 0), 1);
	ck_assert_int_eq(look_for(&vigil, fds[0], VIGIL_SETTLED, 5000), VIGIL_SETTLED);
	ck_assert_int_eq(vigil_look(&vigil, -1, LIMIT_MS), VIGIL_SETTLED);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* The time that the connection was idle before does not count. */
START_TEST(a_peer_that_acknowledges_nothing_is_lost)
{
	struct vigil vigil = { 0 };
	int64_t began_ms;
	int fds[2];

	sockets_tcp_pair(fds);
	ck_assert_int_eq(look_for(&vigil, fds[0], VIGIL_LOST, LIMIT_MS), VIGIL_SETTLED);
	sockets_vanish(fds[1]);
	began_ms = clock_ms();
	ck_assert_int_eq(send(fds[0], "x", 1, 0), 1);
	ck_assert_int_eq(look_for(&vigil, fds[0], VIGIL_LOST, 10000), VIGIL_LOST);
	ck_assert_int_ge(clock_ms() - began_ms, LIMIT_MS);
	ck_assert_int_eq(vigil_look(&vigil, fds[0], LIMIT_MS), VIGIL_LOST);
	ck_assert_int_eq(vigil_look(&vigil, fds[0], 0), VIGIL_WAITING); /* no limit */
	/* It answers again, before anybody has acted. */
	sockets_come_back(fds[1]);
	ck_assert_int_eq(look_for(&vigil, fds[0], VIGIL_SETTLED, 10000), VIGIL_SETTLED);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* The end of the stream is a kind of data. */
START_TEST(a_peer_that_ignores_the_end_is_lost)
{
	struct vigil vigil = { 0 };
	int fds[2];

	sockets_tcp_pair(fds);
	sockets_vanish(fds[1]);
	shutdown(fds[0], SHUT_WR);
	ck_assert_int_eq(look_for(&vigil, fds[0], VIGIL_LOST, 10000), VIGIL_LOST);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* Between two probes of its closed window nothing comes for longer than the limit. */
START_TEST(a_peer_that_does_not_read_is_there)
{
	struct vigil vigil = { 0 };
	int fds[2];

	sockets_tcp_pair(fds);
	fill(fds[0]);
	ck_assert_int_eq(look_for(&vigil, fds[0], VIGIL_LOST, 8 * LIMIT_MS), VIGIL_WAITING);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(a_peer_that_does_not_read_and_vanishes_is_lost)
{
	struct vigil vigil = { 0 };
	int fds[2];

	sockets_tcp_pair(fds);
	fill(fds[0]);
	sockets_vanish(fds[1]);
	ck_assert_int_eq(look_for(&vigil, fds[0], VIGIL_LOST, 20000), VIGIL_LOST);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

SUITE("vigil", a_peer_that_acknowledges_is_there, a_peer_that_acknowledges_nothing_is_lost,
      a_peer_that_ignores_the_end_is_lost, a_peer_that_does_not_read_is_there,
      a_peer_that_does_not_read_and_vanishes_is_lost)
