#include "restrictions.h"

#include <stdlib.h>
#include <time.h>

#include "suite.h"

static struct restrictions parsed;

static void parse(const char *text)
{
	struct restrictions_fault fault;

	ck_assert_msg(restrictions_parse(spore_cstr(text), &parsed, &fault), "%s: %zu: %s", text,
	              fault.offset, fault.text);
}

static void expect_fault(const char *text, size_t offset, const char *beginning)
{
	struct restrictions_fault fault = { 0 };

	ck_assert_msg(!restrictions_parse(spore_cstr(text), &parsed, &fault), "%s", text);
	ck_assert_msg(fault.offset == offset && strstr(fault.text, beginning), "%s: %zu: %s", text,
	              fault.offset, fault.text);
}

START_TEST(all_of_them)
{
	parse("ports=\"20000-20099,20500\",max-tunnels=\"5\",MAX-CONNS=500,life=\"1h\","
	      "expiry-time=\"20271231Z\",identity=\"al\\\"ice, at work\"");
	ck_assert_uint_eq(parsed.terms.n_ports, 2);
	ck_assert(parsed.terms.ports[0].lo == 20000 && parsed.terms.ports[0].hi == 20099);
	ck_assert(parsed.terms.ports[1].lo == 20500 && parsed.terms.ports[1].hi == 20500);
	ck_assert_uint_eq(parsed.terms.policy.max_tunnels, 5);
	ck_assert_uint_eq(parsed.terms.policy.max_conns, 500);
	ck_assert_int_eq(parsed.terms.policy.life, 3600000);
	ck_assert_int_eq(parsed.expires_ms, INT64_C(1830211200000));
	ck_assert_str_eq(parsed.identity, "al\"ice, at work");
	parse("max-tunnels=1");
	ck_assert_uint_eq(parsed.terms.n_ports, 0);
	ck_assert_int_eq(parsed.expires_ms, 0);
	ck_assert_str_eq(parsed.identity, "");
}
END_TEST

START_TEST(times)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
		{ "expiry-time=\"20240229Z\"", 1709164800 },
		{ "expiry-time=\"202402291234Z\"", 1709210040 },
		{ "expiry-time=\"20240229123456z\"", 1709210096 },
		{ "expiry-time=\"20240229\"", 1709157600 }, /* local: two hours before UTC */
	};

	setenv("TZ", "XYZ-2", 1);
	tzset();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		parse(rows[i].text);
		ck_assert_int_eq(parsed.expires_ms, rows[i].seconds * 1000);
	}
}
END_TEST

START_TEST(lives)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = { { "life=5", 5000 },
		     { "life=\"5ms\"", 5 },
		     { "life=\"5s\"", 5000 },
		     { "life=\"5m\"", 300000 },
		     { "life=\"1.5h\"", 5400000 },
		     { "life=\"2d\"", 172800000 },
		     { "life=\"365d\"", INT64_C(31536000000) } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		parse(rows[i].text);
		ck_assert_int_eq(parsed.terms.policy.life, rows[i].ms);
	}
}
END_TEST

START_TEST(mistakes_have_their_places)
{
	expect_fault("", 0, "expected a type of key, or an option");
	expect_fault("no-pty", 0, "expected a type of key, or an option");
	expect_fault("life=1,restrict", 7, "expected a type of key, or an option");
	expect_fault("life=1,", 7, "expected a type of key, or an option");
	expect_fault("life", 4, "life=");
	expect_fault("life,ports=1", 4, "life=");
	expect_fault("life=", 5, "life=");
	expect_fault("life=\"\"", 5, "life=");
	expect_fault("life=\"1", 5, "life=");
	expect_fault("life=\"1\"s", 8, "expected a comma or a blank");
	expect_fault("life=1,life=2", 7, "expected each option once");
}
END_TEST

START_TEST(wrong_values)
{
	static const char *const wrong[] = {
		"ports=0",
		"ports=65536",
		"ports=\"2-1\"",
		"ports=\"1,\"",
		"ports=\",1\"",
		"ports=\"1-\"",
		"ports=\"1 2\"",
		"ports=\"1-2-3\"",
		"ports=000001",
		"max-tunnels=0",
		"max-tunnels=1000001",
		"max-conns=-1",
		"max-conns=1x",
		"life=0",
		"life=366d",
		"life=1w",
		"life=.5h",
		"life=9999999999999",
		"life=999999999999",
		"expiry-time=2024",
		"expiry-time=20240230",
		"expiry-time=20241301",
		"expiry-time=202401012460",
		"expiry-time=20240101240000",
		"expiry-time=20240101X",
		"expiry-time=20240101ZZ",
		"expiry-time=19000101",
		"identity=\"a\tb\"",
		"identity=\"\xFF\"",
		"identity=\"\xC2\x85\"",
		"identity=\"\xEF\xBB\xBF\"",
		"identity=\"\xC0\x80\"",
		"identity=\"\xED\xA0\x80\"",
	};
	struct restrictions_fault fault;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		ck_assert_msg(!restrictions_parse(spore_cstr(wrong[i]), &parsed, &fault), "%s",
		              wrong[i]);
		ck_assert_uint_eq(fault.offset, (size_t)(strchr(wrong[i], '=') - wrong[i]) + 1);
	}
}
END_TEST

START_TEST(as_many_ports_as_fit)
{
	char text[1000] = "ports=\"1";
	struct restrictions_fault fault;

	for (int i = 1; i < TERMS_PORTS_MAX; i++)
		strcat(text, ",1");
	strcat(text, "\"");
	parse(text);
	ck_assert_uint_eq(parsed.terms.n_ports, TERMS_PORTS_MAX);
	strcpy(text + strlen(text) - 1, ",1\"");
	ck_assert(!restrictions_parse(spore_cstr(text), &parsed, &fault));
}
END_TEST

START_TEST(the_longest_identity)
{
	char text[400] = "identity=";

	memset(text + 9, 'i', SPORE_IDENTITY_MAX + 1);
	expect_fault(text, 9, "expected an identity");
	text[9 + SPORE_IDENTITY_MAX] = '\0';
	parse(text);
	ck_assert_uint_eq(strlen(parsed.identity), SPORE_IDENTITY_MAX);
}
END_TEST

START_TEST(options_end_at_a_blank_outside_of_quotes)
{
	static const struct {
		const char *line;
		size_t len;
	} rows[] = { { "a=1 b", 3 },
		     { "a=\"1 2\"\tb", 7 },
		     { "a=\"1\\\" 2\" b", 9 },
		     { "a=\"1 2", 6 },
		     { "", 0 } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_uint_eq(restrictions_span(rows[i].line, strlen(rows[i].line)),
		                  rows[i].len);
}
END_TEST

SUITE("restrictions", all_of_them, times, lives, mistakes_have_their_places, wrong_values,
      as_many_ports_as_fit, the_longest_identity, options_end_at_a_blank_outside_of_quotes)
