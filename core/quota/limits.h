/* limits - how much the server gives to whom.
 *
 * One object holds what the configuration says and what follows from the number of descriptors. Main
 * computes it once for each configuration. Each worker holds a copy beside the plugin set that it
 * serves with, and replaces both at a reload. Whoever decides gets the asking worker's limits in the
 * call, so a table that all workers share holds counts only, and nothing has to be updated when
 * limits change.
 *
 * To add a limit:
 *   1. config/settings: a member of struct limit_settings, and its row in limit_rows. The flag, the
 *      check, the help and the reference follow from the row.
 *   2. The place that decides reads limits->settings.MEMBER. In session/ these are
 *      server_worker_limits(worker); a function of quota/ takes them as an argument. */
#ifndef CORE_LIMITS_H
#define CORE_LIMITS_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "config/settings.h"

struct limits {
	struct limit_settings settings; /* its lists are the configuration's */
	/* Tunnels and visitors together: either takes two descriptors in the end. Tunnels come
	 * first. */
	unsigned places;
	unsigned strangers; /* unauthenticated connections, in all */
	unsigned ahead; /* connections opened ahead that wait, in all; half of them of a source */
	int scarce_fd;  /* a stranger with this descriptor, or a higher one, replaces another */
	unsigned lingerers; /* refused connections that still read why; of each worker */
	unsigned pipes;     /* of each worker */
};

/* descriptors: the most that the process may have. The result borrows the lists of the settings.
 * [any] */
struct limits limits_make(const struct limit_settings *settings, unsigned descriptors,
                          unsigned n_workers);

/* The value of a setting of which 0 means "no limit". [any] */
static inline unsigned limit_of(int64_t setting)
{
	return setting ? (unsigned)setting : UINT_MAX;
}

/* Counts one more unless there are `most`. A caller that gets false was never counted, so it takes
 * nobody else's place meanwhile. [any] */
static inline bool limit_take(atomic_uint *count, unsigned most)
{
	unsigned n = atomic_load(count);

	do {
		if (n >= most)
			return false;
	} while (!atomic_compare_exchange_weak(count, &n, n + 1));
	return true;
}

#endif
