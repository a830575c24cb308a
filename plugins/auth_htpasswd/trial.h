/* trial - tries one password against one hash, on the blocking pool of the instance. The threads
 * and the queue of the pool are limited. */
#ifndef AUTH_HTPASSWD_TRIAL_H
#define AUTH_HTPASSWD_TRIAL_H

#include <spore/auth.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "../common/password/hash.h"
#include "../common/password_answer.h"
#include "roster.h"

struct trial;

/* What is to be tried. */
struct trial_order {
	const spore_host *host;
	spore_worker *worker;
	/* Gets the result, unless the trial was cancelled. The trial is freed afterwards.
	 * [worker] */
	void (*on_done)(struct trial *trial);
	void *owner;
	spore_ticket ticket;
	const struct password_answer *answer; /* copied */
	const struct member *member;          /* whose hash it is compared with */
	/* NULL: the member has the name of the answer. Otherwise the answer is refused for this
	 * reason, and the member only stands in, so that the refusal takes as long. Static. */
	const char *obstacle;
};

struct trial {
	void *owner;
	spore_ticket ticket;
	struct password_answer answer;
	const struct member *member;
	const char *obstacle;
	enum hash_says says;
	/* Private. */
	const spore_host *host;
	void (*on_done)(struct trial *trial);
	struct trial *next, **link; /* among those of the worker */
	atomic_bool cancelled;
};

/* Puts the trial into the list. If the password is right and there is no obstacle, the member's
 * seal is closed. Returns SPORE_OK, or what offload() returns: SPORE_EBUSY if the queue is full.
 * [worker] */
spore_status trial_start(struct trial **list, const struct trial_order *order);
/* The trial with this ticket, if there is one, will not report. If it has not begun, no hash is
 * computed. [worker] */
void trial_cancel(struct trial *list, spore_ticket ticket);

#endif
