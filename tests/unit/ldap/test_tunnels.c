#include "tunnels.h"

#include "host/host.h"
#include "suite.h"

enum { SESSION = 7, OTHER = 7 + 4096 }; /* of the same bucket */

static const uint8_t macs[6][TUNNELS_MAC_SIZE] = { "a", "b", "c", "d", "e", "f" };
static struct look looks[4];
static struct tunnels *tunnels;

static struct facts facts_of(const char *identity, const char *dn)
{
	struct facts facts = { 0 };

	snprintf(facts.identity, sizeof facts.identity, "%s", identity);
	snprintf(facts.dn, sizeof facts.dn, "%s", dn);
	return facts;
}

static void begin(uint64_t session, const char *name, const uint8_t *mac, int64_t now_ms)
{
	struct facts facts = facts_of(name, "uid=x");
	struct tunnels_entry entry = { name, &facts, mac, NULL };

	ck_assert(tunnels_begin(tunnels, session, &entry, now_ms));
}

static enum tunnels_says check(uint64_t session, const uint8_t *mac)
{
	return tunnels_check(tunnels, host_table(), session, mac);
}

START_TEST(passwords_of_a_session)
{
	tunnels = tunnels_new();
	ck_assert_int_eq(check(SESSION, macs[0]), TUNNELS_UNKNOWN);
	begin(SESSION, "alice", macs[0], 0);
	begin(OTHER, "bob", NULL, 0);
	ck_assert_int_eq(check(SESSION, macs[0]), TUNNELS_RIGHT);
	ck_assert_int_eq(check(SESSION, macs[1]), TUNNELS_WRONG);
	ck_assert_int_eq(check(OTHER, macs[0]), TUNNELS_UNKNOWN);
	tunnels_learn(tunnels, OTHER, macs[1]);
	ck_assert_int_eq(check(OTHER, macs[1]), TUNNELS_RIGHT);
	for (int i = 0; i < 6; i++)
		tunnels_learn(tunnels, SESSION, macs[i]);
	tunnels_learn(tunnels, SESSION, macs[5]);
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(check(SESSION, macs[i]), i < 2 ? TUNNELS_WRONG : TUNNELS_RIGHT);
	tunnels_learn(tunnels, 1, macs[0]);
	ck_assert_int_eq(check(1, macs[0]), TUNNELS_UNKNOWN);
	tunnels_unref(tunnels);
}
END_TEST

START_TEST(the_last_end_forgets)
{
	char name[DIRECTORY_NAME_SIZE];

	tunnels = tunnels_new();
	begin(SESSION, "alice", macs[0], 0);
	begin(SESSION, "Alice", macs[0], 0);
	begin(OTHER, "bob", macs[1], 0);
	tunnels_end(tunnels, SESSION);
	ck_assert(tunnels_name(tunnels, SESSION, name));
	ck_assert_str_eq(name, "alice");
	tunnels_end(tunnels, SESSION);
	tunnels_end(tunnels, SESSION);
	ck_assert(!tunnels_name(tunnels, SESSION, name));
	ck_assert_int_eq(check(SESSION, macs[0]), TUNNELS_UNKNOWN);
	ck_assert_int_eq(check(OTHER, macs[1]), TUNNELS_RIGHT);
	tunnels_unref(tunnels);
	tunnels_unref(NULL);
}
END_TEST

START_TEST(passwords_are_inherited)
{
	struct tunnels *old = tunnels = tunnels_new();
	struct facts facts = facts_of("alice", "uid=x");
	struct tunnels_entry entry = { "alice", &facts, NULL, old };

	begin(SESSION, "alice", macs[0], 0);
	tunnels_learn(old, SESSION, macs[1]);
	tunnels_ref(old);
	tunnels = tunnels_new();
	ck_assert(tunnels_begin(tunnels, SESSION, &entry, 0));
	tunnels_end(old, SESSION);
	ck_assert_int_eq(check(SESSION, macs[0]), TUNNELS_RIGHT);
	ck_assert_int_eq(check(SESSION, macs[1]), TUNNELS_RIGHT);
	tunnels_unref(old);
	tunnels_unref(old);
	tunnels_unref(tunnels);
}
END_TEST

START_TEST(those_that_wait_longest_are_looked_at_first)
{
	tunnels = tunnels_new();
	begin(1, "a", NULL, 10);
	begin(2, "b", NULL, 20);
	begin(3, "c", NULL, 30);
	ck_assert_uint_eq(tunnels_due(tunnels, 9, 100, looks, 4), 0);
	ck_assert_uint_eq(tunnels_due(tunnels, 20, 100, looks, 4), 2);
	ck_assert_str_eq(looks[0].name, "a");
	ck_assert_uint_eq(looks[1].session, 2);
	ck_assert_str_eq(looks[1].known.dn, "uid=x");
	ck_assert_uint_eq(tunnels_due(tunnels, 100, 110, looks, 2), 2);
	ck_assert_str_eq(looks[0].name, "c");
	ck_assert_str_eq(looks[1].name, "a");
	tunnels_end(tunnels, 2);
	ck_assert_uint_eq(tunnels_due(tunnels, 105, 120, looks, 4), 0);
	tunnels_unref(tunnels);
}
END_TEST

START_TEST(only_a_look_replaces_what_is_known)
{
	struct facts unknown = facts_of("alice", ""), known = facts_of("alice", "uid=a"),
		     newer = facts_of("alice", "uid=b");
	struct tunnels_entry entry = { "alice", &unknown, NULL, NULL };

	tunnels = tunnels_new();
	ck_assert(tunnels_begin(tunnels, SESSION, &entry, 0));
	ck_assert_uint_eq(tunnels_due(tunnels, 0, 1, looks, 4), 1);
	ck_assert_str_eq(looks[0].known.dn, "");
	ck_assert_str_eq(looks[0].known.identity, "alice");
	entry.facts = &known;
	ck_assert(tunnels_begin(tunnels, SESSION, &entry, 1));
	entry.facts = &newer;
	ck_assert(tunnels_begin(tunnels, SESSION, &entry, 1));
	ck_assert_uint_eq(tunnels_due(tunnels, 1, 2, looks, 4), 1);
	ck_assert_str_eq(looks[0].known.dn, "uid=a");
	tunnels_update(tunnels, SESSION, &newer);
	ck_assert_uint_eq(tunnels_due(tunnels, 2, 3, looks, 4), 1);
	ck_assert_str_eq(looks[0].known.dn, "uid=b");
	tunnels_unref(tunnels);
}
END_TEST

SUITE("tunnels", passwords_of_a_session, the_last_end_forgets, passwords_are_inherited,
      those_that_wait_longest_are_looked_at_first, only_a_look_replaces_what_is_known)
