/* drain - TERM and INT: the first lets what runs come to its end, up to a deadline; the second ends
 * at once. [main] */
#ifndef CORE_DRAIN_H
#define CORE_DRAIN_H

#include <ev.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;

struct drain {
	struct loop *loop;
	ev_async told;          /* from the watchdog's thread */
	atomic_int number, all; /* the last signal; how many have come */
	bool asked, begun;
	ev_timer deadline;
	_Atomic int64_t timeout_ms; /* of a drain that is yet to begin; the watchdog's thread asks,
	                               too ... */
	_Atomic int64_t lasts_ms;   /* ... and keeps what it was at the first signal */
	void (*begin)(void *arg);
	void *arg;
};

/* begin runs at the first signal; the loop breaks at the second, or `timeout_ms` after the first,
 * or by drain_done. The watchdog has been started. */
void drain_init(struct drain *drain, struct loop *loop, int64_t timeout_ms,
                void (*begin)(void *arg), void *arg);
/* For a drain that has not begun. */
void drain_set_timeout(struct drain *drain, int64_t timeout_ms);
void drain_done(struct drain *drain);
/* Begins it as TERM does; false: it has begun. */
bool drain_ask(struct drain *drain);
/* The loop has ended, and from here on the process does. */
void drain_fini(struct drain *drain);

#endif
