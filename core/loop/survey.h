/* survey - one question to several loops, each of which answers on its own thread; the answers are
 * gathered where the question came from, for so long and no longer.
 *
 *   home ─question─▶ each loop ─answer─▶ home ─▶ done: all are there, or time is over
 *
 * Nobody waits for anybody: a loop that hangs is one whose answer is missing. What comes too late
 * is dropped. */
#ifndef CORE_SURVEY_H
#define CORE_SURVEY_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct survey;

struct survey_plan {
	struct loop *home;         /* borrowed, as are the next: they outlive the survey */
	struct loop *const *loops; /* running */
	unsigned n;
	int64_t wait_ms;
	const void *question; /* copied */
	size_t size;          /* of the question */
	/* The answer of the index-th loop, or NULL: it has none. [the loop's thread] */
	void *(*ask)(unsigned index, const void *question);
	/* [home's thread] */
	void (*drop)(void *answer);
	/* Once, never before survey_start returns; the survey may not be touched afterwards.
	 * [home's thread] */
	void (*done)(struct survey *survey, void *arg);
	void *arg;
};

/* NULL: out of memory. All below: [home's thread] */
struct survey *survey_start(const struct survey_plan *plan);
/* done will not run. Not to be called after it has. */
void survey_forget(struct survey *survey);

/* For done. The answer of the index-th loop, which is dropped when done returns; NULL: it did not
 * come. */
void *survey_answer(const struct survey *survey, unsigned index);
/* How long the question waited until that loop took it up; -1: it has not, or its answer is not
 * here. */
int64_t survey_waited_ns(const struct survey *survey, unsigned index);

#endif
