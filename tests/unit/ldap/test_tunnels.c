#include "tunnels.h"

#include "services/host.h"
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

static void begin_with(uint64_t session, const char *name, const struct facts *facts)
{
	struct tunnels_entry entry = { name, facts, NULL, NULL };

	ck_assert(tunnels_begin(tunnels, session, &entry, 0));
}

static void begin(uint64_t session, const char *name, const uint8_t *mac, int64_t now_ms)
{
	struct facts facts = facts_of(name, "uid=x");
	struct tunnels_entry entry = { name, &facts, mac, NULL };

	ck_assert(tunnels_begin(tunnels, session, &entry, now_ms));
}

static size_t look_at_all(void)
{
	static int64_t now_ms;

	now_ms++;
	return tunnels_due(tunnels, now_ms - 1, now_ms, looks, 4);
}

static const struct look *look_at_one(void)
{
	ck_assert_uint_eq(look_at_all(), 1);
	return &looks[0];
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
	struct facts again = facts_of("alice", "uid=x");
	char name[LOOKS_NAME_SIZE];

	tunnels = tunnels_new();
	begin(SESSION, "alice", macs[0], 0);
	begin_with(SESSION, "Alice", &again);
	begin(OTHER, "bob", macs[1], 0);
	tunnels_end(tunnels, SESSION, "alice");
	ck_assert(tunnels_name(tunnels, SESSION, "alice", name));
	ck_assert_str_eq(name, "alice");
	tunnels_end(tunnels, SESSION, "alice");
	tunnels_end(tunnels, SESSION, "alice");
	ck_assert(!tunnels_name(tunnels, SESSION, "alice", name));
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
	tunnels_end(old, SESSION, "alice");
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
	tunnels_end(tunnels, 2, "b");
	ck_assert_uint_eq(tunnels_due(tunnels, 105, 120, looks, 4), 0);
	tunnels_unref(tunnels);
}
END_TEST

START_TEST(the_longest_wait)
{
	tunnels = tunnels_new();
	ck_assert_int_eq(tunnels_wait(tunnels, 5), -1);
	begin(1, "a", NULL, 10);
	begin(2, "b", NULL, 30);
	ck_assert_int_eq(tunnels_wait(tunnels, 40), 30);
	ck_assert_uint_eq(tunnels_due(tunnels, 10, 40, looks, 4), 1);
	ck_assert_int_eq(tunnels_wait(tunnels, 40), 10);
	tunnels_unref(tunnels);
}
END_TEST

/* An entry with several names is one session. Each identity is looked at, since a revocation is of
 * one identity; a password holds for all. */
START_TEST(identities_of_one_session)
{
	char name[LOOKS_NAME_SIZE];

	tunnels = tunnels_new();
	begin(SESSION, "alice", macs[0], 0);
	begin(SESSION, "al", NULL, 0);
	ck_assert_uint_eq(look_at_all(), 2);
	ck_assert_str_eq(looks[0].known.identity, "alice");
	ck_assert_str_eq(looks[1].known.identity, "al");
	ck_assert_int_eq(check(SESSION, macs[0]), TUNNELS_RIGHT);
	tunnels_end(tunnels, SESSION, "alice");
	ck_assert(!tunnels_name(tunnels, SESSION, "alice", name));
	ck_assert(tunnels_name(tunnels, SESSION, "al", name));
	ck_assert_int_eq(check(SESSION, macs[0]), TUNNELS_UNKNOWN);
	tunnels_learn(tunnels, SESSION, macs[1]);
	ck_assert_int_eq(check(SESSION, macs[1]), TUNNELS_RIGHT);
	tunnels_end(tunnels, SESSION, "al");
	ck_assert_int_eq(tunnels_wait(tunnels, 0), -1);
	tunnels_unref(tunnels);
}
END_TEST

START_TEST(only_a_look_replaces_what_is_known)
{
	struct facts unknown = facts_of("alice", ""), known = facts_of("alice", "uid=a"),
		     newer = facts_of("alice", "uid=b");
	struct look look;

	tunnels = tunnels_new();
	begin_with(SESSION, "alice", &unknown);
	ck_assert_str_eq(look_at_one()->known.dn, "");
	ck_assert_str_eq(looks[0].known.identity, "alice");
	begin_with(SESSION, "alice", &known);
	begin_with(SESSION, "alice", &newer);
	look = *look_at_one();
	ck_assert_str_eq(look.known.dn, "uid=a");
	look.facts = newer;
	tunnels_update(tunnels, &look);
	ck_assert_str_eq(look_at_one()->known.dn, "uid=b");
	tunnels_unref(tunnels);
}
END_TEST

/* The limits change and change back between two looks: the tunnel that was opened meanwhile has
 * others than the entry, although no look has seen a change. */
START_TEST(tunnels_with_unequal_rights)
{
	struct facts before = facts_of("alice", "uid=a"), between = before;

	ck_assert_ptr_null(terms_set(&between.terms, "max_conns", "1"));
	tunnels = tunnels_new();
	begin_with(SESSION, "alice", &before);
	begin_with(SESSION, "alice", &before);
	ck_assert(!look_at_one()->is_uneven);
	begin_with(SESSION, "alice", &between);
	ck_assert(look_at_one()->is_uneven);
	ck_assert(entry_is_same(&looks[0].known, &before));
	looks[0].facts = before;
	tunnels_update(tunnels, &looks[0]);
	ck_assert(!look_at_one()->is_uneven);
	tunnels_unref(tunnels);
}
END_TEST

/* The limits of a client that was let in while the directory failed are not known here. */
START_TEST(an_earlier_verdict_may_have_given_other_rights)
{
	struct facts unknown = facts_of("alice", ""), known = facts_of("alice", "uid=a");

	tunnels = tunnels_new();
	begin_with(SESSION, "alice", &unknown);
	begin_with(SESSION, "alice", &known);
	ck_assert_str_eq(look_at_one()->known.dn, "uid=a");
	ck_assert(looks[0].is_uneven);
	tunnels_unref(tunnels);
}
END_TEST

/* What a look has shown need not be what that one was given. */
START_TEST(an_allow_during_a_look_is_told_by_the_next)
{
	struct facts known = facts_of("alice", "uid=a"), newer = known;
	struct look look;

	ck_assert_ptr_null(terms_set(&newer.terms, "max_conns", "1"));
	tunnels = tunnels_new();
	begin_with(SESSION, "alice", &known);
	look = *look_at_one();
	begin_with(SESSION, "alice", &known);
	look.facts = newer;
	tunnels_update(tunnels, &look);
	look = *look_at_one();
	ck_assert(look.is_uneven && entry_is_same(&look.known, &newer));
	look.facts = newer;
	tunnels_end(tunnels, SESSION, "alice");
	tunnels_end(tunnels, SESSION, "alice");
	begin_with(SESSION, "alice", &known);
	tunnels_update(tunnels, &look);
	ck_assert(look_at_one()->is_uneven);
	tunnels_unref(tunnels);
}
END_TEST

SUITE("tunnels", passwords_of_a_session, the_last_end_forgets, passwords_are_inherited,
      those_that_wait_longest_are_looked_at_first, the_longest_wait, identities_of_one_session,
      only_a_look_replaces_what_is_known, tunnels_with_unequal_rights,
      an_earlier_verdict_may_have_given_other_rights, an_allow_during_a_look_is_told_by_the_next)
