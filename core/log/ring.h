/* ring - the log lines that one thread has written and the log's writer has not yet taken.
 *
 * One producer, one consumer, no lock. The thread that owns a ring appends lines. The carrier
 * (log.c) takes them. A ring is never freed, since a thread of a plugin that hangs may still own
 * it; when its thread ends, another thread reuses it. */
#ifndef CORE_RING_H
#define CORE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct ring;

/* All rings of the process. Zero-initialized is empty. */
struct ring_list {
	_Atomic(struct ring *) first;
};

/* A ring for the calling thread: one that was released, or a new one. NULL: out of memory. [any] */
struct ring *ring_take(struct ring_list *list);
/* The owner's thread ends; the lines in the ring stay until they are taken. [owner] */
void ring_release(struct ring *ring);
/* The ring that follows in the list, or NULL. [any] */
struct ring *ring_next(const struct ring *ring);

/* Appends a whole line. False if there is no room for it. [owner] */
bool ring_put(struct ring *ring, const char *line, size_t len);

/* The bytes that wait. [any] */
size_t ring_length(const struct ring *ring);
/* Copies as many whole lines as fit and returns their length; 0 if the ring is empty. The first
 * line is the rest of one if ring_skip ended within it. `size` must hold a line. [carrier] */
size_t ring_peek(const struct ring *ring, char *out, size_t size);
/* Removes `len` bytes from the front. [carrier] */
void ring_skip(struct ring *ring, size_t len);

#endif
