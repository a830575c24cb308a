/* survey - asks several loops a question without blocking. Each loop answers on its own thread; the
 * answers are collected on the loop that asked, the home.
 *
 *   home ─question─▶ each loop ─answer─▶ home ─▶ done: all answers are there, or time is up
 *
 * No loop waits for another: the answer of a loop that hangs is missing, and late answers are
 * dropped. */
#ifndef CORE_SURVEY_H
#define CORE_SURVEY_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct survey;

struct survey_plan {
	struct loop *home;         /* borrowed; outlives the survey */
	struct loop *const *loops; /* borrowed, running; outlive the survey */
	unsigned n;
	int64_t wait_ms;
	const void *question; /* copied */
	size_t size;          /* of the question */
	/* Returns the answer of the index-th loop; NULL: no answer. [the loop's thread] */
	void *(*ask)(unsigned index, const void *question);
	/* Frees an answer; NULL: answers need none. [home's thread] */
	void (*drop)(void *answer);
	/* Runs once, after survey_start has returned. The survey must not be used after it.
	 * [home's thread] */
	void (*done)(struct survey *survey, void *arg);
	void *arg;
};

/* Asks the question. `plan` is copied. NULL: out of memory. This and all below: [home's thread] */
struct survey *survey_start(const struct survey_plan *plan);
/* Cancels the survey: `done` will not run. Must not be called after `done` has run. */
void survey_forget(struct survey *survey);

/* The answer of the index-th loop. NULL: this loop has not answered. Call it only within `done`:
 * the survey frees all answers when `done` returns. */
void *survey_answer(const struct survey *survey, unsigned index);
/* The time from the question until the index-th loop began to answer it. -1: this loop has not
 * answered. Call it only within `done`. */
int64_t survey_waited_ns(const struct survey *survey, unsigned index);

#endif
