#include "log/pace.h"

enum { PACE_MS = 1000 };

bool pace_allows(struct pace *pace, int64_t now_ms, unsigned *held_out)
{
	int64_t next_ms = atomic_load(&pace->next_ms);

	/* One of the threads that come at the same time logs the event; the others are counted. */
	if (now_ms < next_ms ||
	    !atomic_compare_exchange_strong(&pace->next_ms, &next_ms, now_ms + PACE_MS)) {
		atomic_fetch_add(&pace->held, 1);
		return false;
	}
	*held_out = atomic_exchange(&pace->held, 0);
	return true;
}
