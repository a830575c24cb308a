#include "client/opening.h"

#include "base/clock.h"
#include "client/client.h"
#include "client/roll.h"
#include "loop/loop.h"
#include "loop/survey.h"

/* A tunnel that is tried again this soon may still open: its port may not be free yet. */
enum { SURVEY_MS = 1000, SOON_MS = 300 };

static const double pause_s = 0.05;

static struct ev_loop *ev_of(const struct opening *opening)
{
	return loop_ev(opening->loop);
}

bool opening_stands(const struct roll_row *row)
{
	return row->at == SESSION_STANDING || row->at == SESSION_PARTING;
}

static bool is_settled(const struct roll_row *row)
{
	if (row->at == SESSION_PAUSED)
		return row->retry_in_ms > SOON_MS;
	return row->at >= SESSION_STANDING;
}

bool opening_is_settled(const struct roll *roll)
{
	for (size_t i = 0; i < roll->n; i++) {
		if (!is_settled(&roll->rows[i]))
			return false;
	}
	return true;
}

static bool ask(struct opening *opening);

static void on_pause(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct opening *opening = timer->data;

	(void)ev;
	(void)events;
	if (!ask(opening))
		opening->done(opening, NULL);
}

static void on_survey(struct survey *survey, void *arg)
{
	struct opening *opening = arg;
	const struct roll *roll = survey_answer(survey, 0);

	opening->survey = NULL;
	if (!roll || opening_is_settled(roll) || clock_ms() >= opening->until_ms) {
		opening->done(opening, roll);
		return;
	}
	ev_timer_set(&opening->pause, pause_s, 0.0);
	ev_timer_start(ev_of(opening), &opening->pause);
}

/* False: out of memory. */
static bool ask(struct opening *opening)
{
	opening->survey = client_ask(opening->client, SURVEY_MS, on_survey, opening);
	return opening->survey != NULL;
}

bool opening_start(struct opening *opening, struct client *client, struct loop *main_loop)
{
	opening->client = client;
	opening->loop = main_loop;
	opening->until_ms = clock_ms() + OPENING_MS;
	ev_init(&opening->pause, on_pause);
	opening->pause.data = opening;
	return ask(opening);
}

void opening_forget(struct opening *opening)
{
	if (!opening->loop)
		return;
	if (opening->survey)
		survey_forget(opening->survey);
	opening->survey = NULL;
	ev_timer_stop(ev_of(opening), &opening->pause);
}
