#include "evidence.h"

#include "named.h"
#include "services/host.h"
#include "suite.h"

static const uint8_t key[RECORD_KEY_SIZE] = { 1, 2, 3 };
static struct evidence_rules rules = { .password_key = { 9 } };

/* An answer to the challenge of zeros, with this key. */
static spore_str answer_of(const char *name)
{
	static char text[SPORE_AUTH_ANSWER_MAX];
	struct binding_message message;
	uint8_t tag[BORE_TAG_SIZE], challenge[16] = { 0 };
	size_t n = *name ? named_size(spore_cstr(name)) : 0;

	binding_message_init(&message, challenge, (spore_str){ NULL, 0 });
	host_table()->hmac_sha256(key, sizeof key, message.bytes, message.len, tag);
	if (n)
		named_write(spore_cstr(name), text);
	bore_tag_print(tag, text + n);
	return (spore_str){ text, n + BORE_HEX_SIZE };
}

static struct evidence evidence_of(spore_str answer, bool is_secure)
{
	spore_auth_request rq = { .struct_size = sizeof rq, .answer = answer, .secure = is_secure };
	struct evidence evidence;

	rules.host = host_table();
	evidence_init(&evidence, &rules, &rq);
	return evidence;
}

START_TEST(an_hmac_fits_its_key_only)
{
	struct evidence evidence = evidence_of(answer_of("a b"), false);
	struct record record = { .has = RECORD_HAS_KEY };
	struct credential credential;

	ck_assert_int_eq(evidence.form, EVIDENCE_HMAC);
	ck_assert_str_eq(evidence.name, "a b");
	credential = evidence_credential(EVIDENCE_HMAC, &record);
	ck_assert_int_eq(evidence_fits(&evidence, &rules, &credential), EVIDENCE_WRONG);
	memcpy(record.key, key, sizeof key);
	credential = evidence_credential(EVIDENCE_HMAC, &record);
	ck_assert_int_eq(evidence_fits(&evidence, &rules, &credential), EVIDENCE_RIGHT);
	credential = evidence_credential(EVIDENCE_SIGNATURE, &record);
	ck_assert_int_eq(credential.form, EVIDENCE_NONE);
	ck_assert_int_eq(evidence_fits(&evidence, &rules, &credential), EVIDENCE_WRONG);
}
END_TEST

START_TEST(a_password_fits_its_seal_only)
{
	struct evidence evidence = evidence_of(spore_cstr("p1=alice:right"), true);
	struct evidence other = evidence_of(spore_cstr("p1=alice:wrong"), true);
	struct evidence namesake = evidence_of(spore_cstr("p1=bob:right"), true);
	struct evidence open = evidence_of(spore_cstr("p1=alice:right"), false);
	struct credential seal = evidence_seal(&evidence, &rules);

	ck_assert_int_eq(evidence.form, EVIDENCE_PASSWORD);
	ck_assert_ptr_null(evidence.obstacle);
	ck_assert_int_eq(evidence_fits(&evidence, &rules, &seal), EVIDENCE_RIGHT);
	ck_assert_int_eq(evidence_fits(&other, &rules, &seal), EVIDENCE_WRONG);
	ck_assert_int_eq(evidence_fits(&namesake, &rules, &seal), EVIDENCE_WRONG);
	ck_assert_ptr_nonnull(open.obstacle);
	ck_assert_int_eq(evidence_fits(&open, &rules, &seal), EVIDENCE_WRONG);
	seal.form = EVIDENCE_HMAC; /* an HMAC of a password is not a key */
	ck_assert_int_eq(evidence_fits(&evidence, &rules, &seal), EVIDENCE_WRONG);
}
END_TEST

START_TEST(names_that_cannot_be_identities_are_refused)
{
	static const char *const names[] = { "a\nb", "\x7F", "\xFF", "\xC2\x80" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		ck_assert_int_eq(evidence_of(answer_of(names[i]), false).form, EVIDENCE_NONE);
	ck_assert_int_eq(evidence_of(answer_of(""), false).form, EVIDENCE_HMAC);
	ck_assert_int_eq(evidence_of(answer_of("\xF0\x9F\xA6\x80"), false).form, EVIDENCE_HMAC);
	ck_assert_int_eq(evidence_of(spore_cstr("anything"), false).form, EVIDENCE_NONE);
	ck_assert_int_eq(evidence_of((spore_str){ NULL, 0 }, false).form, EVIDENCE_NONE);
}
END_TEST

SUITE("evidence", an_hmac_fits_its_key_only, a_password_fits_its_seal_only,
      names_that_cannot_be_identities_are_refused)
