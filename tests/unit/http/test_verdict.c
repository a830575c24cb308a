#include "verdict.h"

#include "services/host.h"
#include "suite.h"

static char error[200];
static char ctx[64]; /* only logged with a mistake of the call */
static struct verdict verdict;

static bool reads(const char *text)
{
	return verdict_read(&verdict, host_table(), (spore_ctx *)(void *)ctx, spore_cstr(text),
	                    error, sizeof error);
}

static bool reads_key(const char *text)
{
	return verdict_read_key(&verdict, host_table(), (spore_ctx *)(void *)ctx, spore_cstr(text),
	                        "alice", error, sizeof error);
}

static void expect_wrong(bool (*read)(const char *), const char *text, const char *expected)
{
	ck_assert_msg(!read(text), "%s is accepted", text);
	ck_assert_msg(strstr(error, expected) != NULL, "%s: %s", text, error);
}

#define KEY "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

START_TEST(a_verdict_has_everything)
{
	ck_assert(reads("{\"verdict\":\"allow\",\"identity\":\"al\",\"reason\":\"r\",\"key\":\"" KEY
	                "\",\"policy\":{\"max_tunnels\":3}}"));
	ck_assert_int_eq(verdict.verdict, SPORE_ALLOW);
	ck_assert_str_eq(verdict.known.identity, "al");
	ck_assert_str_eq(verdict.reason, "r");
	ck_assert(verdict.has_key && verdict.known.key[1] == 0x11 && verdict.known.key[31] == 0xFF);
	ck_assert_uint_eq(verdict.known.terms.policy.max_tunnels, 3);
	verdict_fini(&verdict);
	ck_assert_uint_eq(verdict.known.key[1], 0);
	ck_assert(reads("{\"verdict\":\"deny\"}") && verdict.verdict == SPORE_DENY);
	ck_assert(reads("{\"verdict\":\"next\"}") && verdict.verdict == SPORE_NEXT);
	ck_assert(!verdict.has_key);
}
END_TEST

START_TEST(a_wrong_verdict_is_an_error)
{
	expect_wrong(reads, "", "found nothing");
	expect_wrong(reads, "<html>", "line 1, column 1");
	expect_wrong(reads, "[]", "expected an object");
	expect_wrong(reads, "{}", "verdict: expected");
	expect_wrong(reads, "{\"verdict\":true}", "verdict: expected");
	expect_wrong(reads, "{\"verdict\":\"ALLOW\",\"identity\":\"a\"}", "verdict: expected");
	expect_wrong(reads, "{\"verdict\":\"allow\"}", "identity: expected");
	expect_wrong(reads, "{\"verdict\":\"allow\",\"identity\":\"\"}", "identity: expected");
	expect_wrong(reads, "{\"verdict\":\"allow\",\"identity\":5}", "identity: expected");
	expect_wrong(reads, "{\"verdict\":\"deny\",\"polcy\":{}}",
	             "/polcy: unknown: expected only verdict");
	expect_wrong(reads, "{\"verdict\":\"deny\",\"life\":3}", "expected only verdict");
	expect_wrong(reads, "{\"verdict\":\"deny\",\"policy\":{\"x\":1}}",
	             "/policy/x: unknown: expected only ports");
	expect_wrong(reads, "{\"verdict\":\"deny\",\"policy\":{\"ports\":[1]}}",
	             "/policy/ports: expected a text of at most 64 ports and ranges");
	expect_wrong(reads, "{\"verdict\":\"deny\",\"policy\":[]}",
	             "/policy: expected an object of limits");
	expect_wrong(reads, "{\"verdict\":\"deny\",\"key\":\"00\"}", "key: expected 64");
	expect_wrong(reads, "{\"verdict\":\"deny\",\"key\":\"g" KEY "\"}", "key: expected 64");
}
END_TEST

START_TEST(a_long_identity_or_reason_is_refused)
{
	char text[1024], name[VERDICT_REASON_MAX + 2];

	memset(name, 'a', sizeof name);
	snprintf(text, sizeof text, "{\"verdict\":\"deny\",\"identity\":\"%.255s\"}", name);
	ck_assert(reads(text));
	snprintf(text, sizeof text, "{\"verdict\":\"deny\",\"identity\":\"%.256s\"}", name);
	expect_wrong(reads, text, "identity: expected a text of at most 255 bytes");
	snprintf(text, sizeof text, "{\"verdict\":\"deny\",\"reason\":\"%.512s\"}", name);
	ck_assert(reads(text));
	snprintf(text, sizeof text, "{\"verdict\":\"deny\",\"reason\":\"%.513s\"}", name);
	expect_wrong(reads, text, "reason: expected a text of at most 512 bytes");
}
END_TEST

START_TEST(a_key_has_a_name_and_a_life)
{
	ck_assert(reads_key("{\"key\":\"" KEY "\"}"));
	ck_assert_str_eq(verdict.known.identity, "alice");
	ck_assert_int_eq(verdict.life_ms, 0);
	ck_assert(reads_key("{\"key\":\"" KEY "\",\"life\":1.5,\"identity\":\"team\"}"));
	ck_assert_str_eq(verdict.known.identity, "team");
	ck_assert_int_eq(verdict.life_ms, 1500);
	expect_wrong(reads_key, "{}", "key: expected 64");
	expect_wrong(reads_key, "{\"key\":\"" KEY "\",\"verdict\":\"allow\"}", "expected only key");
	expect_wrong(reads_key, "{\"key\":\"" KEY "\",\"life\":-1}", "life: expected");
	expect_wrong(reads_key, "{\"key\":\"" KEY "\",\"life\":86401}", "life: expected");
	expect_wrong(reads_key, "{\"key\":\"" KEY "\",\"life\":\"1h\"}", "life: expected");
}
END_TEST

SUITE("verdict", a_verdict_has_everything, a_wrong_verdict_is_an_error,
      a_long_identity_or_reason_is_refused, a_key_has_a_name_and_a_life)
