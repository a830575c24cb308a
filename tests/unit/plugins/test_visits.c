#include "visits.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

enum { ROOM = 64 };

static struct visits visits;
static struct visit *all[ROOM];
static int near[ROOM], far[ROOM];
static size_t n;

/* A visit from this address; its number. */
static size_t visit_from(const char *ip, int64_t now_ms)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	bool is_v4 = inet_pton(AF_INET, ip, &v4.sin_addr) == 1;
	int pair[2];

	ck_assert(is_v4 || inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	near[n] = pair[0];
	far[n] = pair[1];
	all[n] = visits_add(&visits, pair[0],
	                    is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, now_ms);
	ck_assert_ptr_nonnull(all[n]);
	return n++;
}

/* Has the connection been shut down, as its peer sees it? */
static bool is_sent_away(size_t i)
{
	char byte;
	ssize_t got = recv(far[i], &byte, 1, MSG_DONTWAIT);

	ck_assert((got == 0) == (all[i]->sent_away != 0));
	return got == 0;
}

static void end_visit(size_t i)
{
	visits_remove(&visits, all[i]);
	all[i] = NULL;
	close(near[i]);
	close(far[i]);
}

static void tear_down(void)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i])
			end_visit(i);
	}
	ck_assert_ptr_null(visits.oldest);
	ck_assert_ptr_null(visits.newest);
}

START_TEST(the_oldest_of_a_source_goes)
{
	visit_from("192.0.2.1", 0);
	for (int i = 0; i < VISITS_MAX_OF_SOURCE; i++)
		visit_from("192.0.2.2", 0);
	ck_assert(!is_sent_away(1));
	visit_from("192.0.2.2", 0);
	ck_assert(is_sent_away(1));
	ck_assert(!is_sent_away(0)); /* the oldest of all is another's */
	ck_assert(!is_sent_away(2));
	visit_from("192.0.2.2", 0); /* the one that was sent away no longer counts */
	ck_assert(is_sent_away(2));
	ck_assert(!is_sent_away(3));
	tear_down();
}
END_TEST

START_TEST(the_oldest_of_all_goes)
{
	char ip[32];

	for (int i = 0; i < VISITS_MAX; i++) {
		snprintf(ip, sizeof ip, "192.0.2.%d", i);
		visit_from(ip, 0);
	}
	ck_assert(!is_sent_away(0));
	visit_from("192.0.2.200", 0);
	ck_assert(is_sent_away(0));
	ck_assert(!is_sent_away(1));
	ck_assert(!is_sent_away(VISITS_MAX));
	tear_down();
}
END_TEST

START_TEST(a_visit_that_ends_makes_room)
{
	for (int i = 0; i < VISITS_MAX_OF_SOURCE; i++)
		visit_from("192.0.2.2", 0);
	end_visit(3);
	visit_from("192.0.2.2", 0);
	ck_assert(!is_sent_away(0));
	end_visit(0);
	end_visit(VISITS_MAX_OF_SOURCE);
	visit_from("192.0.2.2", 0);
	ck_assert(!is_sent_away(1));
	tear_down();
}
END_TEST

START_TEST(a_source_of_ipv6_is_a_64)
{
	for (int i = 0; i < VISITS_MAX_OF_SOURCE; i++)
		visit_from("2001:db8::1", 0);
	visit_from("2001:db8:0:1::1", 0);
	ck_assert(!is_sent_away(0));
	visit_from("2001:db8::ffff:0:0:2", 0);
	ck_assert(is_sent_away(0));
	tear_down();
}
END_TEST

START_TEST(a_mapped_address_is_ipv4)
{
	for (int i = 0; i < VISITS_MAX_OF_SOURCE; i++)
		visit_from("192.0.2.1", 0);
	visit_from("::ffff:192.0.2.2", 0);
	ck_assert(!is_sent_away(0));
	visit_from("::ffff:192.0.2.1", 0);
	ck_assert(is_sent_away(0));
	tear_down();
}
END_TEST

START_TEST(each_has_a_deadline)
{
	visit_from("192.0.2.1", 1000);
	visit_from("192.0.2.1", 2000);
	visits_expire(&visits, 1000 + VISITS_DEADLINE_MS - 1);
	ck_assert(!is_sent_away(0));
	visits_expire(&visits, 1000 + VISITS_DEADLINE_MS);
	ck_assert(is_sent_away(0));
	ck_assert(!is_sent_away(1));
	visits_expire(&visits, 2000 + VISITS_DEADLINE_MS);
	ck_assert(is_sent_away(1));
	tear_down();
}
END_TEST

SUITE("visits", the_oldest_of_a_source_goes, the_oldest_of_all_goes, a_visit_that_ends_makes_room,
      a_source_of_ipv6_is_a_64, a_mapped_address_is_ipv4, each_has_a_deadline)
