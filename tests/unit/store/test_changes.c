#include "changes.h"

#include "common/recorder.h"
#include "services/host.h"
#include "suite.h"

enum { CLIENTS = 200, LOOKUPS = 8 * CLIENTS };

/* A store that answers when the test says so, in the order of the look-ups. */
static struct {
	struct store_lookup *lookup; /* freed with its answer */
	char name[SPORE_IDENTITY_MAX + 1];
} asked[LOOKUPS];
static size_t n_asked, n_answered, n_lists;
static char revoked[SPORE_IDENTITY_MAX + 1];
static unsigned n_revoked;
static struct keeper keeper;
static struct keeper_worker worker;
static struct changes_shared shared;
static struct changes changes;

static spore_status look_up(void *backend, struct store_lookup *lookup)
{
	(void)backend;
	ck_assert(n_asked < LOOKUPS);
	asked[n_asked].lookup = lookup;
	snprintf(asked[n_asked++].name, sizeof asked->name, "%s", lookup->name);
	return SPORE_OK;
}

static void withdraw(void *backend, struct store_lookup *lookup)
{
	(void)backend;
	(void)lookup;
}

/* FOUND: a record that keeps those in who are in. */
static void answer(enum store_reply reply)
{
	struct record record = { .has = RECORD_HAS_KEY };
	struct store_answer answer = { .reply = reply, .record = &record };
	struct store_lookup *lookup = asked[n_answered++].lookup;

	ck_assert(n_answered <= n_asked);
	lookup->on_answer(lookup, &answer);
}

static void answer_found_until(size_t n)
{
	while (n_answered < n)
		answer(STORE_FOUND);
}

static spore_status revalidate(spore_ctx *ctx, spore_str identity, uint64_t session,
                               int32_t verdict, const spore_auth_result *result)
{
	(void)ctx;
	(void)session;
	(void)result;
	if (verdict == SPORE_DENY) {
		snprintf(revoked, sizeof revoked, "%.*s", (int)identity.len, identity.ptr);
		n_revoked++;
	}
	return SPORE_OK;
}

static void note_all(void *arg)
{
	changes_note_all(arg);
}

static void begin_list(void *arg)
{
	changes_begin_list(arg);
	n_lists++;
}

static void log_in(const char *name)
{
	struct session session = { .form = EVIDENCE_HMAC };
	struct record record = { .has = RECORD_HAS_KEY };

	snprintf(session.name, sizeof session.name, "%s", name);
	snprintf(session.identity, sizeof session.identity, "%s", name);
	session.number = session_number(keeper.host, session.form, &record, name);
	session_digest(keeper.host, &record.terms, session.limits);
	ck_assert_int_eq(sessions_begin(keeper.sessions, &session, sessions_stamp(keeper.sessions)),
	                 SESSIONS_BEGUN);
}

static void set_up(bool has_roll)
{
	static const struct store_ops ops = { look_up, withdraw };
	static spore_host host;
	spore_create_args args = recorder_args();

	host = *args.host;
	host.sha256 = host_table()->sha256;
	host.auth_revalidate_session = revalidate;
	args.host = &host;
	keeper = (struct keeper){ .host = &host, .sessions = sessions_new(false) };
	keeper.roll = has_roll ? roll_new(CLIENTS) : NULL;
	worker = (struct keeper_worker){ .keeper = &keeper, .ops = &ops };
	changes_init(&shared, &args, "It");
	changes = (struct changes){
		.keeper = &worker,
		.shared = &shared,
		.look_at_all = has_roll ? begin_list : note_all,
		.arg = &changes,
	};
	ck_assert(changes_start(&changes));
}

static void log_all_in(void)
{
	for (int i = 0; i < CLIENTS; i++) {
		char name[16];

		snprintf(name, sizeof name, "c%d", i);
		log_in(name);
	}
}

static void tear_down(void)
{
	changes_stop(&changes);
	sessions_unref(keeper.sessions);
	roll_free(keeper.roll);
}

/* Each name is asked for once before any is asked for again. */
static void expect_all_once(size_t first)
{
	for (size_t i = first; i < first + CLIENTS; i++)
		for (size_t j = first; j < i; j++)
			ck_assert_str_ne(asked[i].name, asked[j].name);
}

START_TEST(a_poll_ends_before_the_next_begins)
{
	set_up(false);
	log_all_in();
	changes_poll(&changes);
	ck_assert_uint_eq(n_asked, CHANGES_RUNNING);
	/* The interval is over after every ten look-ups. */
	while (n_answered + 10 < CLIENTS) {
		answer_found_until(n_answered + 10);
		changes_poll(&changes);
	}
	recorder_expect_log("warn to look up all clients takes longer than poll_interval, so the "
	                    "next time begins only when all have been looked up\n");
	ck_assert_uint_eq(n_asked, CLIENTS);
	expect_all_once(0);
	answer_found_until(CLIENTS - 1);
	ck_assert_uint_eq(n_revoked, 0);
	answer(STORE_UNKNOWN);
	ck_assert_uint_eq(n_revoked, 1);
	ck_assert_uint_eq(n_asked, CLIENTS);
	changes_poll(&changes);
	ck_assert_uint_eq(n_asked, CLIENTS + CHANGES_RUNNING);
	recorder_expect_log("");
	tear_down();
}
END_TEST

START_TEST(a_change_of_any_name_is_another_walk_afterwards)
{
	set_up(false);
	log_all_in();
	changes_note_any(&changes);
	answer(STORE_FOUND);
	changes_note_any(&changes);
	changes_note_any(&changes);
	changes_note(&changes, "c7");
	changes_note(&changes, "not in");
	answer_found_until(CLIENTS);
	expect_all_once(0);
	ck_assert_str_eq(asked[CLIENTS].name, "c7");
	answer_found_until(2 * CLIENTS + 1);
	expect_all_once(CLIENTS + 1);
	ck_assert_uint_eq(n_asked, n_answered);
	recorder_expect_log("");
	tear_down();
}
END_TEST

START_TEST(what_fails_is_looked_up_again_and_nothing_is_lost)
{
	set_up(false);
	log_all_in();
	changes_poll(&changes);
	answer(STORE_FAILED);
	changes_poll(&changes); /* waits, and is not slow */
	recorder_expect_log("");
	answer_found_until(CHANGES_RUNNING);
	ck_assert_uint_eq(n_asked, CHANGES_RUNNING);
	recorder_move_to(CHANGES_RETRY_MS);
	answer_found_until(CLIENTS);
	ck_assert_str_eq(asked[CLIENTS].name, asked[0].name);
	answer(STORE_UNKNOWN);
	ck_assert_str_eq(revoked, asked[0].name);
	ck_assert_uint_eq(n_asked, CLIENTS + 1);
	tear_down();
}
END_TEST

/* Such as one whose query raises an error: the others have their turn in each poll. */
START_TEST(a_name_that_always_fails_holds_nobody_up)
{
	set_up(false);
	log_all_in();
	for (size_t poll = 0; poll < 3; poll++) {
		size_t end = n_answered + CLIENTS;

		changes_poll(&changes);
		while (n_answered < end) {
			if (n_answered == n_asked)
				recorder_move_to(recorder.now_ms + CHANGES_RETRY_MS);
			answer(strcmp(asked[n_answered].name, "c7") == 0 ? STORE_FAILED
			                                                 : STORE_FOUND);
		}
		expect_all_once(end - CLIENTS);
		ck_assert_uint_le(changes.n + changes.n_running, 1);
		if (changes.n_running)
			answer(STORE_FAILED);
	}
	recorder_expect_log("");
	tear_down();
}
END_TEST

static bool is_current(void)
{
	spore_auth_request rq = { .struct_size = sizeof rq };
	struct evidence evidence;
	struct roll_entry entry;

	evidence_init(&evidence, &keeper.rules, &rq);
	return roll_find(keeper.roll, &evidence, &keeper.rules, &entry) != ROLL_NOT_CURRENT;
}

START_TEST(a_list_ends_before_the_next_begins)
{
	set_up(true);
	changes_note_any(&changes);
	changes_list(&changes, "alice");
	changes_poll(&changes);
	changes_note_any(&changes);
	changes_list(&changes, "bob");
	ck_assert_uint_eq(n_lists, 1);
	changes_end_list(&changes, true);
	answer(STORE_UNKNOWN);
	answer(STORE_UNKNOWN);
	ck_assert_uint_eq(n_lists, 2); /* of the second change */
	ck_assert(!is_current());
	changes_end_list(&changes, true);
	ck_assert(is_current());
	/* What was not heard while it was listed may be old. */
	changes_poll(&changes);
	changes_deafen(&changes);
	changes_end_list(&changes, true);
	ck_assert_uint_eq(n_lists, 3);
	ck_assert(!is_current());
	changes_note_any(&changes);
	changes_end_list(&changes, true);
	ck_assert(is_current());
	tear_down();
}
END_TEST

SUITE("changes", a_poll_ends_before_the_next_begins,
      a_change_of_any_name_is_another_walk_afterwards,
      what_fails_is_looked_up_again_and_nothing_is_lost, a_name_that_always_fails_holds_nobody_up,
      a_list_ends_before_the_next_begins)
