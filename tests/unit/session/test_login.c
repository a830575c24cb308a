#include "session/login.h"

#include "scene/ledger_scene.h"
#include "suite.h"

/* A login on a connection that has been challenged; the verdicts that came through its ticket. */
static struct login login;
static int32_t verdict;
static unsigned n_verdicts;

static struct server_session *asked;

static void on_verdict(struct server_session *s, int32_t given)
{
	ck_assert_ptr_eq(s, asked);
	verdict = given;
	n_verdicts++;
}

static struct server_session *begin(const char *config, int *fd_out)
{
	scene_open(config);
	*fd_out = scene_connect_from(0, SCENE_STRANGER);
	login_init(&login, scene.set);
	asked = scene_last(LIST_NEWCOMERS);
	return asked;
}

static void end_login(int fd)
{
	login_fini(&login, SPORE_END_CLOSED);
	close(fd);
	scene_close();
}

static int32_t judge(struct server_session *s, const char *answer, const struct account *owner)
{
	int32_t now;

	free(login.answer);
	ck_assert(login_answer(&login, answer));
	n_verdicts = 0;
	now = login_judge(&login, s, owner, on_verdict);
	if (now != SPORE_EPENDING)
		return now;
	scene_run();
	ck_assert_uint_eq(n_verdicts, 1);
	return verdict;
}

START_TEST(the_chain_decides_on_the_answer)
{
	struct allowance *allowance;
	int fd;
	struct server_session *s = begin(SCENE_NAMES, &fd);

	ck_assert_int_eq(judge(s, "alice", NULL), SPORE_ALLOW);
	allowance = login_take_allowance(&login);
	ck_assert_ptr_eq(allowance->by, scene.set->chains[CHAIN_AUTH]->items[0]);
	ck_assert_str_eq(allowance->grant->identity, "alice");
	ck_assert_ptr_null(login_take_allowance(&login));
	allowance_end(allowance, SPORE_END_CLOSED, NULL);
	ck_assert_int_eq(judge(s, "alice", NULL), SPORE_ALLOW); /* stays the login's */
	ck_assert_int_eq(judge(s, "eve", NULL), SPORE_DENY);
	end_login(fd);
}
END_TEST

/* By the session that opened the tunnel: another name's right answer is not enough. */
START_TEST(an_owner_is_asked_for_by_its_session)
{
	int fd;
	struct server_session *s = begin(SCENE_NAMES, &fd);
	struct instance *by = scene.set->chains[CHAIN_AUTH]->items[0];
	struct allowance *allowance;
	struct account *account;
	struct limit_hit hit;

	ck_assert_int_eq(judge(s, "alice", NULL), SPORE_ALLOW);
	allowance = login_take_allowance(&login);
	account = account_open(&scene.shared.principals, s->source, &scene.limits, by,
	                       grant_copy(allowance->grant), &hit);
	ck_assert_ptr_nonnull(account);
	ck_assert_int_eq(judge(s, "alice", account), SPORE_ALLOW);
	ck_assert_int_eq(judge(s, "bob", account), SPORE_DENY);
	ck_assert_int_eq(judge(s, "eve", account), SPORE_DENY);
	account_close_tunnel(account);
	allowance_end(allowance, SPORE_END_CLOSED, NULL);
	end_login(fd);
}
END_TEST

/* The request says what the client was let in with. */
START_TEST(a_verdict_is_renewed_by_what_was_said)
{
	int fd;
	struct server_session *s = begin(LEDGER_ONCE, &fd);
	struct allowance *allowance;
	int32_t status;

	ck_assert_int_eq(judge(s, "alice", NULL), SPORE_ALLOW);
	allowance = login_take_allowance(&login);
	ck_assert_int_eq(judge(s, "alice", NULL), SPORE_DENY);
	ck_assert_int_eq(login_renew(&login, s, NULL, 0, on_verdict), SPORE_EPENDING);
	scene_run();
	ck_assert_int_eq(verdict, SPORE_DENY);
	ck_assert_int_eq(login_renew(&login, s, allowance, 0, on_verdict), SPORE_EPENDING);
	ck_assert_ptr_nonnull(login_failure(&login, &status));
	ck_assert_int_eq(status, SPORE_ETIMEOUT);
	scene_run();
	ck_assert_int_eq(verdict, SPORE_ALLOW);
	ck_assert_ptr_null(login_failure(&login, &status));
	allowance_end(allowance, SPORE_END_CLOSED, NULL);
	end_login(fd);
	scene_check_ledgers();
}
END_TEST

START_TEST(an_answer_that_nobody_needs_is_wiped)
{
	int fd;
	struct server_session *s = begin(LEDGER_SESSIONS, &fd);
	struct allowance *allowance;

	ck_assert_int_eq(judge(s, "alice", NULL), SPORE_ALLOW);
	ck_assert_str_eq(login.answer, "alice");
	allowance = login_take_allowance(&login);
	ck_assert_ptr_null(login.answer);
	ck_assert_int_eq(login_renew(&login, s, allowance, 0, on_verdict), SPORE_EPENDING);
	scene_run();
	ck_assert_int_eq(verdict, SPORE_ALLOW);
	allowance_end(allowance, SPORE_END_CLOSED, NULL);
	end_login(fd);
	scene_check_ledgers();
}
END_TEST

/* Most instances verify the answer again. */
START_TEST(an_answer_is_kept_for_a_reload)
{
	int fd;
	struct server_session *s = begin(LEDGER_ONCE, &fd);
	struct allowance *allowance;

	ck_assert_int_eq(judge(s, "alice", NULL), SPORE_ALLOW);
	allowance = login_take_allowance(&login);
	ck_assert_str_eq(login.answer, "alice");
	allowance_end(allowance, SPORE_END_CLOSED, NULL);
	end_login(fd);
}
END_TEST

START_TEST(moving_takes_all_but_the_verdict)
{
	struct login moved = { .answer = NULL };
	struct plugin_set *set;
	unsigned refs;
	int fd;

	begin(SCENE_NAMES, &fd);
	set = login.set;
	refs = atomic_load(&set->refs);
	login.challenge.bytes[3] = 9;
	ck_assert(login_answer(&login, "alice"));
	ck_assert_int_eq(about_add(&login.about, "name=web"), ABOUT_TAKEN);
	login_move(&moved, &login);
	ck_assert_ptr_eq(moved.set, set);
	ck_assert_uint_eq(moved.challenge.bytes[3], 9);
	ck_assert_str_eq(moved.answer, "alice");
	ck_assert_ptr_null(login.set);
	ck_assert_ptr_null(login.answer);
	ck_assert_str_eq(about_name(&moved.about), "web");
	ck_assert_ptr_null(about_name(&login.about));
	ck_assert_uint_eq(atomic_load(&set->refs), refs);
	login_fini(&moved, SPORE_END_CLOSED);
	ck_assert_uint_eq(atomic_load(&set->refs), refs - 1);
	end_login(fd);
}
END_TEST

START_TEST(another_set_cancels_the_verdict)
{
	int fd;
	struct server_session *s = begin(SCENE_LATER("allow"), &fd);

	ck_assert(login_answer(&login, "alice"));
	n_verdicts = 0;
	ck_assert_int_eq(login_judge(&login, s, NULL, on_verdict), SPORE_EPENDING);
	login_log_late(&login);
	login_change_set(&login, NULL);
	ck_assert_ptr_null(login.verdict);
	login_log_late(&login);
	ck_assert_ptr_null(login.set);
	run_for(scene.loops[0], SCENE_LATER_MS + 100);
	ck_assert_uint_eq(n_verdicts, 0);
	end_login(fd);
}
END_TEST

START_TEST(a_verdict_lets_on_or_refuses)
{
	static const struct {
		const char *answer;
		int32_t verdict;
		enum refusal why, told;
	} refused[] = { { "x", SPORE_DENY, REFUSED_WRONG_SECRET, REFUSED_WRONG_SECRET },
		        { "", SPORE_DENY, REFUSED_WRONG_SECRET, REFUSED_WRONG_SECRET },
		        { NULL, SPORE_DENY, REFUSED_UNKNOWN_CLIENT, REFUSED_UNKNOWN_CLIENT },
		        { "x", SPORE_UNBOUND, REFUSED_UNBOUND, REFUSED_WRONG_SECRET },
		        { "x", SPORE_EBACKEND, REFUSED_AUTH_FAILED, REFUSED_AUTH_FAILED },
		        { "x", SPORE_ENOMEM, REFUSED_AUTH_FAILED, REFUSED_AUTH_FAILED } };
	int fd;

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct server_session *s = begin(SCENE_NAMES, &fd);

		scene_expect(fd, MESSAGE_CHALLENGE);
		ck_assert(!refused[i].answer || login_answer(&login, refused[i].answer));
		ck_assert(login_accept_verdict(&login, s, SPORE_ALLOW));
		ck_assert_int_eq(s->state, SESSION_CHALLENGED);
		ck_assert(!login_accept_verdict(&login, s, refused[i].verdict));
		scene_run();
		scene_expect_error(fd, refused[i].told);
		ck_assert_int_ge(scene_refusals(refused[i].why), 1);
		login_fini(&login, SPORE_END_CLOSED);
		scene_close();
	}
}
END_TEST

START_TEST(tries_run_out)
{
	int fd;
	struct server_session *s = begin(SCENE_NAMES, &fd);

	scene_expect(fd, MESSAGE_CHALLENGE);
	scene.workers[0].limits.settings.secret_burst = 2;
	scene.workers[0].limits.settings.secret_rate = 1;
	ck_assert(login_may_try(s));
	ck_assert(login_may_try(s));
	ck_assert(!login_may_try(s));
	scene_run();
	scene_expect_error(fd, REFUSED_TOO_MANY_TRIES);
	login_fini(&login, SPORE_END_CLOSED);
	scene_close();
}
END_TEST

/* A server that leaves does not ask anybody to wait. */
START_TEST(a_ban_is_told_until_the_server_leaves)
{
	struct limits *limits = &scene.workers[0].limits;

	for (int leaves = 0; leaves < 2; leaves++) {
		int fd;
		struct server_session *s = begin(SCENE_NAMES, &fd);

		scene_expect(fd, MESSAGE_CHALLENGE);
		limits->settings.ban_after = 1;
		limits->settings.ban_time = 60000;
		ck_assert(source_was_wrong(s->source, limits, clock_ms()));
		atomic_store(&scene.shared.draining, leaves);
		ck_assert(!login_may_try(s));
		scene_run();
		ck_assert_int_eq(refusal_parse(scene_expect(fd, MESSAGE_ERROR).text),
		                 leaves ? REFUSED_DRAINING : REFUSED_SOURCE);
		end_login(fd);
	}
}
END_TEST

SUITE("login", a_ban_is_told_until_the_server_leaves, the_chain_decides_on_the_answer,
      an_owner_is_asked_for_by_its_session, a_verdict_is_renewed_by_what_was_said,
      an_answer_that_nobody_needs_is_wiped, an_answer_is_kept_for_a_reload,
      moving_takes_all_but_the_verdict, another_set_cancels_the_verdict,
      a_verdict_lets_on_or_refuses, tries_run_out)
