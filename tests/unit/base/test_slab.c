#include "base/slab.h"

#include <string.h>

#include "suite.h"

enum { SIZE = 40, MANY = 1000 };

START_TEST(an_object_is_found_by_its_number)
{
	uint64_t numbers[MANY];
	char *objects[MANY];
	struct slab slab;

	slab_init(&slab, SIZE, 7);
	for (unsigned i = 0; i < MANY; i++) {
		objects[i] = slab_take(&slab, &numbers[i]);
		ck_assert_ptr_nonnull(objects[i]);
		ck_assert_uint_eq((uintptr_t)objects[i] % 16, 0);
		memset(objects[i], (int)i, SIZE);
	}
	for (unsigned i = 0; i < MANY; i++) { /* they have not moved */
		ck_assert_ptr_eq(slab_find(&slab, numbers[i]), objects[i]);
		ck_assert_uint_eq(slab_number(&slab, objects[i]), numbers[i]);
		ck_assert_uint_eq(slab_tag(numbers[i]), 7);
		ck_assert_int_eq(objects[i][SIZE - 1], (char)i);
	}
	slab_fini(&slab);
	ck_assert_ptr_null(slab_find(&slab, numbers[0]));
}
END_TEST

START_TEST(a_number_is_not_used_again)
{
	uint64_t first, second;
	struct slab slab;
	char *object;

	slab_init(&slab, SIZE, 0);
	object = slab_take(&slab, &first);
	memset(object, 1, SIZE);
	slab_give(&slab, object);
	ck_assert_ptr_null(slab_find(&slab, first));
	ck_assert_ptr_eq(slab_take(&slab, &second), object); /* the memory is */
	ck_assert_int_eq(object[0] | object[SIZE - 1], 0);
	ck_assert_uint_ne(first, second);
	ck_assert_ptr_null(slab_find(&slab, first));
	ck_assert_ptr_eq(slab_find(&slab, second), object);
	slab_fini(&slab);
}
END_TEST

START_TEST(nonsense_finds_nothing)
{
	struct slab slab;
	uint64_t number;

	slab_init(&slab, SIZE, 3);
	ck_assert_ptr_nonnull(slab_take(&slab, &number));
	for (unsigned bit = 0; bit < 64; bit++)
		ck_assert_ptr_null(slab_find(&slab, number ^ (uint64_t)1 << bit));
	ck_assert_ptr_null(slab_find(&slab, 0));
	ck_assert_ptr_null(slab_find(&slab, UINT64_MAX));
	slab_fini(&slab);
}
END_TEST

SUITE("slab", an_object_is_found_by_its_number, a_number_is_not_used_again, nonsense_finds_nothing)
