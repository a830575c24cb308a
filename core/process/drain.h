/* drain - shutdown on TERM and INT, or at a request. The request or the first signal
 * lets connections finish until a deadline; the second signal stops at once. [main] */
#ifndef CORE_DRAIN_H
#define CORE_DRAIN_H

#include <ev.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct loop;

struct drain {
	struct loop *loop;
	ev_async wake;            /* wakes main; sent by the watchdog thread */
	atomic_int last_signal;   /* its number; 0: none has come */
	atomic_int signals;       /* received so far */
	int n_logged;             /* how many of the signals are in the log */
	atomic_bool is_caused;    /* a signal or drain_ask() has asked for the drain */
	_Atomic(const char *) by; /* who asked; NULL: a signal did */
	bool begun;
	ev_timer deadline;
	_Atomic int64_t timeout_ms; /* for a drain that is caused later */
	_Atomic int64_t lasts_ms;   /* timeout_ms when the drain was caused */
	void (*begin)(void *arg);
	unsigned (*count_visitors)(
		void *arg); /* visitors that the end of the drain would cut off */
	void *arg;
};

/* Prepares for the signals that end the process. At the first signal, `begin` is called. The loop
 * is broken at the second signal, `timeout_ms` after the first one, or by drain_done.
 * count_visitors: how many visitors there are, for the log. The watchdog must run. */
void drain_init(struct drain *drain, struct loop *loop, int64_t timeout_ms,
                void (*begin)(void *arg), unsigned (*count_visitors)(void *arg), void *arg);
/* Applies to a drain that has not begun. */
void drain_set_timeout(struct drain *drain, int64_t timeout_ms);
int64_t drain_timeout(const struct drain *drain);
/* All connections have finished. */
void drain_done(struct drain *drain);
/* Asks for a drain, which begins in the next turn of the loop. A later signal counts as the first
 * one, so it does not end the drain. by: who asks, for the log; permanent. False: somebody has
 * asked, or a signal has come, before. */
bool drain_ask(struct drain *drain, const char *by);
/* Call this when the loop has ended. From then on the end of the process has a deadline. */
void drain_fini(struct drain *drain);

#endif
