#include "host/grant.h"

#include <string.h>

#include "suite.h"

START_TEST(everything_is_copied)
{
	spore_port_range ports[] = { { 10, 20 }, { 30, 30 } };
	const uint32_t everything = SPORE_AUTH_F_PORTS | SPORE_AUTH_F_MAX_TUNNELS |
	                            SPORE_AUTH_F_MAX_CONNS | SPORE_AUTH_F_LIFE |
	                            SPORE_AUTH_F_RATE_UP | SPORE_AUTH_F_RATE_DOWN |
	                            SPORE_AUTH_F_BYTES_PER_DAY | SPORE_AUTH_F_BYTES_PER_MONTH |
	                            SPORE_AUTH_F_VISITORS_PER_SECOND | SPORE_AUTH_F_SHARE;
	char identity[] = "alice?", reason[] = "why";
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = everything,
		                     .identity = { identity, 5 },
		                     .reason = spore_cstr(reason),
		                     .session = 7,
		                     .ports = ports,
		                     .n_ports = 2,
		                     .max_tunnels = 3,
		                     .max_conns = 4,
		                     .life_ms = 5,
		                     .rate_up = 6,
		                     .rate_down = 7,
		                     .bytes_per_day = 8,
		                     .bytes_per_month = 9,
		                     .visitors_per_second = 10,
		                     .share = 1 };
	struct grant *grant = grant_new(&result), *copy;

	memset(identity, 'x', 5);
	reason[0] = 'x';
	ports[0].lo = 1;
	copy = grant_copy(grant);
	grant_free(grant);
	ck_assert_str_eq(copy->identity, "alice");
	ck_assert_str_eq(copy->reason, "why");
	ck_assert_uint_eq(copy->session, 7);
	ck_assert(copy->fields == everything && copy->life_ms == 5);
	ck_assert(copy->max_tunnels == 3 && copy->max_conns == 4);
	ck_assert(copy->rate_up == 6 && copy->rate_down == 7 && copy->bytes_per_day == 8);
	ck_assert(copy->bytes_per_month == 9 && copy->visitors_per_second == 10);
	ck_assert_uint_eq(copy->share, 1);
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

/* A plugin of a newer minor may have more fields. Nothing behind the end of ABI 1.0 is read. */
START_TEST(a_result_may_grow_but_not_shrink)
{
	size_t size = offsetof(spore_auth_result, life_ms) + sizeof(int64_t);
	spore_auth_result *first = malloc(size), whole = { .struct_size = (uint32_t)size,
		                                           .fields = SPORE_AUTH_F_PORTS,
		                                           .identity = spore_cstr("bob") };
	struct grant *grant;

	ck_assert_ptr_nonnull(first);
	memcpy(first, &whole, size);
	ck_assert_ptr_null(grant_fault(first));
	grant = grant_new(first);
	free(first);
	ck_assert_str_eq(grant->identity, "bob");
	ck_assert(!grant_has_port(grant, 80));
	grant_free(grant);
	whole.struct_size = 100000;
	ck_assert_ptr_null(grant_fault(&whole));
	whole.fields = SPORE_AUTH_F_BYTES_PER_DAY; /* a member that ABI 1.0 does not have */
	ck_assert_ptr_null(grant_fault(&whole));
	whole.struct_size = (uint32_t)size;
	ck_assert_ptr_nonnull(grant_fault(&whole));
	whole.struct_size = offsetof(spore_auth_result, share); /* there are limits, but no share */
	ck_assert_ptr_null(grant_fault(&whole));
	whole.fields = SPORE_AUTH_F_SHARE;
	ck_assert_ptr_nonnull(grant_fault(&whole));
	whole.struct_size = sizeof whole;
	ck_assert_ptr_null(grant_fault(&whole));
	whole.fields = SPORE_AUTH_F_PORTS;
	whole.struct_size = (uint32_t)size - 1;
	ck_assert_ptr_nonnull(grant_fault(&whole));
	whole.struct_size = 0;
	ck_assert_ptr_nonnull(grant_fault(&whole));
}
END_TEST

/* Checks a result in which only `wrong` differs from a good one. */
static void check_fault(spore_auth_result wrong, const char *about)
{
	const char *fault;

	wrong.struct_size = sizeof wrong;
	fault = grant_fault(&wrong);
	ck_assert_msg(fault && strncmp(fault, about, strlen(about)) == 0, "%s: %s", about,
	              fault ? fault : "no fault");
}

START_TEST(a_wrong_result_is_told_by_its_field)
{
	static spore_port_range many[SPORE_AUTH_PORTS_MAX + 1];
	static const spore_port_range inverted = { 30, 20 }, zero = { 0, 20 };

	for (size_t i = 0; i < sizeof many / sizeof *many; i++)
		many[i] = (spore_port_range){ 1, 1 };
	check_fault((spore_auth_result){ .fields = 1u << 31 }, "fields");
	check_fault((spore_auth_result){ .fields = SPORE_AUTH_F_RATE_UP }, "rate_up");
	check_fault((spore_auth_result){ .rate_up = 5 }, "rate_up");
	check_fault((spore_auth_result){ .fields = SPORE_AUTH_F_RATE_DOWN }, "rate_down");
	check_fault((spore_auth_result){ .bytes_per_day = 5 }, "bytes_per_day");
	check_fault((spore_auth_result){ .bytes_per_month = 5 }, "bytes_per_month");
	check_fault((spore_auth_result){ .visitors_per_second = 5 }, "visitors_per_second");
	check_fault((spore_auth_result){ .reserved = 5 }, "reserved:");
	check_fault((spore_auth_result){ .share = 1 }, "share");
	check_fault((spore_auth_result){ .fields = SPORE_AUTH_F_SHARE, .share = 2 }, "share");
	check_fault((spore_auth_result){ .reserved_2 = 5 }, "reserved_2");
	check_fault((spore_auth_result){ .fields = SPORE_AUTH_F_PORTS, .n_ports = 5 }, "ports");
	check_fault((spore_auth_result){ .fields = SPORE_AUTH_F_PORTS,
	                                 .ports = &inverted,
	                                 .n_ports = 1 },
	            "ports");
	check_fault(
		(spore_auth_result){ .fields = SPORE_AUTH_F_PORTS, .ports = &zero, .n_ports = 1 },
		"ports");
	check_fault((spore_auth_result){ .fields = SPORE_AUTH_F_PORTS,
	                                 .ports = many,
	                                 .n_ports = SPORE_AUTH_PORTS_MAX + 1 },
	            "ports");
	check_fault((spore_auth_result){ .ports = many, .n_ports = 1 }, "n_ports");
	check_fault((spore_auth_result){ .max_tunnels = 1 }, "max_tunnels");
	check_fault((spore_auth_result){ .max_conns = 1 }, "max_conns");
	check_fault((spore_auth_result){ .life_ms = 1 }, "life_ms");
	check_fault((spore_auth_result){ .fields = SPORE_AUTH_F_LIFE, .life_ms = -1 }, "life_ms");
	check_fault((spore_auth_result){ .identity = { NULL, 10 } }, "identity");
	check_fault((spore_auth_result){ .reason = { NULL, 10 } }, "reason");
}
END_TEST

START_TEST(a_life_has_no_end_too_far_away)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = SPORE_AUTH_F_LIFE,
		                     .life_ms = INT64_MAX };
	struct grant *grant;

	ck_assert_ptr_null(grant_fault(&result));
	grant = grant_new(&result);
	ck_assert_int_lt(grant->life_ms, INT64_MAX);
	ck_assert_int_gt(grant->life_ms, INT64_MAX / 4);
	grant_free(grant);
}
END_TEST

START_TEST(an_identity_is_a_line_of_text)
{
	static const char *const good[] = { "",
		                            "alice",
		                            "a b\"{}'\\=,;|#:@!",
		                            "\xC3\xA4\xE2\x82\xAC",
		                            "\xF0\x9F\x84\xA0",
		                            "\xC2\xA0" };
	static const char *const bad[] = { "a\nb",          "\t",          "\x1b[31m", "\x7f",
		                           "\xC2\x80",      "\xC2\x9F",    "\xFF",     "\xC3",
		                           "\xEF\xBB\xBFx", "\xED\xA0\x80" };
	char text[SPORE_IDENTITY_MAX + 1];

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(!identity_fault(spore_cstr(good[i])), "good %zu", i);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(identity_fault(spore_cstr(bad[i])) != NULL, "bad %zu", i);
	ck_assert_ptr_nonnull(identity_fault((spore_str){ "a\0b", 3 }));
	memset(text, 'x', sizeof text);
	ck_assert_ptr_null(identity_fault((spore_str){ text, SPORE_IDENTITY_MAX }));
	ck_assert_ptr_nonnull(identity_fault((spore_str){ text, SPORE_IDENTITY_MAX + 1 }));
}
END_TEST

/* It is the plugin's secret, and goes to one place only. */
START_TEST(a_verifier_is_not_copied_on)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .verifier = { "a\0b", 3 },
		                     .verifier_hint = 7,
		                     .verifier_life_ms = 9 };
	struct grant *grant = grant_new(&result), *copy = grant_copy(grant);

	ck_assert_uint_eq(grant->verifier_len, 3);
	ck_assert_mem_eq(grant->verifier, "a\0b", 3);
	ck_assert_uint_eq(grant->verifier_hint, 7);
	ck_assert_int_eq(grant->verifier_life_ms, 9);
	ck_assert_ptr_null(copy->verifier);
	grant_drop_verifier(grant);
	grant_drop_verifier(grant);
	ck_assert_ptr_null(grant->verifier);
	grant_free(grant);
	grant_free(copy);
	result.verifier.len = SPORE_AUTH_VERIFIER_MAX + 1;
	ck_assert_str_eq(grant_fault(&result), "verifier: longer than SPORE_AUTH_VERIFIER_MAX");
	result.verifier = (spore_str){ NULL, 1 };
	ck_assert_str_eq(grant_fault(&result), "verifier: NULL with a length");
	result.verifier = (spore_str){ NULL, 0 };
	result.verifier_life_ms = -1;
	ck_assert_str_eq(grant_fault(&result), "verifier_life_ms: negative");
	result.struct_size = offsetof(spore_auth_result, verifier); /* of an older writer */
	ck_assert_ptr_null(grant_fault(&result));
}
END_TEST

START_TEST(host_names_are_copied_and_cover_what_they_stand_for)
{
	const char *hosts[] = { "App.Example.", "*.b.example" };
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = SPORE_AUTH_F_HOSTS,
		                     .hosts = hosts,
		                     .n_hosts = 2 };
	struct grant *grant = grant_new(&result), *copy = grant_copy(grant);

	ck_assert_ptr_null(grant_fault(&result));
	grant_free(grant);
	ck_assert_uint_eq(copy->fields, SPORE_AUTH_F_HOSTS);
	ck_assert(grant_has_host(copy, "app.example") && grant_has_host(copy, "x.b.example"));
	ck_assert(grant_has_host(copy, "*.b.example") && !grant_has_host(copy, "b.example"));
	ck_assert(!grant_has_host(copy, "*.example") && !grant_has_host(NULL, "app.example"));
	grant_free(copy);
	grant = grant_new(NULL);
	ck_assert(!grant_has_host(grant, "app.example"));
	grant_free(grant);
}
END_TEST

START_TEST(wrong_host_names_are_faults)
{
	const char *hosts[] = { "a..b" };
	spore_auth_result result = { .struct_size = sizeof result, .hosts = hosts, .n_hosts = 1 };

	ck_assert_str_eq(grant_fault(&result),
	                 "n_hosts: not 0, but fields lacks SPORE_AUTH_F_HOSTS");
	result.fields = SPORE_AUTH_F_HOSTS;
	ck_assert_str_eq(grant_fault(&result), "hosts: neither a host name nor a pattern");
	hosts[0] = NULL;
	ck_assert_str_eq(grant_fault(&result), "hosts: neither a host name nor a pattern");
	hosts[0] = "*";
	ck_assert_ptr_null(grant_fault(&result));
	result.n_hosts = SPORE_AUTH_HOSTS_MAX + 1;
	ck_assert_str_eq(grant_fault(&result), "hosts: more than SPORE_AUTH_HOSTS_MAX names");
	result.n_hosts = 1;
	result.hosts = NULL;
	ck_assert_str_eq(grant_fault(&result), "hosts: NULL with a count");
	result.struct_size = offsetof(spore_auth_result, hosts);
	ck_assert_str_eq(grant_fault(&result), "hosts: struct_size is too small");
}
END_TEST

SUITE("grant", a_verifier_is_not_copied_on, everything_is_copied, nothing_is_an_empty_grant,
      a_grant_may_have_no_port, a_result_may_grow_but_not_shrink,
      a_wrong_result_is_told_by_its_field, a_life_has_no_end_too_far_away,
      an_identity_is_a_line_of_text, host_names_are_copied_and_cover_what_they_stand_for,
      wrong_host_names_are_faults)
