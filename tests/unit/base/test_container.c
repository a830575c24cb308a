#include "base/container.h"

#include "suite.h"

struct inner {
	char c;
};

struct outer {
	double first;
	struct inner parts[3];
	struct inner *pointer;
	struct inner last;
};

START_TEST(a_member_leads_to_its_struct)
{
	struct outer outer[2];

	ck_assert_ptr_eq(CONTAINER_OF(&outer[1].first, struct outer, first), &outer[1]);
	ck_assert_ptr_eq(CONTAINER_OF(&outer[1].last, struct outer, last), &outer[1]);
	ck_assert_ptr_eq(CONTAINER_OF(&outer[0].pointer, struct outer, pointer), &outer[0]);
	ck_assert_ptr_eq(CONTAINER_OF(&outer[0].parts[2], struct outer, parts[2]), &outer[0]);
}
END_TEST

START_TEST(the_pointer_is_evaluated_once)
{
	struct outer outer[2];
	struct inner *members[] = { &outer[0].last, &outer[1].last }, **next = members;

	ck_assert_ptr_eq(CONTAINER_OF(*next++, struct outer, last), &outer[0]);
	ck_assert_ptr_eq(CONTAINER_OF(*next++, struct outer, last), &outer[1]);
	ck_assert_ptr_eq(next, members + 2);
}
END_TEST

SUITE("container", a_member_leads_to_its_struct, the_pointer_is_evaluated_once)
