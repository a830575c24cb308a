/* delays - which calls into plugins took too long, for the log and the metrics. The thread that was
 * delayed notes it here, and the watchdog takes it once a second, so that slow calls do not flood
 * the log. [any] */
#ifndef CORE_DELAYS_H
#define CORE_DELAYS_H

#include <stdbool.h>
#include <stdint.h>

struct delay {
	const char *plugin, *call; /* permanent; NULL: a turn of a loop */
	bool told;                 /* the watchdog has logged that it hangs */
	int64_t longest_ns;
	unsigned n; /* calls since they were taken last */
};

/* Notes a call that has returned after longest_ns. Ignores `n`. If memory is out, the call is
 * forgotten. */
void delays_note(const struct delay *delay, const char *thread);
/* Calls fn for what was noted since the last time: once for each plugin and call, with the longest
 * duration. Delays that were told are reported for each thread separately. fn must not note
 * delays. */
void delays_take(void (*fn)(const struct delay *delay, const char *thread, void *arg), void *arg);
/* The slow calls of that plugin so far. */
uint64_t delays_count(const char *plugin);

#endif
