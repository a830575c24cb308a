#include "pace.h"

bool pace_allows(struct pace *pace, int64_t now_ms, unsigned *suppressed_out)
{
	int64_t full = atomic_load(&pace->full_ms), next;

	/* Each permission moves full_ms on by one interval. It may be at most PACE_BURST intervals
	 * ahead of the clock. */
	do {
		next = (full > now_ms ? full : now_ms) + PACE_INTERVAL_MS;
		if (next - now_ms > (int64_t)PACE_BURST * PACE_INTERVAL_MS) {
			atomic_fetch_add(&pace->suppressed, 1);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&pace->full_ms, &full, next));
	*suppressed_out = atomic_exchange(&pace->suppressed, 0);
	return true;
}

bool pace_allows_line(struct pace *pace, const spore_host *host, const spore_ctx *ctx,
                      int32_t level, const char *what)
{
	unsigned suppressed;

	if (!pace_allows(pace, host->now_ms(), &suppressed))
		return false;
	if (suppressed)
		spore_logf(host, ctx, level, "%u more %s were not logged", suppressed, what);
	return true;
}

void pace_hold(struct pace *pace)
{
	atomic_fetch_add(&pace->suppressed, 1);
}
