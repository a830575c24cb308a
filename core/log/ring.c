#include "log/ring.h"

#include <stdlib.h>
#include <string.h>

enum { RING_SIZE = 64 * 1024 };

/* The lines stand between tail and head. Both only grow; an index is taken modulo RING_SIZE. The
 * owner moves head, the carrier moves tail. */
struct ring {
	struct ring *next;
	atomic_size_t head, tail;
	atomic_bool free; /* its thread has ended; another may take it over */
	char bytes[RING_SIZE];
};

struct ring *ring_take(struct ring_list *list)
{
	struct ring *ring;

	for (ring = atomic_load(&list->first); ring; ring = ring->next) {
		bool is_free = true;

		if (atomic_compare_exchange_strong(&ring->free, &is_free, false))
			return ring;
	}
	ring = calloc(1, sizeof *ring);
	if (!ring)
		return NULL;
	ring->next = atomic_load(&list->first);
	while (!atomic_compare_exchange_weak(&list->first, &ring->next, ring))
		;
	return ring;
}

void ring_release(struct ring *ring)
{
	atomic_store(&ring->free, true);
}

struct ring *ring_next(const struct ring *ring)
{
	return ring->next;
}

static void copy_in(struct ring *ring, size_t at, const char *bytes, size_t len)
{
	size_t start = at % RING_SIZE, first = RING_SIZE - start;

	if (first > len)
		first = len;
	memcpy(ring->bytes + start, bytes, first);
	memcpy(ring->bytes, bytes + first, len - first);
}

bool ring_put(struct ring *ring, const char *line, size_t len)
{
	size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	if (RING_SIZE - (head - tail) < len)
		return false;
	copy_in(ring, head, line, len);
	atomic_store(&ring->head, head + len);
	return true;
}

size_t ring_length(const struct ring *ring)
{
	size_t tail = atomic_load(&ring->tail);

	return atomic_load(&ring->head) - tail;
}

size_t ring_peek(const struct ring *ring, char *out, size_t size)
{
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	size_t left = ring_length(ring), len = left < size ? left : size;
	size_t start = tail % RING_SIZE, first = RING_SIZE - start < len ? RING_SIZE - start : len;

	memcpy(out, ring->bytes + start, first);
	memcpy(out + first, ring->bytes, len - first);
	while (len < left && out[len - 1] != '\n')
		len--;
	return len;
}

void ring_skip(struct ring *ring, size_t len)
{
	size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	atomic_store_explicit(&ring->tail, tail + len, memory_order_release);
}
