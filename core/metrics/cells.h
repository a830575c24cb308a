/* cells - the numbers of all series, once for each shard.
 *
 * A series has one cell or a run of them, at a slot that is the same in every shard. A shard's
 * cells start on cache lines of their own. Most shards have one writer, whose updates take no lock
 * and touch no cache line of another thread. A shard with several writers uses cell_add_shared.
 * Cells stand in pages that are never moved or freed while cells are in use. */
#ifndef CORE_CELLS_H
#define CORE_CELLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { CELLS_PER_PAGE = 256, CELLS_MAX_PAGES = 1024 };

/* The bits of a double. Any number of readers. */
typedef _Atomic uint64_t cell;

struct cell_page {
	const void *owner[CELLS_PER_PAGE]; /* at the first slot of a run; else NULL */
	cell *cells;                       /* [shard * CELLS_PER_PAGE + slot % CELLS_PER_PAGE] */
};

/* { .n_shards = N } has no cells. */
struct cells {
	unsigned n_shards;
	uint32_t n_slots; /* under the caller's lock */
	_Atomic(struct cell_page *) pages[CELLS_MAX_PAGES];
};

void cells_fini(struct cells *cells);
/* Reserves a run of n slots in one page, zero in all shards. `owner` (not NULL) is kept for
 * cells_find. n <= CELLS_PER_PAGE. False: out of memory or slots. Needs the caller's lock. */
bool cells_reserve(struct cells *cells, uint32_t n, const void *owner, uint32_t *slot_out);
/* The sum of a slot over all shards. The slot must be reserved. [any] */
double cells_sum(const struct cells *cells, uint32_t slot);

/* The first cell of the run that starts at `slot`, in a shard, and the run's owner. NULL if no run
 * starts there or there is no such shard. [any] */
static inline cell *cells_find(struct cells *cells, unsigned shard, uint32_t slot,
                               const void **owner_out)
{
	struct cell_page *page;

	if (slot / CELLS_PER_PAGE >= CELLS_MAX_PAGES || shard >= cells->n_shards)
		return NULL;
	page = atomic_load_explicit(&cells->pages[slot / CELLS_PER_PAGE], memory_order_acquire);
	if (!page || !page->owner[slot % CELLS_PER_PAGE])
		return NULL;
	*owner_out = page->owner[slot % CELLS_PER_PAGE];
	return &page->cells[(size_t)shard * CELLS_PER_PAGE + slot % CELLS_PER_PAGE];
}

static inline double cell_read(const cell *c)
{
	uint64_t bits = atomic_load_explicit(c, memory_order_relaxed);
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

/* [the shard's writers] */
static inline void cell_write(cell *c, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	atomic_store_explicit(c, bits, memory_order_relaxed);
}

/* [the shard's only writer] */
static inline void cell_add(cell *c, double delta)
{
	cell_write(c, cell_read(c) + delta);
}

/* For a shard with several writers. Lock-free. [any] */
static inline void cell_add_shared(cell *c, double delta)
{
	uint64_t before = atomic_load_explicit(c, memory_order_relaxed), after;
	double value;

	do {
		memcpy(&value, &before, sizeof value);
		value += delta;
		memcpy(&after, &value, sizeof after);
	} while (!atomic_compare_exchange_weak_explicit(c, &before, after, memory_order_relaxed,
	                                                memory_order_relaxed));
}

#endif
