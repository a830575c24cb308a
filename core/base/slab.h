/* slab - objects of one size, each with a number that is never used again.
 *
 * A number is made of a tag, a slot and a generation. A slot gets a new generation when its object
 * is taken and when it is given back, so the number of an object that is gone finds nothing.
 * Objects do not move, and their memory is kept until slab_fini. Not thread-safe. */
#ifndef CORE_SLAB_H
#define CORE_SLAB_H

#include <stddef.h>
#include <stdint.h>

enum { SLAB_MAX_TAG = 1023 };

struct slab {
	size_t size; /* of an object with its header */
	uint32_t tag;
	char **pages; /* owned */
	uint32_t n_pages, first_free;
};

/* tag: what slab_tag returns for all numbers of this slab, at most SLAB_MAX_TAG. */
void slab_init(struct slab *slab, size_t object_size, uint32_t tag);
void slab_fini(struct slab *slab);

/* Returns a zeroed object and its number, which is not 0. NULL: memory is out, or all slots are
 * taken. */
void *slab_take(struct slab *slab, uint64_t *number_out);
/* The object that has this number. NULL: no object has it, or the object was given back. */
void *slab_find(const struct slab *slab, uint64_t number);
/* The number of an object. */
uint64_t slab_number(const struct slab *slab, const void *object);
void slab_give(struct slab *slab, void *object);

/* The tag of the slab that made the number. */
static inline uint32_t slab_tag(uint64_t number)
{
	return (uint32_t)(number >> 54);
}

#endif
