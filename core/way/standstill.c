#include "way/standstill.h"

/* The clocks are read one after the other, and a short sleep does no harm. */
enum { LEAST_SLEEP_MS = 500 };

void standstill_init(struct standstill *standstill, struct standstill_clocks now)
{
	standstill->last = now;
}

int64_t standstill_look(struct standstill *standstill, struct standstill_clocks now,
                        int64_t period_ms, bool *slept_out)
{
	int64_t passed_ms = now.boot_ms - standstill->last.boot_ms;
	int64_t ran_ms = now.monotonic_ms - standstill->last.monotonic_ms;
	int64_t late_ms = passed_ms - period_ms;

	standstill->last = now;
	*slept_out = passed_ms - ran_ms >= LEAST_SLEEP_MS;
	return late_ms >= STANDSTILL_LEAST_MS ? late_ms : 0;
}
