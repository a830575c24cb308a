#include "held.h"

#include "suite.h"

static const uint8_t one[CLAIM_KEY_SIZE] = { 1 }, two[CLAIM_KEY_SIZE] = { 2 };

/* The first byte of the key of a session; 0: it has none. */
static unsigned key_of(struct held *held, uint64_t session)
{
	uint8_t key[CLAIM_KEY_SIZE];

	return held_find(held, session, key) ? key[0] : 0;
}

START_TEST(the_last_allow_takes_the_key_with_it)
{
	struct held *held = held_new();

	held_begin(held, 7, one);
	held_begin(held, 7, one);
	held_begin(held, 7 + 1024, two);
	held_end(held, 7);
	ck_assert_uint_eq(key_of(held, 7), 1);
	held_end(held, 7);
	ck_assert_uint_eq(key_of(held, 7), 0);
	ck_assert_uint_eq(key_of(held, 7 + 1024), 2);
	held_end(held, 7); /* unknown: nothing happens */
	held_free(held);
	held_free(NULL);
}
END_TEST

START_TEST(the_latest_allow_decides)
{
	struct held *held = held_new();

	held_begin(held, 7, one);
	held_begin(held, 7, two);
	ck_assert_uint_eq(key_of(held, 7), 2);
	held_begin(held, 7, NULL);
	ck_assert_uint_eq(key_of(held, 7), 0);
	held_free(held);
}
END_TEST

SUITE("held", the_last_allow_takes_the_key_with_it, the_latest_allow_decides)
