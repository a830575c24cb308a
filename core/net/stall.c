#include "net/stall.h"

bool stall_add(struct stall *stall, size_t pending, int64_t now_ms)
{
	if (stall->turns == 0 || pending < stall->least_pending ||
	    now_ms - stall->since_ms > STALL_MS)
		*stall = (struct stall){ 0, pending, now_ms };
	return ++stall->turns >= STALL_TURNS;
}
