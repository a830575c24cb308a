/* brake - the limits on the rate of one relay: its own, and those that it shares with others.
 *
 * For flow i: brake_take says how many bytes it may read, the flow reads, and brake_settle says how
 * many it has read. A flow that may not read now waits until one of the callbacks. [worker] */
#ifndef CORE_BRAKE_H
#define CORE_BRAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct brake;
struct bucket;
struct loop;

struct brake_terms {
	struct loop *loop;
	uint64_t rate;             /* bytes per second in each direction; 0: no limit of its own */
	struct bucket *buckets[2]; /* borrowed: they outlive the brake; NULL: not shared */
	void (*on_turn)(int flow, void *arg); /* it is the flow's turn: it may read once now */
	void (*on_pause_over)(void *arg);     /* flows may be asked again */
	void *arg;
};

/* Does any limit hold now? Without one, no brake is needed. */
bool brake_is_needed(uint64_t rate, struct bucket *const buckets[2]);
/* moved: bytes that each flow has moved before, which its own limit does not count. NULL: out of
 * memory. */
struct brake *brake_new(const struct brake_terms *terms, const uint64_t moved[2]);
/* Waits for nothing any more. */
void brake_stop(struct brake *brake);
/* After brake_stop. NULL is fine. */
void brake_free(struct brake *brake);

/* How many bytes the flow, which may have input, may read now. 0: it must wait. moved: how many
 * have reached its destination in all. brake_settle must follow unless it is 0. */
size_t brake_take(struct brake *brake, int flow, uint64_t moved);
/* The flow has read so many of the bytes that brake_take returned. */
void brake_settle(struct brake *brake, int flow, size_t bytes);
/* The flow has bytes in hand that it has read without asking. */
void brake_charge(struct brake *brake, int flow, size_t bytes);
/* Must the flow wait? Then a callback follows. */
bool brake_holds(struct brake *brake, int flow, uint64_t moved);

#endif
