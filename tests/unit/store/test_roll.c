#include "roll.h"

#include <pthread.h>
#include <stdatomic.h>

#include "services/host.h"
#include "suite.h"

static struct evidence_rules rules;

static struct record record_of(uint8_t first)
{
	return (struct record){ .has = RECORD_HAS_KEY, .key = { first } };
}

/* Looks for the answer with this key, without a name. */
static enum roll_says find(struct roll *roll, uint8_t first, struct roll_entry *out)
{
	spore_auth_request rq = { .struct_size = sizeof rq };
	struct record record = record_of(first);
	struct evidence evidence;
	uint8_t tag[BORE_TAG_SIZE];
	char hex[BORE_HEX_SIZE];

	host_table()->hmac_sha256(record.key, sizeof record.key, rq.challenge, sizeof rq.challenge,
	                          tag);
	bore_tag_print(tag, hex);
	rq.answer = (spore_str){ hex, sizeof hex };
	evidence_init(&evidence, &rules, &rq);
	return roll_find(roll, &evidence, &rules, out);
}

START_TEST(every_key_is_tried)
{
	struct roll *roll = roll_new(2);
	struct record a = record_of(1), b = record_of(2), none = { .has = RECORD_HAS_HASH };
	struct roll_entry entry;

	rules.host = host_table();
	ck_assert(roll_put(roll, "alice", &a) && roll_put(roll, "bob", &b));
	ck_assert_int_eq(find(roll, 1, &entry), ROLL_NOT_CURRENT);
	roll_set_current(roll, true);
	ck_assert_int_eq(find(roll, 2, &entry), ROLL_RIGHT);
	ck_assert_str_eq(entry.name, "bob");
	ck_assert_int_eq(find(roll, 3, &entry), ROLL_WRONG);
	ck_assert(!roll_put(roll, "carol", &b)); /* full */
	ck_assert(roll_put(roll, "bob", &none)); /* has no key any more */
	ck_assert_int_eq(find(roll, 2, &entry), ROLL_WRONG);
	ck_assert_uint_eq(roll_count(roll), 1);
	ck_assert(roll_put(roll, "alice", &b)); /* another key */
	ck_assert_int_eq(find(roll, 1, &entry), ROLL_WRONG);
	ck_assert_int_eq(find(roll, 2, &entry), ROLL_RIGHT);
	ck_assert(roll_put(roll, "alice", NULL) && roll_put(roll, "nobody", NULL));
	ck_assert_uint_eq(roll_count(roll), 0);
	roll_free(roll);
	roll_free(NULL);
}
END_TEST

enum { READERS = 4, KEYS = 1000, CHANGES = 20 };

static atomic_bool is_over;
static atomic_uint n_found;

static void *read_all_the_time(void *arg)
{
	struct roll_entry entry;

	while (!atomic_load(&is_over)) {
		ck_assert_int_eq(find(arg, 0xFF, &entry), ROLL_WRONG);
		atomic_fetch_add(&n_found, 1);
	}
	return NULL;
}

/* Changes get their turn between readers, of whom there is always one. */
START_TEST(readers_do_not_keep_a_change_out)
{
	struct roll *roll = roll_new(KEYS);
	pthread_t readers[READERS];
	unsigned found;

	rules.host = host_table();
	for (int i = 0; i < KEYS; i++) {
		struct record record = record_of((uint8_t)(i % 0xFF));
		char name[16];

		snprintf(name, sizeof name, "c%d", i);
		ck_assert(roll_put(roll, name, &record));
	}
	roll_set_current(roll, true);
	for (int i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, read_all_the_time, roll), 0);
	while (atomic_load(&n_found) < READERS)
		;
	found = atomic_load(&n_found);
	for (int i = 0; i < CHANGES; i++)
		ck_assert(roll_put(roll, "c0", NULL));
	found = atomic_load(&n_found) - found;
	atomic_store(&is_over, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	/* A reader that is always first would find thousands of times as many. */
	ck_assert_uint_le(found, 50 * READERS * CHANGES);
	roll_free(roll);
}
END_TEST

SUITE("roll", every_key_is_tried, readers_do_not_keep_a_change_out)
