#include "breaker.h"

void breaker_init(struct breaker *breaker, unsigned max_failures, int64_t pause_ms)
{
	*breaker = (struct breaker){ .max_failures = max_failures, .pause_ms = pause_ms };
	pthread_mutex_init(&breaker->lock, NULL);
}

void breaker_fini(struct breaker *breaker)
{
	pthread_mutex_destroy(&breaker->lock);
}

static enum breaker_pass choose_pass(struct breaker *breaker, int64_t now_ms)
{
	if (breaker->state == BREAKER_CLOSED)
		return BREAKER_NORMAL;
	if (breaker->state == BREAKER_PROBING || now_ms - breaker->opened_ms < breaker->pause_ms)
		return BREAKER_REFUSED;
	breaker->state = BREAKER_PROBING;
	return BREAKER_PROBE;
}

enum breaker_pass breaker_enter(struct breaker *breaker, int64_t now_ms)
{
	enum breaker_pass pass;

	pthread_mutex_lock(&breaker->lock);
	pass = choose_pass(breaker, now_ms);
	pthread_mutex_unlock(&breaker->lock);
	return pass;
}

static void open_breaker(struct breaker *breaker, int64_t now_ms)
{
	breaker->state = BREAKER_OPEN;
	breaker->opened_ms = now_ms;
}

static bool note_failure(struct breaker *breaker, enum breaker_pass pass, int64_t now_ms)
{
	if (breaker->state != BREAKER_CLOSED) {
		/* Questions that were sent before the breaker opened say nothing new. */
		if (breaker->state == BREAKER_PROBING && pass == BREAKER_PROBE)
			open_breaker(breaker, now_ms);
		return false;
	}
	if (++breaker->failures < breaker->max_failures)
		return false;
	open_breaker(breaker, now_ms);
	return true;
}

static bool note_success(struct breaker *breaker)
{
	bool has_changed = breaker->state != BREAKER_CLOSED;

	breaker->state = BREAKER_CLOSED;
	breaker->failures = 0;
	return has_changed;
}

/* The pause is over already, so the next question is a probe. */
static void give_up_probe(struct breaker *breaker, enum breaker_pass pass)
{
	if (breaker->state == BREAKER_PROBING && pass == BREAKER_PROBE)
		breaker->state = BREAKER_OPEN;
}

bool breaker_settle(struct breaker *breaker, enum breaker_pass pass, enum breaker_outcome outcome,
                    int64_t now_ms)
{
	bool has_changed = false;

	pthread_mutex_lock(&breaker->lock);
	if (outcome == BREAKER_WORKS)
		has_changed = note_success(breaker);
	else if (outcome == BREAKER_FAILS)
		has_changed = note_failure(breaker, pass, now_ms);
	else
		give_up_probe(breaker, pass);
	pthread_mutex_unlock(&breaker->lock);
	return has_changed;
}

enum breaker_state breaker_read(struct breaker *breaker)
{
	enum breaker_state state;

	pthread_mutex_lock(&breaker->lock);
	state = breaker->state;
	pthread_mutex_unlock(&breaker->lock);
	return state;
}
