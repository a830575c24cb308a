#include "thread/code.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "suite.h"

static void *address_in_libm(void)
{
	void *libm = dlopen("libm.so.6", RTLD_NOW);

	ck_assert_ptr_nonnull(libm);
	return dlsym(libm, "cos");
}

static uintptr_t offset_in_libm(const void *address)
{
	Dl_info info;

	ck_assert_int_ne(dladdr(address, &info), 0);
	return (uintptr_t)address - (uintptr_t)info.dli_fbase;
}

START_TEST(an_address_belongs_to_what_was_added)
{
	const char *inside = address_in_libm();

	ck_assert_ptr_null(code_find(inside));
	ck_assert(code_add("maths", "6", inside));
	ck_assert_str_eq(code_find(inside), "maths");
	ck_assert_str_eq(code_find(inside + 1), "maths");
	ck_assert_str_eq(code_at(inside)->version, "6");
	ck_assert_uint_eq((uintptr_t)inside - code_at(inside)->base, offset_in_libm(inside));
	ck_assert_ptr_null(code_find(&inside));
	ck_assert_ptr_null(code_find(dlsym(RTLD_DEFAULT, "getpid")));
	ck_assert_ptr_null(code_find(NULL));
}
END_TEST

START_TEST(what_is_not_code_is_not_added)
{
	char *block = calloc(1, 1);

	ck_assert(!code_add("heap", NULL, block));
	ck_assert(!code_add("nothing", NULL, NULL));
	ck_assert_ptr_null(code_find(block));
	free(block);
}
END_TEST

static const char *found;

static int compare(const void *a, const void *b)
{
	(void)a;
	(void)b;
	found = code_on_stack();
	return 0;
}

START_TEST(the_innermost_object_on_the_stack_is_found)
{
	int numbers[] = { 1, 2 };

	ck_assert_ptr_null(code_on_stack());
	ck_assert(code_add("libc", NULL, dlsym(RTLD_DEFAULT, "getpid")));
	qsort(numbers, 2, sizeof *numbers, compare);
	ck_assert_str_eq(found, "libc");
	ck_assert(code_add("program", NULL, (const void *)(uintptr_t)compare));
	qsort(numbers, 2, sizeof *numbers, compare);
	ck_assert_str_eq(found, "program");
}
END_TEST

SUITE("code", an_address_belongs_to_what_was_added, what_is_not_code_is_not_added,
      the_innermost_object_on_the_stack_is_found)
