#include "metrics/cells.h"

#include "suite.h"

static int owner, other;

START_TEST(each_shard_has_its_own_cells)
{
	struct cells cells = { .n_shards = 3 };
	const void *found;
	uint32_t slot;

	ck_assert(cells_reserve(&cells, 1, &owner, &slot));
	for (unsigned shard = 0; shard < 3; shard++) {
		cell *c = cells_find(&cells, shard, slot, &found);

		ck_assert_ptr_nonnull(c);
		ck_assert_ptr_eq(found, &owner);
		ck_assert_double_eq(cell_read(c), 0);
		cell_add(c, 1.5);
		cell_add(c, shard);
	}
	ck_assert_double_eq(cells_sum(&cells, slot), 3 * 1.5 + 1 + 2);
	cell_write(cells_find(&cells, 1, slot, &found), -4);
	ck_assert_double_eq(cells_sum(&cells, slot), 2 * 1.5 + 2 - 4);
	cells_fini(&cells);
}
END_TEST

START_TEST(a_shared_cell_takes_negative_amounts)
{
	struct cells cells = { .n_shards = 1 };
	const void *found;
	uint32_t slot;
	cell *c;

	ck_assert(cells_reserve(&cells, 1, &owner, &slot));
	c = cells_find(&cells, 0, slot, &found);
	cell_add_shared(c, 2.5);
	cell_add_shared(c, -4);
	ck_assert_double_eq(cells_sum(&cells, slot), -1.5);
	cells_fini(&cells);
}
END_TEST

START_TEST(shards_share_no_cache_line)
{
	struct cells cells = { .n_shards = 2 };
	const void *found;
	uint32_t slot;

	ck_assert(cells_reserve(&cells, 1, &owner, &slot));
	for (unsigned shard = 0; shard < 2; shard++)
		ck_assert_uint_eq((uintptr_t)cells_find(&cells, shard, slot, &found) % 64, 0);
	cells_fini(&cells);
}
END_TEST

START_TEST(only_the_start_of_a_run_is_found)
{
	struct cells cells = { .n_shards = 1 };
	const void *found;
	uint32_t first, second;

	ck_assert_ptr_null(cells_find(&cells, 0, 0, &found));
	ck_assert(cells_reserve(&cells, 5, &owner, &first));
	ck_assert(cells_reserve(&cells, 2, &other, &second));
	ck_assert_uint_eq(second, first + 5);
	for (uint32_t i = 1; i < 5; i++)
		ck_assert_ptr_null(cells_find(&cells, 0, first + i, &found));
	ck_assert_ptr_nonnull(cells_find(&cells, 0, second, &found));
	ck_assert_ptr_eq(found, &other);
	ck_assert_ptr_null(cells_find(&cells, 0, second + 2, &found));
	ck_assert_ptr_null(cells_find(&cells, 1, first, &found));
	ck_assert_ptr_null(cells_find(&cells, 0, UINT32_MAX, &found));
	cells_fini(&cells);
}
END_TEST

START_TEST(a_run_stands_in_one_page)
{
	struct cells cells = { .n_shards = 1 };
	uint32_t slot;

	ck_assert(cells_reserve(&cells, CELLS_PER_PAGE - 1, &owner, &slot));
	ck_assert(cells_reserve(&cells, 2, &owner, &slot));
	ck_assert_uint_eq(slot, CELLS_PER_PAGE);
	ck_assert(cells_reserve(&cells, CELLS_PER_PAGE, &owner, &slot));
	ck_assert_uint_eq(slot, 2 * CELLS_PER_PAGE);
	cells_fini(&cells);
}
END_TEST

START_TEST(slots_run_out)
{
	struct cells cells = { .n_shards = 1 };
	uint32_t slot;

	for (uint32_t i = 0; i < CELLS_MAX_PAGES; i++) {
		ck_assert(cells_reserve(&cells, CELLS_PER_PAGE, &owner, &slot));
		ck_assert_uint_eq(slot, i * CELLS_PER_PAGE);
	}
	ck_assert(!cells_reserve(&cells, 1, &owner, &slot));
	cells_fini(&cells);
}
END_TEST

SUITE("cells", each_shard_has_its_own_cells, a_shared_cell_takes_negative_amounts,
      shards_share_no_cache_line, only_the_start_of_a_run_is_found, a_run_stands_in_one_page,
      slots_run_out)
