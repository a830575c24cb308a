/* loop - one event loop and the thread that runs it.
 *
 * All that belongs to a loop is touched by its thread alone; other threads hand work over with
 * loop_post. A turn is: events, then everything that asked for the end of the turn (flushing what
 * was written, so that a turn makes one write of it), then the reaper. Nothing that has a watcher
 * is freed inside a callback: it is handed to the reaper instead. */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ev_loop;
struct loop;

/* A call to be made later, embedded in its owner. `queued` guards against queueing it twice. */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next;
	bool queued;
};

/* index: the worker's number. NULL and *err on failure. [main] */
struct loop *loop_new(unsigned index, struct err *err);
/* The thread has ended: runs what is still posted or queued, for as long as more comes of it. Posts
 * may still arrive until loop_free. [main] */
void loop_finish(struct loop *loop);
/* Nobody posts any more; what came since loop_finish is run, too. NULL is fine. [main] */
void loop_free(struct loop *loop);
/* After something has happened the loop looks again and again for so long before it sleeps; 0, the
 * default: not at all. That spares waking it, and costs a CPU meanwhile. Before it runs. [main] */
void loop_set_busy_poll(struct loop *loop, int64_t us);
/* Runs the loop on a thread of its own / ends it: loop_join waits. [main] */
bool loop_start(struct loop *loop, struct err *err);
void loop_join(struct loop *loop);
/* Runs the loop on the calling thread until loop_break. [main] */
void loop_run(struct loop *loop);
/* Makes it return from its run. [any] */
void loop_break(struct loop *loop);

struct ev_loop *loop_ev(struct loop *loop);
unsigned loop_index(const struct loop *loop);
/* The loop that the calling thread runs, or NULL. [any] */
struct loop *loop_current(void);
/* Milliseconds of the monotonic clock, as of this turn. [worker] */
int64_t loop_now_ms(const struct loop *loop);

/* How a loop has fared since its start. A turn lasts from its first event to the end of its work:
 * while it does, all else that has become ready waits. */
struct loop_vitals {
	uint64_t turns;
	int64_t busy_ns;    /* in all turns */
	int64_t longest_ns; /* the longest turn, ever ... */
	int64_t recent_ns;  /* ... and in the last minute or two */
};

/* Without the turn that is under way. [worker] */
struct loop_vitals loop_vitals(const struct loop *loop);

/* Runs the task on the loop's thread, soon, in order. It must not be queued already; it belongs to
 * the loop until it runs. From the loop's own thread it costs no wake-up. [any] */
void loop_post(struct loop *loop, struct loop_task *task);
/* Runs the task at the end of this turn; queueing it twice is harmless. [worker] */
void loop_at_turn_end(struct loop *loop, struct loop_task *task);
/* Runs the task in the next turn, after a look at what has become ready meanwhile. For what may
 * have no end: bytes that are there without a descriptor's readiness. Queueing it twice is
 * harmless. A task that is queued here must not be freed by the reaper before it has run. [worker]
 */
void loop_next_turn(struct loop *loop, struct loop_task *task);
/* Runs the task after all end-of-turn tasks: for freeing. [worker] */
void loop_reap(struct loop *loop, struct loop_task *task);

/* LOOP_SCRATCH bytes that anyone on this loop may use until it returns. [worker] */
#define LOOP_SCRATCH ((size_t)256 * 1024)
uint8_t *loop_scratch(struct loop *loop);

#endif
