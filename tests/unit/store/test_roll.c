#include "roll.h"

#include "host/host.h"
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
	rules.host = host_table();
	evidence_init(&evidence, &rules, &rq);
	return roll_find(roll, &evidence, &rules, out);
}

START_TEST(every_key_is_tried)
{
	struct roll *roll = roll_new(2);
	struct record a = record_of(1), b = record_of(2), none = { .has = RECORD_HAS_HASH };
	struct roll_entry entry;

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

SUITE("roll", every_key_is_tried)
