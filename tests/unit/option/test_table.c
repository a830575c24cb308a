#include "option/table.h"

#include <string.h>

#include "suite.h"

struct conf {
	int64_t a, b;
	const char *c;
};

/* A row as a newer SDK may have it: with fields at its end. */
struct long_row {
	spore_option row;
	char more[24];
};

static const struct long_row rows[] = {
	{ SPORE_INT(struct conf, a, OPTIONF_RESTART, NULL, 0, 10, "a"), "" },
	{ SPORE_INT(struct conf, b, OPTIONF_NEW_ONLY, NULL, 1, 0, "b"), "" },
	{ SPORE_STRING(struct conf, c, 0, NULL, "c"), "" },
};
static const struct option_table table = { &rows[0].row, 3, sizeof *rows };

START_TEST(rows_are_found_at_their_stride)
{
	ck_assert_ptr_eq(option_row(&table, 2), &rows[2].row);
	ck_assert_ptr_eq(option_find(&table, "b"), &rows[1].row);
	ck_assert_ptr_eq(option_find(&table, "c"), &rows[2].row);
	ck_assert_ptr_null(option_find(&table, "d"));
	ck_assert_ptr_null(option_find(&table, ""));
	ck_assert_ptr_null(option_find(&(struct option_table){ NULL, 0, 0 }, "a"));
}
END_TEST

START_TEST(flags_say_when_a_change_takes_effect)
{
	spore_option both = rows[0].row;

	both.flags = OPTIONF_RESTART | OPTIONF_NEW_ONLY;
	ck_assert_int_eq(option_change_of(&rows[0].row, OPTION_LIVE), OPTION_RESTART);
	ck_assert_int_eq(option_change_of(&rows[1].row, OPTION_LIVE), OPTION_NEW_ONLY);
	ck_assert_int_eq(option_change_of(&both, OPTION_LIVE), OPTION_RESTART);
	ck_assert_int_eq(option_change_of(&rows[2].row, OPTION_LIVE), OPTION_LIVE);
	ck_assert_int_eq(option_change_of(&rows[2].row, OPTION_NEW_ONLY), OPTION_NEW_ONLY);
}
END_TEST

START_TEST(bounds_count_for_scaled_types_in_order)
{
	spore_option row = rows[0].row;

	ck_assert(option_has_bounds(&row));
	row.type = SPORE_OPT_PORT;
	ck_assert(option_has_bounds(&row));
	row.type = SPORE_OPT_STRING;
	ck_assert(!option_has_bounds(&row));
	ck_assert(!option_has_bounds(&rows[1].row));
}
END_TEST

START_TEST(lists_of_strings_may_be_files)
{
	static const uint32_t yes[] = { SPORE_OPT_STRING, SPORE_OPT_ADDR, SPORE_OPT_IP,
		                        SPORE_OPT_CIDR };
	static const uint32_t no[] = { SPORE_OPT_INT, SPORE_OPT_SECRET, SPORE_OPT_OBJECT };
	spore_option_item item = { 0 };
	spore_option row = { .type = SPORE_OPT_LIST, .item = &item };

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		item.type = yes[i];
		ck_assert(option_may_be_file(&row));
	}
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		item.type = no[i];
		ck_assert(!option_may_be_file(&row));
	}
	item.type = SPORE_OPT_STRING;
	row.type = SPORE_OPT_MAP;
	ck_assert(!option_may_be_file(&row));
	row = (spore_option){ .type = SPORE_OPT_LIST };
	ck_assert(!option_may_be_file(&row));
}
END_TEST

START_TEST(containers_have_inner_tables)
{
	spore_option_item item = { SPORE_OPT_OBJECT, sizeof(struct conf), &rows[0].row, 3,
		                   sizeof *rows };
	spore_option row = { .type = SPORE_OPT_OBJECT, .item = &item };
	struct option_table inner = option_inner(&row);

	ck_assert_ptr_eq(inner.rows, &rows[0].row);
	ck_assert_uint_eq(inner.n, 3);
	ck_assert_uint_eq(inner.stride, sizeof *rows);
	row.type = SPORE_OPT_MAP;
	ck_assert_uint_eq(option_inner(&row).n, 3);
	row.type = SPORE_OPT_STRING;
	ck_assert_uint_eq(option_inner(&row).n, 0);
	row = (spore_option){ .type = SPORE_OPT_LIST };
	ck_assert_uint_eq(option_inner(&row).n, 0);
}
END_TEST

SUITE("table", rows_are_found_at_their_stride, flags_say_when_a_change_takes_effect,
      bounds_count_for_scaled_types_in_order, lists_of_strings_may_be_files,
      containers_have_inner_tables)
