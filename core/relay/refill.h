/* refill - a bucket of tokens that fills with time, for many threads.
 *
 * The bucket is one number: the time at which it was empty, or will be. A taken token moves this
 * time forward by the time in which one token comes in. So there is no lock, and no thread has to
 * fill the bucket. Pure. [any] */
#ifndef CORE_REFILL_H
#define CORE_REFILL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A higher rate is no limit in practice. */
#define REFILL_MOST_RATE ((uint64_t)1 << 40)

struct refill {
	atomic_uint_fast64_t rate; /* tokens per second; 0: no limit */
	atomic_int_fast64_t empty_ns;
	int64_t burst_ns; /* a full bucket holds what comes in during this time */
};

/* The bucket is full, and does not limit anything yet. */
void refill_init(struct refill *refill, int64_t burst_ns);
void refill_set_rate(struct refill *refill, uint64_t rate);
static inline uint64_t refill_rate(const struct refill *refill)
{
	return atomic_load_explicit(&refill->rate, memory_order_relaxed);
}

/* Takes n tokens, or none: then it returns false. If a full bucket holds fewer than n, it fills up
 * to n. */
bool refill_take(struct refill *refill, uint64_t n, int64_t now_ns);
/* Takes n tokens that are needed in any case, so the bucket may owe tokens afterwards. */
void refill_charge(struct refill *refill, uint64_t n, int64_t now_ns);
/* Gives back tokens that were taken and not used. */
void refill_give_back(struct refill *refill, uint64_t n);
/* The time until there are n tokens; 0: there are. */
int64_t refill_wait_ns(const struct refill *refill, uint64_t n, int64_t now_ns);

#endif
