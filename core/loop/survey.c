#include "loop/survey.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "loop/loop.h"

/* One loop's part of the survey. It travels to that loop and back home as a posted task. */
struct part {
	struct loop_task task;
	struct survey *survey;
	unsigned index;
	int64_t asked_ns, waited_ns;
	void *answer;
	bool is_back;
};

/* Lives until all parts are back, since other threads use them until then. */
struct survey {
	struct survey_plan plan;
	void *question; /* owned */
	ev_timer deadline;
	unsigned n_back;
	bool is_over; /* `done` has run, or will not run */
	struct part parts[];
};

static void drop_answer(struct survey *survey, struct part *part)
{
	if (part->answer && survey->plan.drop)
		survey->plan.drop(part->answer);
	part->answer = NULL;
}

static void free_if_all_back(struct survey *survey)
{
	if (survey->n_back < survey->plan.n)
		return;
	free(survey->question);
	free(survey);
}

static void end_survey(struct survey *survey)
{
	survey->is_over = true;
	ev_timer_stop(loop_ev(survey->plan.home), &survey->deadline);
	for (unsigned i = 0; i < survey->plan.n; i++) {
		if (survey->parts[i].is_back)
			drop_answer(survey, &survey->parts[i]);
	}
	free_if_all_back(survey);
}

static void report_answers(struct survey *survey)
{
	survey->plan.done(survey, survey->plan.arg);
	end_survey(survey);
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	report_answers(timer->data);
}

static void run_back(struct loop_task *task)
{
	struct part *part = CONTAINER_OF(task, struct part, task);
	struct survey *survey = part->survey;

	part->is_back = true;
	survey->n_back++;
	if (survey->is_over) {
		drop_answer(survey, part);
		free_if_all_back(survey);
	} else if (survey->n_back == survey->plan.n) {
		report_answers(survey);
	}
}

/* [the loop's thread] */
static void run_ask(struct loop_task *task)
{
	struct part *part = CONTAINER_OF(task, struct part, task);
	const struct survey *survey = part->survey;

	part->waited_ns = clock_ns() - part->asked_ns;
	part->answer = survey->plan.ask(part->index, survey->question);
	part->task.run = run_back;
	loop_post(survey->plan.home, &part->task);
}

struct survey *survey_start(const struct survey_plan *plan)
{
	struct survey *survey = calloc(1, sizeof *survey + plan->n * sizeof *survey->parts);
	void *question = malloc(plan->size);

	if (!survey || !question) {
		free(survey);
		free(question);
		return NULL;
	}
	memcpy(question, plan->question, plan->size);
	survey->plan = *plan;
	survey->question = question;
	ev_timer_init(&survey->deadline, on_deadline, (double)plan->wait_ms / 1000.0, 0.0);
	survey->deadline.data = survey;
	ev_now_update(loop_ev(plan->home));
	ev_timer_start(loop_ev(plan->home), &survey->deadline);
	for (unsigned i = 0; i < plan->n; i++) {
		survey->parts[i] = (struct part){
			.task.run = run_ask, .survey = survey, .index = i, .asked_ns = clock_ns()
		};
		loop_post(plan->loops[i], &survey->parts[i].task);
	}
	return survey;
}

void survey_forget(struct survey *survey)
{
	end_survey(survey);
}

void *survey_answer(const struct survey *survey, unsigned index)
{
	const struct part *part = &survey->parts[index];

	return part->is_back ? part->answer : NULL;
}

int64_t survey_waited_ns(const struct survey *survey, unsigned index)
{
	const struct part *part = &survey->parts[index];

	return part->is_back ? part->waited_ns : -1;
}
