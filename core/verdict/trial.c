#include "verdict/trial.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "loop/loop.h"
#include "plugin/loader.h"
#include "version.h"

/* Freed when the worker has ended it and, if it was cancelled, has seen that. */
struct trial {
	struct trial_plan plan;
	atomic_uint holders;
	/* Home's. */
	ev_timer patience;
	bool is_over; /* `done` has run, or must not */
	struct loop_task end, cancel;
	/* The worker's; the report is home's after `end`. */
	struct auth_run run;
	struct stand_in stand_in;
	struct about about;
	ev_timer deadline;
	int64_t began_ns;
	const char *late; /* the instance that was asked when the time was up */
	bool has_ended;
	struct loop_task begin;
	struct trial_report report;
	char answer[SPORE_AUTH_ANSWER_MAX + 1];
};

static void drop(struct trial *trial)
{
	if (atomic_fetch_sub(&trial->holders, 1) > 1)
		return;
	grant_free(trial->report.grant);
	free(trial);
}

/* ---- home ---- */

static void tell(struct trial *trial, const struct trial_report *report)
{
	trial->is_over = true;
	ev_timer_stop(loop_ev(trial->plan.home), &trial->patience);
	trial->plan.done(trial->plan.arg, report);
}

static void run_end(struct loop_task *task)
{
	struct trial *trial = CONTAINER_OF(task, struct trial, end);

	if (!trial->is_over)
		tell(trial, &trial->report);
	drop(trial);
}

static void on_impatience(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct trial_report report = { .verdict = SPORE_ETIMEOUT, .hangs = true };

	(void)ev;
	(void)events;
	tell(timer->data, &report);
}

/* ---- the worker ---- */

static void end_trial(struct trial *trial)
{
	ev_timer_stop(loop_ev(trial->plan.loop), &trial->deadline);
	auth_cancel(&trial->run, SPORE_END_REFUSED);
	stand_in_close(&trial->stand_in);
	about_fini(&trial->about);
	crypto_wipe(trial->answer, sizeof trial->answer);
	plugin_set_unref(trial->plan.set);
	trial->has_ended = true;
	loop_post(trial->plan.home, &trial->end);
}

static void add_step(struct trial *trial, const struct instance *instance, int32_t verdict,
                     int64_t took_ns)
{
	struct trial_report *report = &trial->report;

	if (report->n_steps < TRIAL_STEPS)
		report->steps[report->n_steps++] = (struct trial_step){ instance->name,
			                                                instance->component->name,
			                                                verdict, took_ns };
}

static void on_step(struct auth_run *run, const struct instance *by, int32_t verdict)
{
	bool is_known = verdict == SPORE_ALLOW || verdict == SPORE_DENY || verdict == SPORE_NEXT ||
	                verdict == SPORE_UNBOUND || verdict < 0;

	add_step(CONTAINER_OF(run, struct trial, run), by, is_known ? verdict : SPORE_EINVAL,
	         clock_ns() - run->asked_ns);
}

/* Adds a step for each instance that has said nothing. pending: the first of them was asked. */
static void add_silent(struct trial *trial, bool pending)
{
	const struct chain *chain = trial->plan.set->chains[CHAIN_AUTH];

	for (size_t i = trial->report.n_steps; i < chain->n; i++, pending = false)
		add_step(trial, chain->items[i], pending ? TRIAL_NO_ANSWER : TRIAL_NOT_ASKED,
		         pending ? clock_ns() - trial->run.asked_ns : 0);
}

static bool has_said_allow(const struct trial_report *report)
{
	for (size_t i = 0; i < report->n_steps; i++) {
		if (report->steps[i].verdict == SPORE_ALLOW)
			return true;
	}
	return false;
}

/* Notes what the verdict means, and for whom. */
static void take_verdict(struct trial *trial, int32_t verdict)
{
	struct trial_report *report = &trial->report;
	const struct allowance *allowance = trial->run.allowance;
	const struct instance *by = trial->run.by ? trial->run.by : trial->run.failed;

	report->verdict = verdict;
	report->by = by ? by->name : trial->late;
	report->took_ns = clock_ns() - trial->began_ns;
	report->is_last_good = verdict == SPORE_ALLOW && by && !has_said_allow(report);
	if (verdict == SPORE_ALLOW && allowance) {
		report->grant = allowance->grant ? grant_copy(allowance->grant) : NULL;
		if (!report->grant)
			report->verdict = SPORE_ENOMEM;
	}
	add_silent(trial, false);
	end_trial(trial);
}

static void on_verdict(struct auth_run *run, int32_t verdict)
{
	take_verdict(CONTAINER_OF(run, struct trial, run), verdict);
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct trial *trial = timer->data;
	int32_t status;

	(void)ev;
	(void)events;
	trial->late = auth_failure(&trial->run, &status);
	auth_log_late(&trial->run);
	add_silent(trial, true);
	take_verdict(trial, auth_give_up(&trial->run));
}

static void start_deadline(struct trial *trial)
{
	struct ev_loop *ev = loop_ev(trial->plan.loop);

	ev_now_update(ev);
	ev_timer_init(&trial->deadline, on_deadline, (double)trial->plan.wait_ms / 1000, 0);
	trial->deadline.data = trial;
	ev_timer_start(ev, &trial->deadline);
}

static void ask(struct trial *trial)
{
	struct auth_question question = {
		.set = trial->plan.set,
		.stream = trial->stand_in.stream,
		.purpose = SPORE_AUTH_CONTROL,
		.answer = trial->answer,
		.about = &trial->about,
		.deadline_ms = clock_ms() + trial->plan.wait_ms,
	};
	int32_t verdict;

	memcpy(question.challenge, trial->plan.facts.challenge.bytes, sizeof question.challenge);
	trial->run.on_step = on_step;
	start_deadline(trial);
	verdict = auth_judge(&trial->run, &question, on_verdict);
	if (verdict != SPORE_EPENDING)
		take_verdict(trial, verdict);
}

static bool say_about(struct trial *trial)
{
	about_ask(&trial->about, trial->plan.port);
	return about_add(&trial->about, "version=spore/" SPORE_VERSION) == ABOUT_TAKEN;
}

static void run_begin(struct loop_task *task)
{
	struct trial *trial = CONTAINER_OF(task, struct trial, begin);
	struct trial_plan *plan = &trial->plan;

	trial->began_ns = clock_ns();
	if (plan->set->chains[CHAIN_AUTH]->n == 0)
		take_verdict(trial, SPORE_ALLOW);
	else if (!say_about(trial) || !stand_in_open(&trial->stand_in, plan->loop, &plan->facts))
		take_verdict(trial, SPORE_ENOMEM);
	else
		ask(trial);
}

static void run_cancel(struct loop_task *task)
{
	struct trial *trial = CONTAINER_OF(task, struct trial, cancel);

	if (!trial->has_ended)
		end_trial(trial);
	drop(trial);
}

/* ---- start and end ---- */

struct trial *trial_start(const struct trial_plan *plan)
{
	struct trial *trial = calloc(1, sizeof *trial);

	if (!trial)
		return NULL;
	trial->plan = *plan;
	trial->plan.answer = NULL;
	trial->report.port = plan->port;
	plugin_set_ref(plan->set);
	strncpy(trial->answer, plan->answer, SPORE_AUTH_ANSWER_MAX);
	atomic_init(&trial->holders, 1);
	trial->begin.run = run_begin;
	trial->end.run = run_end;
	trial->cancel.run = run_cancel;
	ev_init(&trial->deadline, on_deadline);
	ev_timer_init(&trial->patience, on_impatience,
	              (double)(plan->wait_ms + TRIAL_MARGIN_MS) / 1000, 0);
	trial->patience.data = trial;
	ev_now_update(loop_ev(plan->home));
	ev_timer_start(loop_ev(plan->home), &trial->patience);
	loop_post(plan->loop, &trial->begin);
	return trial;
}

void trial_forget(struct trial *trial)
{
	trial->is_over = true;
	ev_timer_stop(loop_ev(trial->plan.home), &trial->patience);
	atomic_fetch_add(&trial->holders, 1);
	loop_post(trial->plan.loop, &trial->cancel);
}
