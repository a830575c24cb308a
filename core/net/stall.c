#include "net/stall.h"

bool stall_add(struct stall *stall, size_t pending, int64_t now_ms)
{
	bool has_consumed = pending < stall->least_pending;
	bool is_old = now_ms - stall->since_ms > STALL_MS;

	if (stall->turns == 0 || has_consumed || is_old)
		*stall = (struct stall){ .least_pending = pending, .since_ms = now_ms };
	return ++stall->turns >= STALL_TURNS;
}
