/* trial - asks a chain about an answer for which there is no connection, and notes what each
 * instance says. It counts towards no limit, ban or session, but instances count it in their
 * metrics.
 *
 *   home: trial_start ─▶ worker: the chain is asked ─▶ home: done
 *
 * An ALLOW ends at once (SPORE_END_REFUSED). No loop blocks on another. If the worker hangs, home
 * stops waiting TRIAL_MARGIN_MS after the time of the trial. */
#ifndef CORE_TRIAL_H
#define CORE_TRIAL_H

#include "verdict/auth.h"
#include "verdict/stand_in.h"

enum { TRIAL_STEPS = 64, TRIAL_MARGIN_MS = 500 };

struct trial;

/* Further values of a step's verdict, beside SPORE_ALLOW, _DENY, _NEXT, _UNBOUND and SPORE_E*. */
enum { TRIAL_NOT_ASKED = 0, TRIAL_NO_ANSWER = SPORE_EPENDING };

/* An instance of the chain, in its order. */
struct trial_step {
	const char *name, *component; /* permanent */
	int32_t verdict;
	int64_t took_ns;
};

/* What the chain has said. */
struct trial_report {
	int32_t verdict;     /* as of auth_judge; SPORE_ETIMEOUT also if the time was up */
	bool hangs;          /* the worker has not answered: the rest is not known */
	const char *by;      /* the instance that decided, or failed; NULL: none, or no chain */
	uint16_t port;       /* that the client asks for; 0: any */
	bool is_last_good;   /* `by` could not decide; its earlier ALLOW counts */
	struct grant *grant; /* with SPORE_ALLOW; NULL: the chain is empty */
	int64_t took_ns;
	struct trial_step steps[TRIAL_STEPS]; /* further instances are left out */
	size_t n_steps;
};

struct trial_plan {
	struct loop *home, *loop; /* borrowed; outlive the trial; `loop` is a worker's */
	struct plugin_set *set;   /* a reference is taken */
	struct stand_in_facts facts;
	const char *answer; /* copied, and wiped at the end; "": none */
	uint16_t port;      /* that the client asks for; 0: any */
	int64_t wait_ms;
	/* Runs once, after trial_start has returned, unless trial_forget was called. The report is
	 * valid until it returns. [home's thread] */
	void (*done)(void *arg, const struct trial_report *report);
	void *arg;
};

/* NULL: out of memory. This and the next: [home's thread] */
struct trial *trial_start(const struct trial_plan *plan);
/* Cancels the trial: `done` will not run. Must not be called after `done` has run. */
void trial_forget(struct trial *trial);

#endif
