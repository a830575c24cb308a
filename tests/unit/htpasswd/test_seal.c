#include "seal.h"

#include "services/host.h"
#include "suite.h"

START_TEST(a_seal_knows_the_password_that_closed_it)
{
	const spore_host *host = host_table();
	struct seal *seal = seal_new(host);

	ck_assert_ptr_nonnull(seal);
	ck_assert_int_eq(seal_compare(seal, host, spore_cstr("correct")), SEAL_EMPTY);
	seal_close(seal, host, spore_cstr("correct"));
	ck_assert_int_eq(seal_compare(seal, host, spore_cstr("correct")), SEAL_SAME);
	ck_assert_int_eq(seal_compare(seal, host, spore_cstr("Correct")), SEAL_OTHER);
	ck_assert_int_eq(seal_compare(seal, host, spore_cstr("")), SEAL_OTHER);
	ck_assert_int_eq(seal_compare(seal, host, spore_cstr("correct ")), SEAL_OTHER);
	seal_close(seal, host, spore_cstr("later")); /* the first one counts */
	ck_assert_int_eq(seal_compare(seal, host, spore_cstr("correct")), SEAL_SAME);
	seal_unref(seal);
	seal_unref(NULL);
}
END_TEST

START_TEST(a_shared_seal_lives_until_its_last_user_ends)
{
	const spore_host *host = host_table();
	struct seal *seal = seal_new(host), *shared = seal_ref(seal);

	seal_unref(seal);
	seal_close(shared, host, spore_cstr("correct"));
	ck_assert_int_eq(seal_compare(shared, host, spore_cstr("correct")), SEAL_SAME);
	seal_unref(shared);
}
END_TEST

SUITE("seal", a_seal_knows_the_password_that_closed_it,
      a_shared_seal_lives_until_its_last_user_ends)
