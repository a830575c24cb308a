/* breaker - stops asking a back-end that fails, and finds out when it works again.
 *
 *            `failures` in a row                the pause is over
 *   CLOSED ───────────────────────▶ OPEN ───────────────────────────▶ PROBING
 *      ▲                             ▲                                   │
 *      │                             └──────────── the probe fails ──────┤
 *      └──────────────────────────────────────────── any success ────────┘
 *
 * While the breaker is open, nothing is asked. While it probes, one question at a time is asked.
 * All workers share a breaker. This code is compiled into each plugin that uses it. */
#ifndef COMMON_BREAKER_H
#define COMMON_BREAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* The metric has the same values. */
enum breaker_state { BREAKER_CLOSED = 0, BREAKER_PROBING = 1, BREAKER_OPEN = 2 };

/* What one question may do. */
enum breaker_pass { BREAKER_REFUSED, BREAKER_NORMAL, BREAKER_PROBE };

/* What one question has shown of the back-end. */
enum breaker_outcome { BREAKER_WORKS, BREAKER_FAILS, BREAKER_UNKNOWN };

struct breaker {
	pthread_mutex_t lock; /* held for a few instructions */
	enum breaker_state state;
	unsigned failures, max_failures; /* in a row */
	int64_t pause_ms, opened_ms;
};

/* max_failures >= 1. The breaker is closed. [main] */
void breaker_init(struct breaker *breaker, unsigned max_failures, int64_t pause_ms);
void breaker_fini(struct breaker *breaker);
/* Asks whether a question may be sent now. The caller gives each pass but REFUSED back once, by
 * breaker_settle(). now_ms is of a monotonic clock. [any] */
enum breaker_pass breaker_enter(struct breaker *breaker, int64_t now_ms);
/* Gives a pass back. Returns true if this has opened or closed the breaker. [any] */
bool breaker_settle(struct breaker *breaker, enum breaker_pass pass, enum breaker_outcome outcome,
                    int64_t now_ms);
/* [any] */
enum breaker_state breaker_read(struct breaker *breaker);

#endif
