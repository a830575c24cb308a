#include "verdict/login.h"

#include "scene/ledger_scene.h"
#include "suite.h"

/* A login on a connection that has been challenged; the verdicts that came through its ticket. */
static struct login login;
static int32_t verdict;
static unsigned n_verdicts;

static struct server_session *asked;

static void on_verdict(void *session, int32_t given)
{
	ck_assert_ptr_eq(session, asked);
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

/* As a session that waits for it. */
static struct login_asker asker_of(struct server_session *s)
{
	return (struct login_asker){ s->link.stream, s->deadline.at_ms, on_verdict, s };
}

static int32_t renew(struct server_session *s, const struct allowance *renews)
{
	struct login_asker asker = asker_of(s);

	return login_renew(&login, &asker, renews, 0);
}

static void end_login(int fd)
{
	login_fini(&login, SPORE_END_CLOSED);
	close(fd);
	scene_close();
}

static int32_t judge(struct server_session *s, const char *answer, const struct account *owner)
{
	struct login_asker asker = asker_of(s);
	int32_t now;

	free(login.answer);
	ck_assert(login_answer(&login, answer));
	n_verdicts = 0;
	now = login_judge(&login, &asker, owner);
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
	ck_assert_int_eq(renew(s, NULL), SPORE_EPENDING);
	scene_run();
	ck_assert_int_eq(verdict, SPORE_DENY);
	ck_assert_int_eq(renew(s, allowance), SPORE_EPENDING);
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
	ck_assert_int_eq(renew(s, allowance), SPORE_EPENDING);
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
	struct login_asker asker = asker_of(begin(SCENE_LATER("allow"), &fd));

	ck_assert(login_answer(&login, "alice"));
	n_verdicts = 0;
	ck_assert_int_eq(login_judge(&login, &asker, NULL), SPORE_EPENDING);
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

SUITE("login", the_chain_decides_on_the_answer, an_owner_is_asked_for_by_its_session,
      a_verdict_is_renewed_by_what_was_said, an_answer_that_nobody_needs_is_wiped,
      an_answer_is_kept_for_a_reload, moving_takes_all_but_the_verdict,
      another_set_cancels_the_verdict)
