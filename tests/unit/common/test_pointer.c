#include "../../plugins/common/pointer.h"

#include <string.h>

#include "suite.h"

START_TEST(keys_are_escaped)
{
	char pointer[64] = "/clients";

	pointer_append(pointer, sizeof pointer, "a/b~c~1");
	ck_assert_str_eq(pointer_append(pointer, sizeof pointer, ""), "/clients/a~1b~0c~01/");
}
END_TEST

/* Never past the room there is, and never half of an escape. */
START_TEST(what_does_not_fit_is_left_out)
{
	char room[16];

	for (size_t size = 1; size < sizeof room; size++) {
		memset(room, 'x', sizeof room);
		room[0] = '\0';
		pointer_append(room, size, "~~~~~~~~");
		ck_assert_uint_lt(strlen(room), size);
		ck_assert(size < 2 || room[0] == '/');
		ck_assert(strlen(room) < 2 || strlen(room) % 2 == 1);
		for (size_t i = size; i < sizeof room; i++)
			ck_assert_int_eq(room[i], 'x');
	}
}
END_TEST

SUITE("pointer", keys_are_escaped, what_does_not_fit_is_left_out)
