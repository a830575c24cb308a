#include "net/shortage.h"

#include "suite.h"

START_TEST(an_errno_tells_what_is_lacking)
{
	ck_assert_int_eq(shortage_of(EMFILE), SHORTAGE_DESCRIPTORS);
	ck_assert_int_eq(shortage_of(ENFILE), SHORTAGE_FILES);
	ck_assert_int_eq(shortage_of(ENOMEM), SHORTAGE_MEMORY);
	ck_assert_int_eq(shortage_of(ENOBUFS), SHORTAGE_MEMORY);
	ck_assert_int_eq(shortage_of(ECONNREFUSED), SHORTAGE_NONE);
	ck_assert_int_eq(shortage_of(0), SHORTAGE_NONE);
}
END_TEST

START_TEST(a_limit_can_be_raised)
{
	ck_assert_ptr_nonnull(strstr(shortage_remedy(SHORTAGE_DESCRIPTORS), "LimitNOFILE="));
	ck_assert_ptr_nonnull(strstr(shortage_remedy(SHORTAGE_FILES), "fs.file-max"));
	ck_assert_ptr_null(shortage_remedy(SHORTAGE_MEMORY));
	ck_assert_ptr_null(shortage_remedy(SHORTAGE_NONE));
}
END_TEST

SUITE("shortage", an_errno_tells_what_is_lacking, a_limit_can_be_raised)
