#include "host/refusals.h"

#include <stdio.h>
#include <string.h>

#include "loop/loop.h"
#include "metrics/families.h"

void refusals_init(struct refusals *refusals)
{
	*refusals = (struct refusals){ .metrics = NULL };
	pthread_mutex_init(&refusals->lock, NULL);
}

void refusals_fini(struct refusals *refusals)
{
	pthread_mutex_destroy(&refusals->lock);
}

static uint32_t series_of(const struct refusals *refusals, const char *reason)
{
	const char *values[] = { refusals->at, refusals->plugin, reason };

	return family_series(refusals->metrics, FAMILY_ACL_REFUSALS, values);
}

/* The series of a reason that is complete. False: there is no such reason. */
static bool find_reason(const struct refusals *refusals, const char *reason, uint32_t *series_out)
{
	unsigned n = atomic_load_explicit(&refusals->n, memory_order_acquire);

	for (unsigned i = 0; i < n; i++) {
		if (strcmp(refusals->reasons[i].text, reason) == 0) {
			*series_out = refusals->reasons[i].series;
			return true;
		}
	}
	return false;
}

/* The series of the reason, which another worker may have added meanwhile. If no room is left, the
 * series of all other reasons. */
static uint32_t add_reason(struct refusals *refusals, const char *reason)
{
	uint32_t series = refusals->others;
	unsigned n;

	pthread_mutex_lock(&refusals->lock);
	n = atomic_load_explicit(&refusals->n, memory_order_relaxed);
	if (!find_reason(refusals, reason, &series) && n < REFUSALS_MAX) {
		snprintf(refusals->reasons[n].text, SPORE_ACL_REASON_SIZE, "%s", reason);
		series = series_of(refusals, refusals->reasons[n].text);
		refusals->reasons[n].series = series;
		atomic_store_explicit(&refusals->n, n + 1, memory_order_release);
	}
	pthread_mutex_unlock(&refusals->lock);
	return series;
}

void refusals_register(struct refusals *refusals, struct metrics *metrics, uint32_t point,
                       const char *plugin)
{
	refusals->metrics = metrics;
	refusals->at = point == SPORE_ACL_AT_CONTROL ? "control" : "public";
	refusals->plugin = plugin;
	refusals->others = series_of(refusals, "other");
	add_reason(refusals, "");
}

void refusals_count(struct refusals *refusals, const struct loop *loop, const char *reason)
{
	uint32_t series = refusals->others;

	if (!refusals->metrics)
		return;
	if (!find_reason(refusals, reason, &series) &&
	    atomic_load_explicit(&refusals->n, memory_order_relaxed) < REFUSALS_MAX)
		series = add_reason(refusals, reason);
	metrics_add(refusals->metrics, loop_index(loop), series, 1);
}
