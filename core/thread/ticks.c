#include "thread/ticks.h"

#include <stdatomic.h>

static atomic_uint_fast64_t now;
static _Thread_local struct ticks_run own;

uint64_t ticks_now(void)
{
	return atomic_load(&now);
}

uint64_t ticks_add(void)
{
	uint64_t tick = atomic_fetch_add(&now, 1) + 1;

	if (tick != own.last + 1)
		own.first = tick;
	own.last = tick;
	return tick;
}

struct ticks_run ticks_own(void)
{
	return own;
}
