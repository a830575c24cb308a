#include "wire/refusal.h"

#include <string.h>

#include "suite.h"

START_TEST(each_has_a_name_of_its_own)
{
	for (int i = 0; i < REFUSED_COUNT; i++) {
		ck_assert_ptr_nonnull(refusal_name(i));
		ck_assert_ptr_nonnull(refusal_text(i));
		ck_assert_uint_eq(strspn(refusal_name(i), "abcdefghijklmnopqrstuvwxyz_"),
		                  strlen(refusal_name(i)));
		ck_assert(refusal_happens_at(i, REFUSED_AT_CONTROL) ||
		          refusal_happens_at(i, REFUSED_AT_PUBLIC));
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(refusal_name(i), refusal_name(k));
	}
}
END_TEST

/* A client is sent these (tests/interop holds bore to them); a frame has 256 bytes, with its JSON.
 */
START_TEST(texts_fit_a_frame)
{
	for (int i = 0; i < REFUSED_COUNT; i++)
		ck_assert_uint_lt(strlen(refusal_text(i)), 200);
}
END_TEST

START_TEST(what_tunnels_are_refused_for_is_recognised)
{
	ck_assert_int_eq(refusal_of_tunnel("port already in use"), REFUSED_PORT_IN_USE);
	ck_assert_int_eq(refusal_of_tunnel("too many tunnels"), REFUSED_TOO_MANY_TUNNELS);
	ck_assert_int_eq(refusal_of_tunnel("client port number not in allowed range"),
	                 REFUSED_PORT_NOT_ALLOWED);
	ck_assert_int_eq(refusal_of_tunnel("failed to find an available port"),
	                 REFUSED_NO_PORT_LEFT);
	ck_assert_int_eq(refusal_of_tunnel("out of memory"), REFUSED_NO_MEMORY);
	ck_assert_int_eq(refusal_of_tunnel("permission denied"), REFUSED_PORT_NOT_BOUND);
	ck_assert_int_eq(refusal_of_tunnel("failed to bind to port"), REFUSED_PORT_NOT_BOUND);
}
END_TEST

SUITE("refusal", each_has_a_name_of_its_own, texts_fit_a_frame,
      what_tunnels_are_refused_for_is_recognised)
