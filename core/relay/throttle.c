#include "relay/throttle.h"

enum { BURST_MS = 100, PER_BYTE = 1000 };
/* The credit grows for at most this time at once. Even the lowest rate lets a byte pass in it. */
enum { LONGEST_MS = 1000 };
/* A higher rate is no limit in practice. Up to this one, no product overflows. */
static const uint64_t most_rate = (uint64_t)1 << 40;

/* The bucket holds at least two bytes. A bucket of one byte would lose the parts of the next
 * byte. */
static int64_t capacity_of(const struct throttle *throttle)
{
	int64_t burst = (int64_t)throttle->rate * BURST_MS, least = INT64_C(2) * PER_BYTE;

	return burst > least ? burst : least;
}

void throttle_init(struct throttle *throttle, uint64_t rate, int64_t now_ms)
{
	*throttle = (struct throttle){ .rate = rate < most_rate ? rate : most_rate,
		                       .at_ms = now_ms };
	throttle->credit = capacity_of(throttle);
}

size_t throttle_room(struct throttle *throttle, uint64_t moved, int64_t now_ms)
{
	int64_t passed_ms = now_ms - throttle->at_ms, capacity = capacity_of(throttle);

	if (passed_ms > LONGEST_MS)
		passed_ms = LONGEST_MS;
	throttle->credit += passed_ms * (int64_t)throttle->rate;
	if (throttle->credit > capacity)
		throttle->credit = capacity;
	throttle->credit -= (int64_t)(moved - throttle->charged) * PER_BYTE;
	throttle->charged = moved;
	throttle->at_ms = now_ms;
	return throttle->credit > 0 ? (size_t)(throttle->credit / PER_BYTE) : 0;
}

/* Waits until the bucket is half full, so that a wake-up is worth its cost. */
int64_t throttle_wait_ms(const struct throttle *throttle)
{
	int64_t missing = capacity_of(throttle) / 2 - throttle->credit;
	int64_t wait_ms = missing / (int64_t)throttle->rate + 1;

	if (wait_ms < 1)
		return 1;
	return wait_ms < LONGEST_MS ? wait_ms : LONGEST_MS;
}
