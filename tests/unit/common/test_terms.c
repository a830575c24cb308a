#include "terms.h"

#include "services/host.h"
#include "suite.h"

static void expect_wrong(const char *name, const char *text, const char *expected)
{
	struct terms terms = { 0 };
	const char *wrong = terms_set(&terms, name, text);

	ck_assert_msg(wrong != NULL, "%s=%s is accepted", name, text);
	ck_assert_msg(strstr(wrong, expected) != NULL, "%s=%s: %s", name, text, wrong);
	ck_assert_uint_eq(terms.policy.stated, 0);
}

/* Reads a JSON text. Returns "" or the mistake. */
static const char *read_json(const char *text, struct terms *terms)
{
	static char error[160];
	static char ctx[64]; /* only logged with a mistake of the call */
	const spore_host *host = host_table();
	spore_cfg *tree;

	ck_assert_int_eq(
		host->cfg_parse((spore_ctx *)(void *)ctx, spore_cstr(text), &tree, NULL, 0),
		SPORE_OK);
	error[0] = '\0';
	ck_assert(terms_read(terms, host, tree, error, sizeof error) == !*error);
	host->cfg_free(tree);
	return error;
}

START_TEST(texts_become_limits)
{
	struct terms terms = { 0 };

	ck_assert_ptr_null(terms_set(&terms, "ports", "20000-20099,20500"));
	ck_assert_uint_eq(terms.n_ports, 2);
	ck_assert_uint_eq(terms.ports[0].hi, 20099);
	ck_assert_uint_eq(terms.ports[1].lo, 20500);
	ck_assert_uint_eq(terms.ports[1].hi, 20500);
	ck_assert_ptr_null(terms_set(&terms, "max_tunnels", "5"));
	ck_assert_ptr_null(terms_set(&terms, "max_conns", "0"));
	ck_assert_ptr_null(terms_set(&terms, "life", "2h"));
	ck_assert_int_eq(terms.policy.life, 7200000);
	ck_assert_ptr_null(terms_set(&terms, "life", "500ms"));
	ck_assert_int_eq(terms.policy.life, 500);
	ck_assert_ptr_null(terms_set(&terms, "life", "1.5m"));
	ck_assert_int_eq(terms.policy.life, 90000);
	ck_assert_ptr_null(terms_set(&terms, "life", "90"));
	ck_assert_int_eq(terms.policy.life, 90000);
	ck_assert_uint_eq(terms.policy.stated, SPORE_AUTH_F_PORTS | SPORE_AUTH_F_MAX_TUNNELS |
	                                               SPORE_AUTH_F_MAX_CONNS | SPORE_AUTH_F_LIFE);
}
END_TEST

static void fill(const struct terms *terms, spore_auth_result *result)
{
	struct policy policy = terms_policy(terms);

	policy_grant(&policy, result);
}

START_TEST(no_port_differs_from_no_limit)
{
	struct terms terms = { 0 };
	spore_auth_result result = { .struct_size = sizeof result, .session = 7 };

	fill(&terms, &result);
	ck_assert_uint_eq(result.fields, 0);
	ck_assert_ptr_null(terms_set(&terms, "ports", ""));
	fill(&terms, &result);
	ck_assert_uint_eq(result.fields, SPORE_AUTH_F_PORTS);
	ck_assert_uint_eq(result.n_ports, 0);
	ck_assert_uint_eq(result.session, 7);
}
END_TEST

START_TEST(what_is_not_understood_is_an_error)
{
	static const char *const ports[] = { "0",  "65536", "2-1", "1-", "-1",
		                             "1,", ",1",    "1 ",  "x",  "080" };
	static const char *const lives[] = { "",    "h",    "1w", ".5h",  "1.2.3h",
		                             "1e3", "0x1s", "-1", "366d", "99999999999999999999" };
	char many[TERMS_PORTS_MAX * 4] = "1";

	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
		expect_wrong("ports", ports[i], "ports and ranges");
	for (size_t i = 0; i < sizeof lives / sizeof *lives; i++)
		expect_wrong("life", lives[i], "at most 365 days");
	expect_wrong("max_tunnels", "1000001", "whole number");
	expect_wrong("max_conns", "1x", "whole number");
	expect_wrong("max_tunnel", "1", "unknown: expected only ports, max_tunnels");
	for (size_t i = 1; i < TERMS_PORTS_MAX; i++)
		strcat(many, ",1");
	ck_assert_ptr_null(terms_set(&(struct terms){ 0 }, "ports", many));
	expect_wrong("ports", strcat(many, ",1"), "at most 64");
}
END_TEST

START_TEST(objects_have_texts_and_numbers)
{
	struct terms terms;

	ck_assert_str_eq(read_json("{\"ports\":\"1-9\",\"max_tunnels\":3,\"life\":\"1m\"}", &terms),
	                 "");
	ck_assert_uint_eq(terms.policy.max_tunnels, 3);
	ck_assert_int_eq(terms.policy.life, 60000);
	ck_assert_str_eq(read_json("{}", &terms), "");
	ck_assert_uint_eq(terms.policy.stated, 0);
	ck_assert_str_eq(read_json("{\"max_conns\":3,\"max_tunnels\":1.5}", &terms),
	                 "/max_tunnels: expected a whole number from 0 to 1000000");
	ck_assert_str_eq(read_json("{\"ports\":[1]}", &terms),
	                 "/ports: expected a text of at most 64 ports and ranges such as "
	                 "\"20000-20099,20500\"");
	ck_assert_str_eq(read_json("{\"max_tunnels\":-1}", &terms),
	                 "/max_tunnels: expected a whole number from 0 to 1000000");
	ck_assert_str_eq(read_json("{\"max_tunnels\":true}", &terms),
	                 "/max_tunnels: expected a whole number from 0 to 1000000");
	ck_assert_str_eq(read_json("{\"max_tunnel\":1}", &terms),
	                 "/max_tunnel: unknown: expected only ports, max_tunnels, max_conns, "
	                 "life, rate_up, rate_down, bytes_per_day, bytes_per_month, "
	                 "visitors_per_second and share");
	ck_assert_str_eq(read_json("{\"life\":1.5}", &terms), "");
	ck_assert_int_eq(terms.policy.life, 1500);
	ck_assert_str_eq(read_json("[]", &terms), ": expected an object of limits");
}
END_TEST

START_TEST(positive_ones_allow_something)
{
	struct terms terms = { .is_positive = true };

	ck_assert_str_eq(terms_set(&terms, "max_tunnels", "0"),
	                 "expected a whole number from 1 to 1000000");
	ck_assert_ptr_nonnull(terms_set(&terms, "ports", ""));
	ck_assert_ptr_nonnull(terms_set(&terms, "life", "0"));
	ck_assert_ptr_null(terms_set(&terms, "max_conns", "1"));
}
END_TEST

START_TEST(sizes_have_units)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} rows[] = { { "1024", 1024 },
		     { "10000000", 10000000 },
		     { "1k", 1024 },
		     { "5M", 5242880 },
		     { "2g", INT64_C(2147483648) },
		     { "1023", -1 },
		     { "1024g", INT64_C(1) << 40 },
		     { "1025g", -1 },
		     { "1.5m", -1 },
		     { "", -1 },
		     { "k", -1 },
		     { "5t", -1 },
		     { "5kk", -1 },
		     { "-5k", -1 },
		     { "99999999999999999999", -1 } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct terms terms = { 0 };
		const char *wrong = terms_set(&terms, "rate_down", rows[i].text);

		ck_assert_msg((rows[i].bytes < 0) == (wrong != NULL), "%s", rows[i].text);
		if (!wrong)
			ck_assert_int_eq(terms.policy.rate_down, rows[i].bytes);
	}
}
END_TEST

START_TEST(limits_on_use_are_read)
{
	struct terms terms = { 0 };

	ck_assert_ptr_null(terms_set(&terms, "rate_up", "2048b"));
	ck_assert_int_eq(terms.policy.rate_up, 2048);
	ck_assert_ptr_nonnull(terms_set(&terms, "rate_up", "2048B"));
	ck_assert_ptr_null(terms_set(&terms, "rate_up", "2k"));
	ck_assert_ptr_null(terms_set(&terms, "bytes_per_day", "0"));
	ck_assert_ptr_null(terms_set(&terms, "bytes_per_month", "1g"));
	ck_assert_ptr_null(terms_set(&terms, "visitors_per_second", "7"));
	ck_assert_uint_eq(terms.policy.stated, SPORE_AUTH_F_RATE_UP | SPORE_AUTH_F_BYTES_PER_DAY |
	                                               SPORE_AUTH_F_BYTES_PER_MONTH |
	                                               SPORE_AUTH_F_VISITORS_PER_SECOND);
	ck_assert_int_eq(terms.policy.bytes_per_month, 1 << 30);
	ck_assert_int_eq(terms.policy.visitors_per_second, 7);
	terms.is_positive = true;
	ck_assert_ptr_nonnull(terms_set(&terms, "bytes_per_day", "0"));
	ck_assert_ptr_nonnull(terms_set(&terms, "visitors_per_second", "0"));
}
END_TEST

SUITE("terms", sizes_have_units, limits_on_use_are_read, positive_ones_allow_something,
      texts_become_limits, no_port_differs_from_no_limit, what_is_not_understood_is_an_error,
      objects_have_texts_and_numbers)
