#include "host/grant.h"

#include <string.h>

#include "suite.h"

START_TEST(everything_is_copied)
{
	spore_port_range ports[] = { { 10, 20 }, { 30, 30 } };
	char identity[] = "alice?", reason[] = "why";
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = SPORE_AUTH_F_PORTS | SPORE_AUTH_F_LIFE,
		                     .identity = { identity, 5 },
		                     .reason = spore_cstr(reason),
		                     .session = 7,
		                     .ports = ports,
		                     .n_ports = 2,
		                     .max_tunnels = 3,
		                     .max_conns = 4,
		                     .life_ms = 5 };
	struct grant *grant = grant_new(&result), *copy;

	memset(identity, 'x', 5);
	reason[0] = 'x';
	ports[0].lo = 1;
	copy = grant_copy(grant);
	grant_free(grant);
	ck_assert_str_eq(copy->identity, "alice");
	ck_assert_str_eq(copy->reason, "why");
	ck_assert_uint_eq(copy->session, 7);
	ck_assert(copy->fields == (SPORE_AUTH_F_PORTS | SPORE_AUTH_F_LIFE) && copy->life_ms == 5);
	ck_assert(copy->max_tunnels == 3 && copy->max_conns == 4);
	ck_assert(!grant_has_port(copy, 9) && grant_has_port(copy, 10) && grant_has_port(copy, 20));
	ck_assert(!grant_has_port(copy, 21) && grant_has_port(copy, 30) &&
	          !grant_has_port(copy, 31));
	grant_free(copy);
	grant_free(NULL);
}
END_TEST

START_TEST(nothing_is_an_empty_grant)
{
	struct grant *grant = grant_new(NULL);

	ck_assert_str_eq(grant->identity, "");
	ck_assert_str_eq(grant->reason, "");
	ck_assert_uint_eq(grant->fields, 0);
	ck_assert(grant_has_port(grant, 0) && grant_has_port(grant, 65535));
	grant_free(grant);
}
END_TEST

START_TEST(a_grant_may_have_no_port)
{
	spore_auth_result result = { .struct_size = sizeof result, .fields = SPORE_AUTH_F_PORTS };
	struct grant *grant = grant_new(&result);

	for (unsigned port = 0; port <= 65535; port += 5)
		ck_assert(!grant_has_port(grant, (uint16_t)port));
	grant_free(grant);
}
END_TEST

/* From a plugin of an older minor: nothing behind the end of its struct is read. */
START_TEST(an_older_result_is_shorter)
{
	size_t size = offsetof(spore_auth_result, session);
	spore_auth_result *older = malloc(size), whole = { .struct_size = (uint32_t)size,
		                                           .fields = SPORE_AUTH_F_PORTS,
		                                           .identity = spore_cstr("bob") };
	struct grant *grant;

	ck_assert_ptr_nonnull(older);
	memcpy(older, &whole, size);
	grant = grant_new(older);
	free(older);
	ck_assert_str_eq(grant->identity, "bob");
	ck_assert_uint_eq(grant->session, 0);
	ck_assert_uint_eq(grant->n_ports, 0);
	ck_assert(!grant_has_port(grant, 80));
	grant_free(grant);
}
END_TEST

SUITE("grant", everything_is_copied, nothing_is_an_empty_grant, a_grant_may_have_no_port,
      an_older_result_is_shorter)
