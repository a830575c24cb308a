#include "way/ration.h"

#include "suite.h"

START_TEST(a_few_in_a_row_and_then_one_in_each_interval)
{
	struct ration ration;

	ration_init(&ration, 100, 3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ration_take(&ration, 1000), 0);
	ck_assert_int_eq(ration_take(&ration, 1000), 100);
	ck_assert_int_eq(ration_take(&ration, 1040), 60); /* asking costs nothing */
	ck_assert_int_eq(ration_take(&ration, 1100), 0);
	ck_assert_int_eq(ration_take(&ration, 1100), 100);
	/* After a rest, as many as at first. */
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ration_take(&ration, 5000), 0);
	ck_assert_int_eq(ration_take(&ration, 5000), 100);
}
END_TEST

SUITE("ration", a_few_in_a_row_and_then_one_in_each_interval)
