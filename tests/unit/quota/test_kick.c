#include "quota/kick.h"

#include <string.h>

#include "quota/account.h"
#include "suite.h"

static const struct account alice = { .id = 7, .port = 20000, .identity = "alice" };
static const struct account other = { .id = 8, .port = 20001, .identity = "alice" };
static const struct account nobody = { .id = 9, .port = 20002, .identity = "" };

START_TEST(an_id_a_port_or_an_identity_is_given)
{
	struct kick kick;

	ck_assert(!kick_is_given(&(struct kick){ 0 }));
	ck_assert(kick_parse("7", &kick));
	ck_assert_uint_eq(kick.id, 7);
	ck_assert(kick_is_given(&kick));
	ck_assert(kick_parse("port=20000", &kick));
	ck_assert_uint_eq(kick.id, 0);
	ck_assert_uint_eq(kick.port, 20000);
	ck_assert(kick_is_given(&kick));
	ck_assert(kick_parse("identity=port=1", &kick));
	ck_assert_uint_eq(kick.port, 0);
	ck_assert_str_eq(kick.identity, "port=1");
	ck_assert(kick_is_given(&kick));
}
END_TEST

START_TEST(anything_else_is_refused)
{
	static const char *const wrong[] = {
		"",           "0",          "-7",        "7x",       "port",  "port=0",
		"port=65536", "port=2000x", "identity=", "identity", "alice", "9223372036854775808"
	};
	char longest[sizeof KICK_IDENTITY + SPORE_IDENTITY_MAX + 1] = KICK_IDENTITY;
	struct kick kick;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!kick_parse(wrong[i], &kick), "%s", wrong[i]);
	memset(longest + strlen(longest), 'a', SPORE_IDENTITY_MAX);
	ck_assert(kick_parse(longest, &kick));
	longest[strlen(longest)] = 'a';
	ck_assert(!kick_parse(longest, &kick));
}
END_TEST

START_TEST(it_means_what_is_given)
{
	ck_assert(kick_means(&(struct kick){ .id = 7 }, &alice));
	ck_assert(!kick_means(&(struct kick){ .id = 7 }, &other));
	ck_assert(kick_means(&(struct kick){ .port = 20000 }, &alice));
	ck_assert(!kick_means(&(struct kick){ .port = 20000 }, &other));
	ck_assert(kick_means(&(struct kick){ .identity = "alice" }, &alice));
	ck_assert(kick_means(&(struct kick){ .identity = "alice" }, &other));
	ck_assert(!kick_means(&(struct kick){ .identity = "alice" }, &nobody));
}
END_TEST

START_TEST(what_all_have_in_common_is_kept)
{
	struct kicked one = { 0 }, two = { 0 }, none = { 0 };

	kicked_add_tunnel(&one, &alice);
	kicked_add_relay(&one, &alice);
	ck_assert_uint_eq(one.tunnels, 1);
	ck_assert_uint_eq(one.relays, 1);
	ck_assert_uint_eq(one.port, 20000);
	ck_assert_str_eq(one.identity, "alice");
	kicked_add_relay(&two, &other);
	kicked_add(&two, &none);
	ck_assert_uint_eq(two.port, 20001);
	kicked_add(&none, &two);
	ck_assert_uint_eq(none.port, 20001);
	kicked_add(&two, &one);
	ck_assert_uint_eq(two.tunnels, 1);
	ck_assert_uint_eq(two.relays, 2);
	ck_assert_uint_eq(two.port, 0);
	ck_assert_str_eq(two.identity, "alice");
	kicked_add_tunnel(&two, &nobody);
	ck_assert_str_eq(two.identity, "");
}
END_TEST

SUITE("kick", an_id_a_port_or_an_identity_is_given, anything_else_is_refused,
      it_means_what_is_given, what_all_have_in_common_is_kept)
