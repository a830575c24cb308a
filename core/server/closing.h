/* closing - how a server ends in order, step by step: the clients are asked to leave, the public
 * ports close, then the control port, and the end has come when no relay runs. [main] */
#ifndef CORE_CLOSING_H
#define CORE_CLOSING_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct server_shared;
struct survey;
struct workers;

struct closing {
	struct server_shared *shared; /* borrowed, like the next two: they outlive it */
	const struct workers *workers;
	ev_timer *tick; /* calls closing_go_on; it is fed when the workers have done a step */
	struct survey *drain_survey; /* the workers are told to do a step; NULL: they are not */
	bool listening;              /* at the control port */
	bool accepting;              /* at public ports */
	bool is_alone;           /* nobody sends back the data connections of clients that stay */
	int64_t accept_until_ms; /* when the public ports of leavers close in any case */
	void (*on_drained)(void *arg); /* NULL: it has not begun, or is over */
	void *arg;
};

/* The server accepts at all its ports from now on. */
void closing_init(struct closing *closing, struct server_shared *shared,
                  const struct workers *workers, ev_timer *tick);
/* grace_ms: how long clients that can move to another server may keep their public ports.
 * on_drained runs once, from closing_go_on. */
void closing_start(struct closing *closing, int64_t grace_ms, void (*on_drained)(void *arg),
                   void *arg);
/* Takes the next steps, if the drain has begun. */
void closing_go_on(struct closing *closing);
/* The data connections of clients that stay do not come back any more: their ports close. */
void closing_stay_no_more(struct closing *closing);
/* on_drained does not run any more. Harmless before closing_init, on zeroed memory. */
void closing_stop(struct closing *closing);
/* Has the server closed its control port? */
bool closing_has_left(const struct closing *closing);
/* Do visitors wait for a client, or will some? */
bool closing_awaits_visitors(struct server_shared *shared);

#endif
