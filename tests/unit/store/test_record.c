#include "record.h"

#include "services/host.h"
#include "suite.h"

#define SECRET_KEY "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b" /* "secret" */
#define PUBKEY                                                                                     \
	"ssh-ed25519 "                                                                             \
	"AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice at work"
#define HASH "$2y$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde"

static struct record record;

/* NULL: it is good. */
static const char *set(const char *field, const char *value)
{
	return record_set(&record, host_table(), spore_cstr(field), spore_cstr(value));
}

START_TEST(a_secret_or_its_digest)
{
	uint8_t key[RECORD_KEY_SIZE];

	ck_assert_ptr_null(set("secret", "secret"));
	ck_assert_ptr_null(record_fault(&record));
	ck_assert_uint_eq(record.has, RECORD_HAS_KEY);
	memcpy(key, record.key, sizeof key);
	record_fini(&record);
	ck_assert_ptr_null(set("key", SECRET_KEY));
	ck_assert_mem_eq(record.key, key, sizeof key);
	ck_assert_ptr_null(set("secret", "secret")); /* they fit */
	record_fini(&record);
	ck_assert_ptr_null(set("secret", "other"));
	ck_assert_ptr_nonnull(set("key", SECRET_KEY));
}
END_TEST

START_TEST(a_public_key_with_its_owner)
{
	ck_assert_ptr_null(set("pubkey", PUBKEY));
	ck_assert_uint_eq(record.has, RECORD_HAS_PUBKEY);
	ck_assert_str_eq(record.key_owner, "alice at work");
	ck_assert_uint_gt(record.pubkey_len, 32);
	record_fini(&record);
	ck_assert_ptr_null(set("pubkey", "identity=\"bob\" " PUBKEY));
	ck_assert_str_eq(record.key_owner, "bob");
	record_fini(&record);
	ck_assert_ptr_nonnull(set("pubkey", "max-tunnels=\"1\" " PUBKEY));
	record_fini(&record);
	ck_assert_ptr_nonnull(set("pubkey", "expiry-time=\"20301231\" " PUBKEY));
	record_fini(&record);
	ck_assert_ptr_nonnull(set("pubkey", PUBKEY "\n" PUBKEY));
	record_fini(&record);
	ck_assert_ptr_nonnull(set("pubkey", "# nothing"));
	record_fini(&record);
	ck_assert_ptr_nonnull(set("pubkey", "ssh-ed25519 AAAA alice"));
}
END_TEST

START_TEST(a_hash_and_limits)
{
	ck_assert_ptr_null(set("password_hash", HASH));
	ck_assert_ptr_null(set("ports", "20000-20099,20500"));
	ck_assert_ptr_null(set("max_tunnels", "5"));
	ck_assert_ptr_null(set("max_conns", "0"));
	ck_assert_ptr_null(set("life", "1.5h"));
	ck_assert_ptr_null(record_fault(&record));
	ck_assert_str_eq(record.hash, HASH);
	ck_assert_uint_eq(record.terms.n_ports, 2);
	ck_assert_int_eq(record.terms.policy.life, 5400000);
	ck_assert_uint_eq(record.terms.policy.stated,
	                  SPORE_AUTH_F_PORTS | SPORE_AUTH_F_MAX_TUNNELS | SPORE_AUTH_F_MAX_CONNS |
	                          SPORE_AUTH_F_LIFE);
}
END_TEST

START_TEST(what_is_not_understood_is_wrong)
{
	static const struct {
		const char *field, *value;
	} rows[] = {
		{ "secrets", "x" },       { "", "x" },
		{ "Secret", "x" },        { "secret", "" },
		{ "key", "12" },          { "key", SECRET_KEY "0" },
		{ "password_hash", "x" }, { "password_hash", "" },
		{ "ports", "0" },         { "max_tunnels", "" },
		{ "life", "soon" },       { "pubkey", "" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_ptr_nonnull(set(rows[i].field, rows[i].value));
		record_fini(&record);
	}
	ck_assert_ptr_null(set("ports", ""));
	ck_assert_ptr_nonnull(record_fault(&record)); /* nothing proves anything */
	ck_assert_ptr_null(set("secret", "x"));
	ck_assert_ptr_nonnull(set("secret", "x"));
	ck_assert_ptr_nonnull(
		record_set(&record, host_table(), spore_cstr("life"), (spore_str){ "1\0s", 3 }));
}
END_TEST

SUITE("record", a_secret_or_its_digest, a_public_key_with_its_owner, a_hash_and_limits,
      what_is_not_understood_is_wrong)
