#include "client/match.h"

#include "config/settings.h"
#include "suite.h"

#define LIST(tunnels)                                                                              \
	{                                                                                          \
		.items = (tunnels), .count = sizeof(tunnels) / sizeof *(tunnels)                   \
	}

static struct tunnel_settings tunnel(const char *name, int64_t local_port, int64_t port)
{
	return (struct tunnel_settings){
		.name = name, .local_host = "localhost", .local_port = local_port, .port = port
	};
}

START_TEST(names_come_first)
{
	struct tunnel_settings now[] = { tunnel("a", 1, 80), tunnel("b", 2, 81) };
	struct tunnel_settings next[] = { tunnel("b", 1, 80), tunnel("a", 2, 81),
		                          tunnel("c", 1, 80) };
	spore_list from = LIST(now), to = LIST(next);
	struct match matches[3];

	match_tunnels(&from, &to, matches);
	ck_assert_uint_eq(matches[0].before, 1);
	ck_assert_uint_eq(matches[1].before, 0);
	ck_assert(!matches[0].is_same && !matches[1].is_same);
	ck_assert(matches[2].before == MATCH_NONE);
	ck_assert(match_continues(matches, 3, 0));
	ck_assert(!match_continues(matches, 3, 2));
}
END_TEST

START_TEST(another_service_is_no_difference_for_the_server)
{
	struct tunnel_settings now[] = { tunnel("a", 1, 80), tunnel("localhost:2", 2, 81) };
	struct tunnel_settings next[] = { tunnel("a", 7, 80), tunnel("localhost:8", 8, 81) };
	spore_list from = LIST(now), to = LIST(next);
	struct match matches[2];

	match_tunnels(&from, &to, matches);
	ck_assert_uint_eq(matches[0].before, 0);
	ck_assert_uint_eq(matches[1].before, 1);
	ck_assert(matches[0].is_same && matches[1].is_same);
}
END_TEST

START_TEST(a_service_may_be_a_unix_socket)
{
	struct tunnel_settings now[] = { tunnel("a", 1, 0), tunnel("b", 2, 0) };
	struct tunnel_settings next[] = { tunnel("c", 1, 0), tunnel("d", 2, 0) };
	spore_list from = LIST(now), to = LIST(next);
	struct match matches[2];

	now[1].local_path = next[0].local_path = "/run/x.sock";
	now[1].local_host = next[0].local_host = NULL;
	match_tunnels(&from, &to, matches);
	ck_assert_uint_eq(matches[0].before, 1);
	ck_assert(matches[1].before == MATCH_NONE);
}
END_TEST

START_TEST(what_the_server_is_told_is_a_difference)
{
	static const char *const one[] = { "name=a" }, *const other[] = { "name=b" };
	struct tunnel_settings now[] = { tunnel("a", 1, 0), tunnel("x", 2, 0) };
	struct tunnel_settings next[] = { tunnel("b", 1, 0), tunnel("x", 2, 0) };
	spore_list from = LIST(now), to = LIST(next);
	struct match matches[2];

	now[0].about = one;
	next[0].about = other;
	now[0].n_about = next[0].n_about = 1;
	now[1].about = one;
	now[1].n_about = 1;
	match_tunnels(&from, &to, matches);
	ck_assert_uint_eq(matches[0].before, 0); /* by its service */
	ck_assert(!matches[0].is_same);
	ck_assert_uint_eq(matches[1].before, 1);
	ck_assert(!matches[1].is_same);
	next[0].about = one;
	match_tunnels(&from, &to, matches);
	ck_assert(matches[0].is_same);
}
END_TEST

START_TEST(ports_that_the_server_chooses_tell_nothing)
{
	struct tunnel_settings now[] = { tunnel("a", 1, 0) }, next[] = { tunnel("b", 2, 0) };
	spore_list from = LIST(now), to = LIST(next), none = { .count = 0 };
	struct match match;

	match_tunnels(&from, &to, &match);
	ck_assert(match.before == MATCH_NONE);
	match_tunnels(&none, &to, &match);
	ck_assert(match.before == MATCH_NONE);
}
END_TEST

SUITE("match", names_come_first, another_service_is_no_difference_for_the_server,
      a_service_may_be_a_unix_socket, what_the_server_is_told_is_a_difference,
      ports_that_the_server_chooses_tell_nothing)
