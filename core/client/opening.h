/* opening - waits, after a reload, until each tunnel stands or has failed, so that an operator
 * learns which of them the server has refused. [main]
 *
 *   opening_start ─▶ ask the workers ─▶ all settled, or 5 s have passed ─▶ done
 *                          ▲  │ not yet
 *                          └──┘ */
#ifndef CORE_OPENING_H
#define CORE_OPENING_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct client;
struct loop;
struct roll;
struct roll_row;
struct survey;

enum { OPENING_MS = 5000 };

/* Embedded in its owner. A zeroed one waits for nothing. */
struct opening {
	struct client *client;
	struct loop *loop;     /* main's; NULL: it was not started */
	struct survey *survey; /* while the workers are asked; else NULL */
	ev_timer pause;        /* until they are asked again */
	int64_t until_ms;
	/* Runs once, not before opening_start has returned. roll: of the first worker, valid until
	 * this returns; NULL: it does not answer. */
	void (*done)(struct opening *opening, const struct roll *roll);
};

/* `done` must be set. False: out of memory. */
bool opening_start(struct opening *opening, struct client *client, struct loop *main_loop);
/* `done` will not run. Idempotent. */
void opening_forget(struct opening *opening);

/* Does the tunnel stand? [any] */
bool opening_stands(const struct roll_row *row);
/* Does each tunnel stand, or has it failed and is not tried again at once? [any] */
bool opening_is_settled(const struct roll *roll);

#endif
