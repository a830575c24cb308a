#include "relay/refill.h"

static const double second_ns = 1e9;

void refill_init(struct refill *refill, int64_t burst_ns)
{
	atomic_init(&refill->rate, 0);
	atomic_init(&refill->empty_ns, INT64_MIN / 2);
	refill->burst_ns = burst_ns;
}

void refill_set_rate(struct refill *refill, uint64_t rate)
{
	atomic_store_explicit(&refill->rate, rate < REFILL_MOST_RATE ? rate : REFILL_MOST_RATE,
	                      memory_order_relaxed);
}

/* The time in which n tokens come in; 0: there is no limit. */
static int64_t cost_of(const struct refill *refill, uint64_t n)
{
	uint64_t rate = refill_rate(refill);

	return rate ? (int64_t)((double)n * second_ns / (double)rate) : 0;
}

/* A full bucket does not fill any more. */
static int64_t later(int64_t empty_ns, int64_t full_ns)
{
	return empty_ns > full_ns ? empty_ns : full_ns;
}

/* How long a bucket must have filled before it can be full. At a low rate it holds at least what
 * one take needs. Otherwise that take would wait for ever. */
static int64_t fill_ns(const struct refill *refill, int64_t cost)
{
	return cost + 1 > refill->burst_ns ? cost + 1 : refill->burst_ns;
}

bool refill_take(struct refill *refill, uint64_t n, int64_t now_ns)
{
	int64_t cost = cost_of(refill, n), next;
	int_fast64_t empty = atomic_load(&refill->empty_ns);

	if (!refill_rate(refill))
		return true;
	do {
		/* Rounded up: many small takes must not exceed the rate. */
		next = later(empty, now_ns - fill_ns(refill, cost)) + cost + 1;
		if (next > now_ns)
			return false;
	} while (!atomic_compare_exchange_weak(&refill->empty_ns, &empty, next));
	return true;
}

void refill_charge(struct refill *refill, uint64_t n, int64_t now_ns)
{
	int64_t cost = cost_of(refill, n);
	int_fast64_t empty = atomic_load(&refill->empty_ns);

	while (!atomic_compare_exchange_weak(&refill->empty_ns, &empty,
	                                     later(empty, now_ns - refill->burst_ns) + cost))
		;
}

void refill_give_back(struct refill *refill, uint64_t n)
{
	atomic_fetch_sub(&refill->empty_ns, cost_of(refill, n));
}

int64_t refill_wait_ns(const struct refill *refill, uint64_t n, int64_t now_ns)
{
	int64_t cost = cost_of(refill, n);
	int64_t empty = later(atomic_load(&refill->empty_ns), now_ns - fill_ns(refill, cost));
	int64_t wait_ns = empty + cost + 1 - now_ns;

	return refill_rate(refill) && wait_ns > 0 ? wait_ns : 0;
}
