/* loop - one event loop and the thread that runs it.
 *
 * Only its own thread touches what belongs to a loop; other threads hand work over with loop_post.
 * A turn handles all ready events, then runs the tasks for the end of the turn (such as writing out
 * all messages of the turn at once), then the reaper's tasks. An object with a watcher is never
 * freed inside a callback; the reaper frees it. */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ev_loop;
struct loop;

/* A function to be called later, embedded in its owner. `queued` guards against queueing it
 * twice. */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next;
	bool queued;
};

/* index: the worker's number. NULL and *err on failure. [main] */
struct loop *loop_new(unsigned index, struct err *err);
/* After the loop's thread has ended: runs all posted and queued tasks, and the tasks that they
 * queue. Others may still post until loop_free. [main] */
void loop_finish(struct loop *loop);
/* Runs the tasks posted since loop_finish and frees the loop. No one may post any more. NULL is
 * fine. [main] */
void loop_free(struct loop *loop);
/* After an event, the loop polls for this long before it sleeps; 0, the default: it sleeps at
 * once. Polling saves the cost of waking the thread, but uses a CPU. Call it before the loop runs.
 * [main] */
void loop_set_busy_poll(struct loop *loop, int64_t us);
/* Runs the loop on a thread of its own, and returns when that waits for events. A plugin that then
 * closes descriptors of others finds the loop's in its epoll set; libev aborts if it cannot put
 * them there. False and *err on failure. [main] */
bool loop_start(struct loop *loop, struct err *err);
/* Waits for the end of that thread. [main] */
void loop_join(struct loop *loop);
/* Runs the loop on the calling thread until loop_break. [main] */
void loop_run(struct loop *loop);
/* Makes loop_run return. [any] */
void loop_break(struct loop *loop);

/* What runs at both ends of each turn: another source of events. */
struct loop_hook {
	/* Before all else. True: there were events. */
	bool (*on_turn_begin)(struct loop_hook *hook);
	/* Behind the last task of the turn, and then, while it returns true, behind the tasks that
	 * it has caused. round: 0, 1, ... */
	bool (*on_turn_end)(struct loop_hook *hook, unsigned round);
};

/* A loop has at most one hook. NULL removes it. [worker], or before the loop runs */
void loop_set_hook(struct loop *loop, struct loop_hook *hook);

struct ev_loop *loop_ev(struct loop *loop);
/* Call it for a descriptor whose watchers have stopped, before another thread may own or close it:
 * until its next event, libev leaves it in the epoll set. After true, a watcher of the descriptor
 * must be set anew (ev_io_set) before it starts again, since libev does not know. False: a sandbox
 * refuses epoll or uname, without which libev does not show its set; or nothing was there. [worker]
 */
bool loop_forget_fd(struct loop *loop, int fd);
unsigned loop_index(const struct loop *loop);
/* The loop that the calling thread runs, or NULL. [any] */
struct loop *loop_current(void);
/* Milliseconds of the monotonic clock, as of this turn. [worker] */
int64_t loop_now_ms(const struct loop *loop);

/* The number of the current turn, or of the last one between two turns. [worker] */
uint64_t loop_turn(const struct loop *loop);

/* How busy a loop has been since its start. A turn lasts from the loop's wake-up to the end of the
 * turn's work; meanwhile, everything else that becomes ready waits. */
struct loop_vitals {
	uint64_t turns;
	int64_t busy_ns;    /* in all turns */
	int64_t longest_ns; /* the longest turn since the start */
	int64_t recent_ns;  /* the longest turn in the last one to two minutes */
};

/* Does not include the current turn. [worker] */
struct loop_vitals loop_vitals(const struct loop *loop);
/* The most that anything has had to wait for this loop lately: the longest turn in the last one to
 * two minutes, including the current one. A caller that reads it once a minute misses no turn.
 * [any] */
int64_t loop_lag_ns(const struct loop *loop);

/* Runs the task on the loop's thread, in the order of posting. The task must not be queued already.
 * It belongs to the loop until it runs. If the loop's own thread posts it, it runs at the end of
 * the turn. [any] */
void loop_post(struct loop *loop, struct loop_task *task);
/* Runs the task at the end of this turn; queueing it twice is harmless. [worker] */
void loop_at_turn_end(struct loop *loop, struct loop_task *task);
/* Runs the task in the next turn: for bytes that wait in a buffer, for which no descriptor becomes
 * readable. The loop polls for events before, so a task that queues itself again cannot starve
 * others. Queueing it twice is harmless. The reaper must not free the task before it has run.
 * [worker] */
void loop_next_turn(struct loop *loop, struct loop_task *task);
/* Runs the task after all end-of-turn tasks: for freeing. [worker] */
void loop_reap(struct loop *loop, struct loop_task *task);

/* LOOP_SCRATCH bytes that code on this loop may use until it returns to the loop. [worker] */
#define LOOP_SCRATCH ((size_t)256 * 1024)
uint8_t *loop_scratch(struct loop *loop);

#endif
