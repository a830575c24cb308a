#include "key_cache.h"

#include "suite.h"

enum { MAX_KEYS = 3 };

/* A client that waits, and what it was told. */
struct client {
	struct key_wait wait;
	unsigned n;
	enum key_answer answer;
	uint8_t first; /* byte of the key */
};

static void on_answer(struct key_wait *wait, enum key_answer answer, const struct known_key *known)
{
	struct client *client = (struct client *)wait;

	client->n++;
	client->answer = answer;
	client->first = known ? known->key[0] : 0;
}

static struct client new_client(void)
{
	return (struct client){ .wait = { .on_answer = on_answer } };
}

static struct known_key key_of(uint8_t first)
{
	return (struct known_key){ .key = { first } };
}

/* Asks for a key and answers at once. */
static void learn(struct key_cache *cache, const char *name, uint8_t first, int64_t life_ms)
{
	struct client client = new_client();
	struct known_key known = key_of(first);

	ck_assert_int_eq(key_cache_join(cache, name, &client.wait), KEY_ASK);
	key_cache_answer(cache, name, KEY_FOUND, &known, life_ms, 0);
	ck_assert(client.n == 1 && client.answer == KEY_FOUND && client.first == first);
}

START_TEST(a_name_is_asked_for_once_at_a_time)
{
	struct key_cache *cache = key_cache_new(MAX_KEYS);
	struct client a = new_client(), b = new_client(), c = new_client(), other = new_client();
	struct known_key known = key_of(9);

	ck_assert_int_eq(key_cache_join(cache, "alice", &a.wait), KEY_ASK);
	ck_assert_int_eq(key_cache_join(cache, "alice", &b.wait), KEY_WAIT);
	ck_assert_int_eq(key_cache_join(cache, "alice", &c.wait), KEY_WAIT);
	ck_assert_int_eq(key_cache_join(cache, "bob", &other.wait), KEY_ASK);
	key_cache_leave(&b.wait);
	key_cache_leave(&b.wait); /* does nothing */
	key_cache_answer(cache, "alice", KEY_FOUND, &known, 100, 0);
	ck_assert(a.n == 1 && a.first == 9 && b.n == 0 && c.n == 1 && other.n == 0);
	key_cache_answer(cache, "bob", KEY_UNKNOWN, NULL, 0, 0);
	ck_assert(other.n == 1 && other.answer == KEY_UNKNOWN);
	key_cache_free(cache);
}
END_TEST

START_TEST(a_key_lives_as_long_as_the_back_end_says)
{
	struct key_cache *cache = key_cache_new(MAX_KEYS);

	learn(cache, "alice", 1, 100);
	ck_assert_uint_eq(key_cache_find(cache, "alice", 99)->key[0], 1);
	ck_assert_ptr_null(key_cache_find(cache, "alice", 100));
	ck_assert_uint_eq(key_cache_count(cache), 0);
	learn(cache, "alice", 1, 0);
	ck_assert_ptr_null(key_cache_find(cache, "alice", 0));
	learn(cache, "alice", 2, 100);
	key_cache_forget(cache, "alice");
	ck_assert_ptr_null(key_cache_find(cache, "alice", 0));
	key_cache_free(cache);
}
END_TEST

START_TEST(nothing_but_a_key_is_remembered)
{
	static const enum key_answer answers[] = { KEY_UNKNOWN, KEY_FAILED };
	struct key_cache *cache = key_cache_new(MAX_KEYS);

	for (size_t i = 0; i < 2; i++) {
		struct client client = new_client();

		ck_assert_int_eq(key_cache_join(cache, "eve", &client.wait), KEY_ASK);
		key_cache_answer(cache, "eve", answers[i], NULL, 100, 0);
		ck_assert(client.n == 1 && client.answer == answers[i]);
		ck_assert_ptr_null(key_cache_find(cache, "eve", 0));
	}
	key_cache_free(cache);
}
END_TEST

START_TEST(the_key_used_least_recently_goes_first)
{
	struct key_cache *cache = key_cache_new(MAX_KEYS);

	learn(cache, "a", 1, 100);
	learn(cache, "b", 2, 100);
	learn(cache, "c", 3, 100);
	ck_assert_ptr_nonnull(key_cache_find(cache, "a", 0));
	learn(cache, "d", 4, 100);
	ck_assert_ptr_null(key_cache_find(cache, "b", 0));
	learn(cache, "c", 5, 100); /* replaces its own */
	ck_assert_uint_eq(key_cache_count(cache), MAX_KEYS);
	ck_assert_uint_eq(key_cache_find(cache, "a", 0)->key[0], 1);
	ck_assert_uint_eq(key_cache_find(cache, "c", 0)->key[0], 5);
	ck_assert_uint_eq(key_cache_find(cache, "d", 0)->key[0], 4);
	key_cache_free(cache);
}
END_TEST

START_TEST(many_names_do_not_disturb_each_other)
{
	struct key_cache *cache = key_cache_new(5000);
	char name[16];

	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "name%u", i);
		learn(cache, name, (uint8_t)i, 100);
	}
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(name, sizeof name, "name%u", i);
		ck_assert_uint_eq(key_cache_find(cache, name, 0)->key[0], (uint8_t)i);
	}
	key_cache_free(cache);
	key_cache_free(NULL);
}
END_TEST

SUITE("key_cache", a_name_is_asked_for_once_at_a_time, a_key_lives_as_long_as_the_back_end_says,
      nothing_but_a_key_is_remembered, the_key_used_least_recently_goes_first,
      many_names_do_not_disturb_each_other)
