#include "host/hand_on.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

static spore_status put(struct hand_on *store, const char *key, const char *text)
{
	return hand_on_put(store, key, spore_cstr(text));
}

/* expected: NULL: the store has no such key. */
static void check(struct hand_on *store, const char *key, const char *expected)
{
	spore_str bytes;

	ck_assert_uint_eq(hand_on_get(store, key, &bytes), expected != NULL);
	ck_assert_uint_eq(bytes.len, expected ? strlen(expected) : 0);
	ck_assert(!expected || memcmp(bytes.ptr, expected, bytes.len) == 0);
}

START_TEST(bytes_are_kept_by_key)
{
	struct hand_on store;

	hand_on_init(&store);
	check(&store, "a", NULL);
	ck_assert_int_eq(put(&store, "a", "one"), SPORE_OK);
	ck_assert_int_eq(put(&store, "b", "two"), SPORE_OK);
	ck_assert_int_eq(put(&store, "a", "longer than before"), SPORE_OK);
	check(&store, "a", "longer than before");
	check(&store, "b", "two");
	ck_assert_int_eq(put(&store, "a", ""), SPORE_OK);
	ck_assert_int_eq(put(&store, "none", ""), SPORE_OK);
	check(&store, "a", NULL);
	check(&store, "b", "two");
	ck_assert_int_eq(put(&store, "b", ""), SPORE_OK);
	ck_assert_uint_eq(store.size, 0);
	hand_on_fini(&store);
}
END_TEST

START_TEST(wrong_keys_are_refused)
{
	char longest[HAND_ON_MAX_KEY + 2];
	struct hand_on store;

	memset(longest, 'k', sizeof longest);
	longest[HAND_ON_MAX_KEY + 1] = '\0';
	hand_on_init(&store);
	ck_assert_int_eq(put(&store, longest, "x"), SPORE_EINVAL);
	ck_assert_int_eq(put(&store, "", "x"), SPORE_EINVAL);
	ck_assert_int_eq(put(&store, NULL, "x"), SPORE_EINVAL);
	ck_assert_int_eq(hand_on_put(&store, "a", (spore_str){ NULL, 1 }), SPORE_EINVAL);
	check(&store, NULL, NULL);
	longest[HAND_ON_MAX_KEY] = '\0';
	ck_assert_int_eq(put(&store, longest, "x"), SPORE_OK);
	check(&store, longest, "x");
	hand_on_fini(&store);
}
END_TEST

START_TEST(the_size_is_limited)
{
	static char large[HAND_ON_MAX_BYTES];
	struct hand_on store;

	hand_on_init(&store);
	ck_assert_int_eq(hand_on_put(&store, "a", (spore_str){ large, sizeof large }), SPORE_EBUSY);
	ck_assert_int_eq(hand_on_put(&store, "a", (spore_str){ large, SIZE_MAX }), SPORE_EBUSY);
	ck_assert_int_eq(hand_on_put(&store, "a", (spore_str){ large, sizeof large - 1000 }),
	                 SPORE_OK);
	ck_assert_int_eq(hand_on_put(&store, "b", (spore_str){ large, 1000 }), SPORE_EBUSY);
	ck_assert_int_eq(hand_on_put(&store, "a", (spore_str){ large, sizeof large }), SPORE_EBUSY);
	ck_assert_int_eq(put(&store, "a", "small again"), SPORE_OK);
	ck_assert_int_eq(hand_on_put(&store, "b", (spore_str){ large, 1000 }), SPORE_OK);
	check(&store, "a", "small again");
	hand_on_fini(&store);
}
END_TEST

START_TEST(small_keys_count_too)
{
	enum { MANY = 1000 };
	struct hand_on store;
	char key[16];

	hand_on_init(&store);
	for (int i = 0; i < MANY; i++) {
		snprintf(key, sizeof key, "%d", i);
		ck_assert_int_eq(put(&store, key, "x"), SPORE_OK);
	}
	ck_assert_uint_gt(store.size, (size_t)MANY * HAND_ON_MAX_KEY);
	hand_on_fini(&store);
}
END_TEST

START_TEST(a_copy_goes_its_own_way)
{
	struct hand_on old, new;

	hand_on_init(&old);
	hand_on_init(&new);
	put(&old, "a", "old");
	put(&old, "b", "kept");
	ck_assert(hand_on_copy(&new, &old));
	ck_assert_uint_eq(new.size, old.size);
	put(&new, "a", "new");
	put(&old, "b", "later");
	check(&old, "a", "old");
	check(&new, "a", "new");
	check(&new, "b", "kept");
	hand_on_fini(&old);
	check(&new, "b", "kept");
	hand_on_fini(&new);
}
END_TEST

static void *put_often(void *arg)
{
	char key[16], text[64];

	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof key, "key %d", i % 7);
		snprintf(text, sizeof text, "%d", i);
		if (put(arg, key, text) != SPORE_OK)
			return arg;
	}
	return NULL;
}

START_TEST(any_thread_may_put)
{
	struct hand_on store, copy;
	pthread_t threads[2];
	void *failed;

	hand_on_init(&store);
	hand_on_init(&copy);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, put_often, &store), 0);
	ck_assert(hand_on_copy(&copy, &store));
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &failed);
		ck_assert_ptr_null(failed);
	}
	check(&store, "key 4", "1999");
	hand_on_fini(&store);
	hand_on_fini(&copy);
}
END_TEST

SUITE("hand_on", bytes_are_kept_by_key, wrong_keys_are_refused, the_size_is_limited,
      small_keys_count_too, a_copy_goes_its_own_way, any_thread_may_put)
