#include "metrics/cells.h"

#include <stdlib.h>

enum { CACHE_LINE = 64 };

void cells_fini(struct cells *cells)
{
	for (size_t i = 0; i < CELLS_MAX_PAGES; i++) {
		struct cell_page *page = atomic_load(&cells->pages[i]);

		if (page)
			free(page->cells);
		free(page);
	}
}

static struct cell_page *get_page(struct cells *cells, size_t index)
{
	size_t size = (size_t)cells->n_shards * CELLS_PER_PAGE * sizeof(cell);
	struct cell_page *page = atomic_load(&cells->pages[index]);

	if (page)
		return page;
	page = calloc(1, sizeof *page);
	if (page)
		page->cells = aligned_alloc(CACHE_LINE, size);
	if (!page || !page->cells) {
		free(page);
		return NULL;
	}
	memset(page->cells, 0, size);
	atomic_store(&cells->pages[index], page);
	return page;
}

bool cells_reserve(struct cells *cells, uint32_t n, const void *owner, uint32_t *slot_out)
{
	uint32_t slot = cells->n_slots;
	bool fits_in_page = slot % CELLS_PER_PAGE + n <= CELLS_PER_PAGE;
	struct cell_page *page;

	if (!fits_in_page)
		slot = (slot / CELLS_PER_PAGE + 1) * CELLS_PER_PAGE;
	if (slot / CELLS_PER_PAGE >= CELLS_MAX_PAGES)
		return false;
	page = get_page(cells, slot / CELLS_PER_PAGE);
	if (!page)
		return false;
	page->owner[slot % CELLS_PER_PAGE] = owner;
	cells->n_slots = slot + n;
	*slot_out = slot;
	return true;
}

double cells_sum(const struct cells *cells, uint32_t slot)
{
	const struct cell_page *page = atomic_load(&cells->pages[slot / CELLS_PER_PAGE]);
	double sum = 0;

	for (size_t shard = 0; shard < cells->n_shards; shard++)
		sum += cell_read(&page->cells[shard * CELLS_PER_PAGE + slot % CELLS_PER_PAGE]);
	return sum;
}
