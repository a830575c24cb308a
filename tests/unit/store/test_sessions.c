#include "sessions.h"

#include "services/host.h"
#include "suite.h"

static struct session session_of(uint64_t number, const char *name)
{
	struct session session = { .number = number, .form = EVIDENCE_HMAC };

	strcpy(session.name, name);
	strcpy(session.identity, name);
	return session;
}

static void begin(struct sessions *sessions, uint64_t number, const char *name)
{
	struct session session = session_of(number, name);

	ck_assert_int_eq(sessions_begin(sessions, &session, sessions_stamp(sessions)),
	                 SESSIONS_BEGUN);
}

static bool has(struct sessions *sessions, uint64_t number)
{
	struct session session;

	return sessions_find(sessions, number, &session);
}

START_TEST(the_last_allow_takes_the_session_with_it)
{
	struct sessions *sessions = sessions_new(false);

	begin(sessions, 7, "alice");
	begin(sessions, 7, "alice");
	begin(sessions, 7 + 1024, "bob");
	sessions_end(sessions, 7);
	ck_assert(has(sessions, 7));
	sessions_end(sessions, 7);
	ck_assert(!has(sessions, 7) && has(sessions, 7 + 1024));
	ck_assert(!sessions_have(sessions, "alice") && sessions_have(sessions, "bob"));
	sessions_end(sessions, 7); /* unknown: nothing happens */
	sessions_unref(sessions);
	sessions_unref(NULL);
}
END_TEST

/* Revokes sessions with an odd number. */
static bool visit(void *arg, struct session *session, bool is_news)
{
	(void)is_news;
	++*(int *)arg;
	return session->number % 2 == 0;
}

START_TEST(a_revoked_session_verifies_nothing)
{
	struct sessions *sessions = sessions_new(false);
	int n = 0;

	begin(sessions, 1, "alice");
	begin(sessions, 2, "alice");
	begin(sessions, 3, "bob");
	sessions_visit(sessions, "alice", visit, &n);
	ck_assert_int_eq(n, 2);
	ck_assert(!has(sessions, 1) && has(sessions, 2) && has(sessions, 3));
	sessions_visit(sessions, "alice", visit, &n);
	ck_assert_int_eq(n, 4); /* the host hears it again */
	ck_assert(sessions_have(sessions, "alice"));
	begin(sessions, 1, "alice");
	ck_assert(has(sessions, 1)); /* allowed again */
	sessions_unref(sessions);
}
END_TEST

START_TEST(what_was_read_before_a_change_is_stale)
{
	struct sessions *sessions = sessions_new(false);
	struct session alice = session_of(1, "alice");
	uint64_t stamp = sessions_stamp(sessions);

	sessions_touch(sessions, "alice");
	ck_assert_int_eq(sessions_begin(sessions, &alice, stamp), SESSIONS_STALE);
	ck_assert(!has(sessions, 1));
	stamp = sessions_stamp(sessions);
	sessions_touch(sessions, "bob");
	ck_assert_int_eq(sessions_begin(sessions, &alice, stamp), SESSIONS_BEGUN);
	sessions_touch(sessions, NULL);
	ck_assert_int_eq(sessions_begin(sessions, &alice, stamp), SESSIONS_STALE);
	sessions_unref(sessions);
}
END_TEST

START_TEST(a_number_stands_for_what_was_proved)
{
	struct record record = { .has = RECORD_HAS_KEY, .key = { 1 } };
	const spore_host *host = host_table();
	uint64_t number = session_number(host, EVIDENCE_HMAC, &record, "alice");

	ck_assert_uint_ne(number, 0);
	ck_assert_uint_eq(number, session_number(host, EVIDENCE_HMAC, &record, "alice"));
	ck_assert_uint_ne(number, session_number(host, EVIDENCE_HMAC, &record, "bob"));
	ck_assert_uint_eq(session_number(host, EVIDENCE_PASSWORD, &record, "alice"), 0);
	record.terms.policy.max_conns = 5; /* limits are not proved */
	ck_assert_uint_eq(number, session_number(host, EVIDENCE_HMAC, &record, "alice"));
	record.key[0] = 2;
	ck_assert_uint_ne(number, session_number(host, EVIDENCE_HMAC, &record, "alice"));
}
END_TEST

START_TEST(limits_have_a_digest)
{
	struct terms terms = { 0 };
	uint8_t a[32], b[32];

	session_digest(host_table(), &terms, a);
	ck_assert_ptr_null(terms_set(&terms, "ports", ""));
	session_digest(host_table(), &terms, b);
	ck_assert_mem_ne(a, b, sizeof a); /* none, and no limit */
	ck_assert_ptr_null(terms_set(&terms, "ports", "1-2"));
	session_digest(host_table(), &terms, a);
	ck_assert_mem_ne(a, b, sizeof a);
}
END_TEST

/* An older tunnel has others, and must get the new ones, too. */
START_TEST(limits_that_differ_are_not_known)
{
	static const uint8_t unknown[32];
	struct sessions *sessions = sessions_new(false);
	struct session session = session_of(7, "alice"), found;

	session.limits[0] = 1;
	ck_assert_int_eq(sessions_begin(sessions, &session, sessions_stamp(sessions)),
	                 SESSIONS_BEGUN);
	ck_assert_int_eq(sessions_begin(sessions, &session, sessions_stamp(sessions)),
	                 SESSIONS_BEGUN);
	ck_assert(sessions_find(sessions, 7, &found));
	ck_assert_mem_eq(found.limits, session.limits, sizeof unknown);
	session.limits[0] = 2;
	ck_assert_int_eq(sessions_begin(sessions, &session, sessions_stamp(sessions)),
	                 SESSIONS_BEGUN);
	ck_assert(sessions_find(sessions, 7, &found));
	ck_assert_mem_eq(found.limits, unknown, sizeof unknown);
	for (int n = 0; n < 3; n++)
		sessions_end(sessions, 7);
	sessions_unref(sessions);
}
END_TEST

/* ---- those who have left ---- */

static void count_name(void *arg, const char *name)
{
	*(int *)arg += strcmp(name, "alice") == 0;
}

/* The host may let them in by an earlier verdict. */
START_TEST(a_change_finds_who_has_left)
{
	struct sessions *sessions = sessions_new(true);
	int visits = 0, names = 0;

	begin(sessions, 1, "alice");
	begin(sessions, 2, "alice");
	sessions_end(sessions, 1);
	sessions_end(sessions, 2);
	sessions_end(sessions, 2); /* too often: nothing happens */
	ck_assert(!has(sessions, 1) && !has(sessions, 2));
	ck_assert(sessions_have(sessions, "alice"));
	sessions_each_name(sessions, count_name, &names);
	ck_assert_int_eq(names, 2);
	sessions_visit(sessions, "alice", visit, &visits);
	sessions_visit(sessions, "alice", visit, &visits);
	ck_assert_int_eq(visits, 3); /* 1 is revoked, and gone */
	begin(sessions, 2, "alice");
	ck_assert(has(sessions, 2)); /* it is back */
	sessions_end(sessions, 2);
	sessions_unref(sessions);
}
END_TEST

START_TEST(a_revoked_session_is_not_remembered)
{
	struct sessions *sessions = sessions_new(true);
	int visits = 0;

	begin(sessions, 1, "alice");
	sessions_visit(sessions, "alice", visit, &visits);
	sessions_end(sessions, 1);
	ck_assert(!sessions_have(sessions, "alice"));
	sessions_unref(sessions);
}
END_TEST

START_TEST(the_oldest_is_forgotten)
{
	struct sessions *sessions = sessions_new(true);
	char name[32];

	for (int i = 0; i <= SESSIONS_LEFT_MAX; i++) {
		snprintf(name, sizeof name, "n%d", i);
		begin(sessions, 1 + (uint64_t)i, name);
	}
	for (int i = SESSIONS_LEFT_MAX; i >= 0; i--)
		sessions_end(sessions, 1 + (uint64_t)i);
	snprintf(name, sizeof name, "n%d", SESSIONS_LEFT_MAX);
	ck_assert(!sessions_have(sessions, name) && sessions_have(sessions, "n0"));
	sessions_unref(sessions);
}
END_TEST

/* On a reload, the host goes on with what the old instance has said. */
START_TEST(a_successor_remembers_for_its_predecessor)
{
	struct sessions *old = sessions_new(true), *new = sessions_new(true);

	begin(old, 2, "left");
	sessions_end(old, 2);
	begin(old, 4, "in");
	ck_assert(sessions_succeed(new, old));
	begin(old, 6, "later");
	ck_assert(sessions_have(new, "left") && sessions_have(new, "in") &&
	          sessions_have(new, "later"));
	ck_assert(has(old, 4) && !has(new, 4));
	begin(new, 4, "in");
	sessions_end(old, 4);
	ck_assert(has(new, 4));
	sessions_unref(new);
	new = sessions_new(true); /* the reload has failed; another one comes */
	ck_assert(sessions_succeed(new, old));
	ck_assert(sessions_have(new, "later"));
	sessions_unref(old);
	sessions_unref(new);
}
END_TEST

SUITE("sessions", a_change_finds_who_has_left, a_revoked_session_is_not_remembered,
      the_oldest_is_forgotten, a_successor_remembers_for_its_predecessor,
      the_last_allow_takes_the_session_with_it, a_revoked_session_verifies_nothing,
      what_was_read_before_a_change_is_stale, a_number_stands_for_what_was_proved,
      limits_have_a_digest, limits_that_differ_are_not_known)
