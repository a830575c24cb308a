#include "way/ration.h"

void ration_init(struct ration *ration, int64_t every_ms, unsigned most)
{
	*ration = (struct ration){ .every_ms = every_ms, .most = most, .full_ms = INT64_MIN };
}

/* Each time that counts moves full_ms on by an interval. */
int64_t ration_take(struct ration *ration, int64_t now_ms)
{
	int64_t from_ms = ration->full_ms > now_ms ? ration->full_ms : now_ms;
	int64_t wait_ms = from_ms + ration->every_ms - ration->most * ration->every_ms - now_ms;

	if (wait_ms > 0)
		return wait_ms;
	ration->full_ms = from_ms + ration->every_ms;
	return 0;
}
