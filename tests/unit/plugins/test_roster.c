#include "roster.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static const uint8_t challenge[16] = "0123456789abcde";
static struct roster roster;
static struct binding_message message;
static EVP_MD_CTX *scratch;

static void add(const char *name, const char *secret)
{
	ck_assert_ptr_nonnull(roster_add(&roster, spore_cstr(name), spore_cstr(secret)));
}

static void set_up(void)
{
	roster = (struct roster){ 0 };
	scratch = EVP_MD_CTX_new();
	ck_assert(binding_message_init(&message, challenge, (spore_str){ NULL, 0 }));
}

static void tear_down(void)
{
	roster_fini(&roster);
	ck_assert_uint_eq(roster.n, 0);
	ck_assert_ptr_null(roster.members);
	EVP_MD_CTX_free(scratch);
}

/* The tag that whoever has this secret gives. */
static void make_tag(const char *secret, uint8_t tag_out[BORE_TAG_SIZE])
{
	struct bore_key key;

	ck_assert(bore_key_init(&key, spore_cstr(secret)));
	ck_assert(bore_key_tag(&key, scratch, message.bytes, message.len, tag_out));
	bore_key_fini(&key);
}

START_TEST(names)
{
	char name[ROSTER_NAME_MAX + 2];

	memset(name, 'n', sizeof name - 1);
	name[ROSTER_NAME_MAX + 1] = '\0';
	ck_assert(!roster_name_is_good(spore_cstr(name)));
	name[ROSTER_NAME_MAX] = '\0';
	ck_assert(roster_name_is_good(spore_cstr(name)));
	ck_assert(roster_name_is_good(spore_cstr("Alice.b_c@d+e-9")));
	ck_assert(!roster_name_is_good(spore_cstr("")));
	ck_assert(!roster_name_is_good(spore_cstr("a b")));
	ck_assert(!roster_name_is_good(spore_cstr("a:b")));
	ck_assert(!roster_name_is_good(spore_cstr("\xC3\xA4")));
	ck_assert(!roster_name_is_good((spore_str){ "a\0b", 3 }));
}
END_TEST

START_TEST(a_tag_is_its_owners)
{
	const struct member *member = NULL;
	uint8_t tag[BORE_TAG_SIZE];

	set_up();
	add("alice", "one");
	add("bob", "two");
	add("carol", "three");
	make_tag("two", tag);
	ck_assert_int_eq(roster_find(&roster, scratch, &message, tag, &member), ROSTER_FOUND);
	ck_assert_str_eq(member->name, "bob");
	make_tag("one", tag);
	ck_assert_int_eq(roster_find(&roster, scratch, &message, tag, &member), ROSTER_FOUND);
	ck_assert_str_eq(member->name, "alice");
	tear_down();
}
END_TEST

START_TEST(an_unknown_tag_is_nobodys)
{
	const struct member *member;
	uint8_t tag[BORE_TAG_SIZE];

	set_up();
	make_tag("one", tag);
	ck_assert_int_eq(roster_find(&roster, scratch, &message, tag, &member), ROSTER_UNKNOWN);
	add("alice", "one");
	tag[BORE_TAG_SIZE - 1] ^= 1;
	ck_assert_int_eq(roster_find(&roster, scratch, &message, tag, &member), ROSTER_UNKNOWN);
	tear_down();
}
END_TEST

START_TEST(a_tag_is_of_one_message)
{
	const struct member *member;
	uint8_t tag[BORE_TAG_SIZE];

	set_up();
	add("alice", "one");
	make_tag("one", tag);
	ck_assert(binding_message_init(&message, challenge, spore_cstr("session")));
	ck_assert_int_eq(roster_find(&roster, scratch, &message, tag, &member), ROSTER_UNKNOWN);
	tear_down();
}
END_TEST

START_TEST(a_tag_is_checked_against_one_member)
{
	uint8_t tag[BORE_TAG_SIZE];

	set_up();
	add("alice", "one");
	add("bob", "two");
	make_tag("two", tag);
	ck_assert_int_eq(roster_check(&roster.members[0], scratch, &message, tag), ROSTER_UNKNOWN);
	ck_assert_int_eq(roster_check(&roster.members[1], scratch, &message, tag), ROSTER_FOUND);
	tear_down();
}
END_TEST

START_TEST(a_tag_is_checked_against_one_name)
{
	const struct member *member = NULL;
	uint8_t tag[BORE_TAG_SIZE];

	set_up();
	make_tag("b-secret", tag);
	ck_assert_int_eq(roster_check_name(&roster, "bob", scratch, &message, tag, &member),
	                 ROSTER_UNKNOWN);
	add("alice", "a-secret");
	add("bob", "b-secret");
	ck_assert_int_eq(roster_check_name(&roster, "bob", scratch, &message, tag, &member),
	                 ROSTER_FOUND);
	ck_assert_str_eq(member->name, "bob");
	ck_assert_int_eq(roster_check_name(&roster, "alice", scratch, &message, tag, &member),
	                 ROSTER_UNKNOWN);
	make_tag("a-secret", tag);
	ck_assert_int_eq(roster_check_name(&roster, "carol", scratch, &message, tag, &member),
	                 ROSTER_UNKNOWN);
	ck_assert_int_eq(roster_check_name(&roster, "alic", scratch, &message, tag, &member),
	                 ROSTER_UNKNOWN);
	ck_assert(roster_has(&roster, "bob") && !roster_has(&roster, "alic"));
	tear_down();
}
END_TEST

START_TEST(it_grows)
{
	const struct member *member;
	uint8_t tag[BORE_TAG_SIZE];

	set_up();
	for (int i = 0; i < 100; i++) {
		char name[16], secret[16];

		snprintf(name, sizeof name, "name%d", i);
		snprintf(secret, sizeof secret, "secret%d", i);
		add(name, secret);
	}
	ck_assert_uint_eq(roster.n, 100);
	make_tag("secret73", tag);
	ck_assert_int_eq(roster_find(&roster, scratch, &message, tag, &member), ROSTER_FOUND);
	ck_assert_str_eq(member->name, "name73");
	ck_assert_uint_eq(member->line, 0);
	tear_down();
}
END_TEST

SUITE("roster", names, a_tag_is_its_owners, an_unknown_tag_is_nobodys, a_tag_is_of_one_message,
      a_tag_is_checked_against_one_member, a_tag_is_checked_against_one_name, it_grows)
