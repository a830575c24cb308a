#include "verdict/trial.h"

#include "../sdk/plugins/ledger.h"
#include "base/container.h"
#include "net/addr.h"
#include "run_until.h"
#include "scene/host_scene.h"
#include "suite.h"

/* The test's thread is home. */
struct tester {
	struct host_scene scene;
	struct plugin_set *set;
	struct trial_plan plan;
	struct trial_report report; /* without its grant */
	char identity[32];
	bool is_done;
	atomic_bool may_go_on;
};

static void on_done(void *arg, const struct trial_report *report)
{
	struct tester *tester = arg;

	ck_assert(!tester->is_done);
	tester->report = *report;
	tester->report.grant = NULL;
	snprintf(tester->identity, sizeof tester->identity, "%s",
	         report->grant ? report->grant->identity : "no grant");
	tester->is_done = true;
}

static void set_up(struct tester *tester, const char *config)
{
	*tester = (struct tester){ .is_done = false };
	host_scene_open(&tester->scene);
	tester->set = host_scene_server(&tester->scene, config);
	tester->plan = (struct trial_plan){ .home = tester->scene.main_loop,
		                            .loop = tester->scene.loops[0],
		                            .set = tester->set,
		                            .answer = "bob",
		                            .wait_ms = RUN_UNTIL_MS,
		                            .done = on_done,
		                            .arg = tester };
	ck_assert(addr_parse("127.0.0.1:1", &tester->plan.facts.peer));
}

static void tear_down(struct tester *tester)
{
	plugin_set_unref(tester->set);
	run_for(tester->scene.main_loop, 5);
	host_scene_close(&tester->scene);
}

static const struct trial_report *judge(struct tester *tester, const char *answer)
{
	tester->plan.answer = answer;
	tester->is_done = false;
	ck_assert_ptr_nonnull(trial_start(&tester->plan));
	ck_assert(run_until(tester->scene.main_loop, run_until_is_set, &tester->is_done));
	return &tester->report;
}

static void check_step(const struct trial_step *step, const char *name, int32_t verdict)
{
	ck_assert_str_eq(step->name, name);
	ck_assert_int_eq(step->verdict, verdict);
}

static const char policies[] =
	"{\"auth\":[{\"use\":\"policy\",\"names\":[\"alice\"],\"name\":\"one\"},"
	"{\"use\":\"policy\",\"names\":[\"bob\"],\"name\":\"two\"},"
	"{\"use\":\"policy\",\"names\":[\"carol\"],\"name\":\"three\"}]}";

START_TEST(each_instance_is_noted)
{
	struct tester tester;
	const struct trial_report *report;

	set_up(&tester, policies);
	report = judge(&tester, "bob");
	ck_assert_int_eq(report->verdict, SPORE_ALLOW);
	ck_assert_str_eq(report->by, "two");
	ck_assert_str_eq(tester.identity, "bob");
	ck_assert(!report->is_last_good && !report->hangs);
	ck_assert_uint_eq(report->n_steps, 3);
	check_step(&report->steps[0], "one", SPORE_NEXT);
	check_step(&report->steps[1], "two", SPORE_ALLOW);
	check_step(&report->steps[2], "three", TRIAL_NOT_ASKED);
	ck_assert_str_eq(report->steps[0].component, "policy");
	report = judge(&tester, "eve");
	ck_assert_int_eq(report->verdict, SPORE_DENY);
	ck_assert_ptr_null(report->by);
	ck_assert_str_eq(tester.identity, "no grant");
	check_step(&report->steps[2], "three", SPORE_NEXT);
	tear_down(&tester);
}
END_TEST

START_TEST(an_empty_chain_allows)
{
	struct tester tester;
	const struct trial_report *report;

	set_up(&tester, "{}");
	report = judge(&tester, "");
	ck_assert_int_eq(report->verdict, SPORE_ALLOW);
	ck_assert_uint_eq(report->n_steps, 0);
	ck_assert_ptr_null(report->by);
	tear_down(&tester);
}
END_TEST

START_TEST(an_error_is_noted)
{
	struct tester tester;
	const struct trial_report *report;

	set_up(&tester, "{\"auth\":[{\"use\":\"wrong\",\"value\":1,\"on_error\":\"next\"},"
	                "{\"use\":\"policy\",\"names\":[\"bob\"]}]}");
	report = judge(&tester, "bob");
	ck_assert_int_eq(report->verdict, SPORE_ALLOW);
	check_step(&report->steps[0], "wrong", SPORE_EINVAL);
	report = judge(&tester, "eve");
	ck_assert_int_eq(report->verdict, SPORE_EINVAL);
	ck_assert_str_eq(report->by, "wrong");
	tear_down(&tester);
}
END_TEST

START_TEST(the_time_is_bounded)
{
	struct tester tester;
	const struct trial_report *report;

	set_up(&tester, "{\"auth\":[{\"use\":\"wrong\",\"value\":-2},"
	                "{\"use\":\"policy\",\"names\":[\"bob\"]}]}");
	tester.plan.wait_ms = 20;
	report = judge(&tester, "bob");
	ck_assert_int_eq(report->verdict, SPORE_ETIMEOUT);
	ck_assert_str_eq(report->by, "wrong");
	ck_assert(!report->hangs);
	check_step(&report->steps[0], "wrong", TRIAL_NO_ANSWER);
	check_step(&report->steps[1], "policy", TRIAL_NOT_ASKED);
	tear_down(&tester);
}
END_TEST

/* ---- a worker that hangs ---- */

struct blocker {
	struct loop_task task;
	struct tester *tester;
};

static void run_block(struct loop_task *task)
{
	const struct tester *tester = CONTAINER_OF(task, struct blocker, task)->tester;

	while (!atomic_load(&tester->may_go_on))
		usleep(1000);
}

START_TEST(a_worker_that_hangs_is_not_waited_for)
{
	struct tester tester;
	struct blocker blocker = { { .run = run_block }, &tester };
	const struct trial_report *report;

	set_up(&tester, policies);
	tester.plan.wait_ms = 1;
	loop_post(tester.scene.loops[0], &blocker.task);
	report = judge(&tester, "bob");
	ck_assert(report->hangs);
	ck_assert_int_eq(report->verdict, SPORE_ETIMEOUT);
	ck_assert_uint_eq(report->n_steps, 0);
	atomic_store(&tester.may_go_on, true);
	loop_settle(tester.scene.loops[0]);
	tear_down(&tester);
}
END_TEST

/* ---- the end of an ALLOW ---- */

static bool has_balance(void *arg)
{
	const struct ledger_counts *counts = arg;

	return atomic_load(&counts->allows) > 0 &&
	       atomic_load(&counts->allows) == atomic_load(&counts->ends);
}

START_TEST(an_allow_ends_once)
{
	static const char *const ways[] = { "return", "ticket", "work" };

	for (size_t i = 0; i < 3; i++) {
		struct tester tester;
		struct ledger_counts *counts;
		char text[96];

		snprintf(text, sizeof text, "{\"auth\":[{\"use\":\"ledger\",\"how\":\"%s\"}]}",
		         ways[i]);
		set_up(&tester, text);
		counts = tester.set->chains[CHAIN_AUTH]->items[0]->self;
		ck_assert_int_eq(judge(&tester, "x")->verdict, SPORE_ALLOW);
		ck_assert(host_scene_wait(has_balance, counts));
		ck_assert_uint_eq(counts->wrong, 0);
		ck_assert_uint_eq(counts->by[SPORE_END_REFUSED], 1);
		tear_down(&tester);
	}
}
END_TEST

START_TEST(nothing_follows_a_cancelled_trial)
{
	static const char *const uses[] = { "\"use\":\"wrong\",\"value\":-2",
		                            "\"use\":\"ledger\"" };

	for (size_t i = 0; i < 2; i++) {
		struct tester tester;
		struct trial *trial;
		char text[96];

		snprintf(text, sizeof text, "{\"auth\":[{%s}]}", uses[i]);
		set_up(&tester, text);
		trial = trial_start(&tester.plan);
		ck_assert_ptr_nonnull(trial);
		if (i == 0)
			loop_settle(tester.scene.loops[0]);
		trial_forget(trial);
		run_for(tester.scene.main_loop, 20);
		loop_settle(tester.scene.loops[0]);
		ck_assert(!tester.is_done);
		tear_down(&tester);
	}
}
END_TEST

SUITE("trial", each_instance_is_noted, an_empty_chain_allows, an_error_is_noted,
      the_time_is_bounded, a_worker_that_hangs_is_not_waited_for, an_allow_ends_once,
      nothing_follows_a_cancelled_trial)
