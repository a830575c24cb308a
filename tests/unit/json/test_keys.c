#include "json/keys.h"

#include <stdio.h>

#include "suite.h"

START_TEST(a_key_is_new_once)
{
	struct keys keys;

	ck_assert(keys_init(&keys, 3, 1));
	ck_assert(keys_add(&keys, "a"));
	ck_assert(keys_add(&keys, ""));
	ck_assert(!keys_add(&keys, "a"));
	ck_assert(!keys_add(&keys, ""));
	ck_assert(keys_add(&keys, "aa"));
	keys_fini(&keys);
}
END_TEST

START_TEST(many_keys_are_told_apart)
{
	enum { MANY = 10000 };
	static char texts[MANY][16];
	struct keys keys;

	ck_assert(keys_init(&keys, MANY, 7));
	for (int i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof texts[i], "key%d", i);
		ck_assert(keys_add(&keys, texts[i]));
	}
	for (int i = 0; i < MANY; i++)
		ck_assert(!keys_add(&keys, texts[i]));
	keys_fini(&keys);
}
END_TEST

START_TEST(an_empty_object_has_no_keys)
{
	struct keys keys;

	ck_assert(keys_init(&keys, 0, 0));
	keys_fini(&keys);
}
END_TEST

SUITE("keys", a_key_is_new_once, many_keys_are_told_apart, an_empty_object_has_no_keys)
