#include "policy.h"

#include <string.h>

#include "suite.h"

START_TEST(what_a_policy_leaves_out_comes_from_that_of_all)
{
	spore_port_range range = { 7000, 7001 };
	struct policy own = { .max_tunnels = 5 };
	struct policy all = {
		.ports = { &range, 1, sizeof range }, .max_tunnels = 1, .max_conns = 2, .life = 3
	};

	policy_inherit(&own, &all);
	ck_assert_int_eq(own.max_tunnels, 5);
	ck_assert_int_eq(own.max_conns, 2);
	ck_assert_int_eq(own.life, 3);
	ck_assert_ptr_eq(own.ports.items, &range);
}
END_TEST

START_TEST(a_result_has_the_limits_that_are_set)
{
	spore_port_range range = { 7000, 7001 };
	struct policy policy = { .ports = { &range, 1, sizeof range }, .life = 3 };
	spore_auth_result result = { .struct_size = sizeof result };

	policy_grant(&policy, &result);
	ck_assert_uint_eq(result.fields, SPORE_AUTH_F_PORTS | SPORE_AUTH_F_LIFE);
	ck_assert_uint_eq(result.n_ports, 1);
	ck_assert_int_eq(result.life_ms, 3);
	ck_assert_uint_eq(result.max_tunnels, 0);
}
END_TEST

START_TEST(a_stated_limit_of_nothing_holds)
{
	struct policy own = { .stated = SPORE_AUTH_F_MAX_TUNNELS };
	struct policy all = { .max_tunnels = 3, .max_conns = 2 };
	spore_auth_result result = { .struct_size = sizeof result };

	policy_inherit(&own, &all);
	policy_grant(&own, &result);
	ck_assert_uint_eq(result.fields, SPORE_AUTH_F_MAX_TUNNELS | SPORE_AUTH_F_MAX_CONNS);
	ck_assert_uint_eq(result.max_tunnels, 0);
	ck_assert_uint_eq(result.max_conns, 2);
}
END_TEST

START_TEST(host_names_are_inherited_and_granted)
{
	const char *names[] = { "a.example", "*.b.example" };
	struct policy own = { .max_tunnels = 5 };
	struct policy all = { .hosts = { names, 2, sizeof *names } };
	spore_auth_result result = { .struct_size = sizeof result };

	policy_inherit(&own, &all);
	policy_grant(&own, &result);
	ck_assert_uint_eq(result.fields, SPORE_AUTH_F_MAX_TUNNELS | SPORE_AUTH_F_HOSTS);
	ck_assert_uint_eq(result.n_hosts, 2);
	ck_assert_str_eq(result.hosts[1], "*.b.example");
}
END_TEST

START_TEST(limits_on_use_are_granted_and_inherited)
{
	struct policy own = { .rate_up = 5000, .bytes_per_day = 6, .stated = 0 };
	struct policy all = { .rate_up = 1, .rate_down = 7000, .visitors_per_second = 8 };
	int64_t numbers[2][POLICY_NUMBERS];
	spore_auth_result result = { .struct_size = sizeof result };

	policy_numbers(&own, numbers[0]);
	policy_inherit(&own, &all);
	policy_numbers(&own, numbers[1]);
	ck_assert_int_ne(memcmp(numbers[0], numbers[1], sizeof numbers[0]), 0);
	policy_grant(&own, &result);
	ck_assert_uint_eq(result.fields, SPORE_AUTH_F_RATE_UP | SPORE_AUTH_F_RATE_DOWN |
	                                         SPORE_AUTH_F_BYTES_PER_DAY |
	                                         SPORE_AUTH_F_VISITORS_PER_SECOND);
	ck_assert(result.rate_up == 5000 && result.rate_down == 7000);
	ck_assert(result.bytes_per_day == 6 && result.visitors_per_second == 8);
	ck_assert_uint_eq(result.bytes_per_month, 0);
}
END_TEST

SUITE("policy", host_names_are_inherited_and_granted, limits_on_use_are_granted_and_inherited,
      a_stated_limit_of_nothing_holds, what_a_policy_leaves_out_comes_from_that_of_all,
      a_result_has_the_limits_that_are_set)
