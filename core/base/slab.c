#include "base/slab.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PER_PAGE = 64, MAX_SLOTS = (1 << 22) - 1 /* 22 bits of a number: see slab_number */ };

/* Before each object. Slots are numbered from 1. */
struct header {
	uint32_t slot, generation; /* an odd generation: the object is taken */
	uint32_t next_free;        /* 0: none */
	uint32_t unused;           /* keeps objects aligned to 16 bytes */
};

void slab_init(struct slab *slab, size_t object_size, uint32_t tag)
{
	*slab = (struct slab){ .size = sizeof(struct header) + (object_size + 15) / 16 * 16,
		               .tag = tag };
}

void slab_fini(struct slab *slab)
{
	for (uint32_t i = 0; i < slab->n_pages; i++)
		free(slab->pages[i]);
	free(slab->pages);
	*slab = (struct slab){ .size = slab->size, .tag = slab->tag };
}

/* The slot must exist. */
static struct header *header_at(const struct slab *slab, uint32_t slot)
{
	char *page = slab->pages[(slot - 1) / PER_PAGE];

	return (struct header *)(void *)(page + (slot - 1) % PER_PAGE * slab->size);
}

static struct header *header_of(const void *object)
{
	return (struct header *)(uintptr_t)object - 1;
}

static bool grow(struct slab *slab)
{
	uint32_t n_slots = slab->n_pages * PER_PAGE;
	char **pages, *page;

	if (n_slots + PER_PAGE > MAX_SLOTS)
		return false;
	pages = realloc(slab->pages, (slab->n_pages + 1) * sizeof *pages);
	if (!pages)
		return false;
	slab->pages = pages;
	page = calloc(PER_PAGE, slab->size);
	if (!page)
		return false;
	slab->pages[slab->n_pages++] = page;
	for (uint32_t slot = n_slots + PER_PAGE; slot > n_slots; slot--) {
		struct header *header = header_at(slab, slot);

		header->slot = slot;
		header->next_free = slab->first_free;
		slab->first_free = slot;
	}
	return true;
}

uint64_t slab_number(const struct slab *slab, const void *object)
{
	const struct header *header = header_of(object);

	return (uint64_t)slab->tag << 54 | (uint64_t)header->slot << 32 | header->generation;
}

void *slab_take(struct slab *slab, uint64_t *number_out)
{
	struct header *header;

	if (!slab->first_free && !grow(slab))
		return NULL;
	header = header_at(slab, slab->first_free);
	slab->first_free = header->next_free;
	header->generation++;
	memset(header + 1, 0, slab->size - sizeof *header);
	*number_out = slab_number(slab, header + 1);
	return header + 1;
}

void *slab_find(const struct slab *slab, uint64_t number)
{
	uint32_t slot = (uint32_t)(number >> 32) & MAX_SLOTS, generation = (uint32_t)number;
	bool is_odd = generation % 2 == 1; /* an even one is that of a free slot */
	struct header *header;

	if (slab_tag(number) != slab->tag || slot == 0 || slot > slab->n_pages * PER_PAGE)
		return NULL;
	header = header_at(slab, slot);
	return is_odd && header->generation == generation ? header + 1 : NULL;
}

void slab_give(struct slab *slab, void *object)
{
	struct header *header = header_of(object);

	header->generation++;
	header->next_free = slab->first_free;
	slab->first_free = header->slot;
}
