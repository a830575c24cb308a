#include "key.h"

#include <openssl/ec.h>

#include "base64.h"
#include "suite.h"

/* Made by ssh-keygen 9.2, which printed the fingerprints. */
static const struct {
	const char *type, *base64, *fingerprint;
} known[] = {
	{ KEY_TYPE_ED25519,
	  "AAAAC3NzaC1lZDI1NTE5AAAAIBeCYpJZ74iG9uf6q+aZGCZ3yzQEo8r1Sczp6cuq"
	  "VBSb",
	  "SHA256:3ZvIfUN+YSenEPAtg/4VQqsEzjBI7Q8ldv9rfXDWZ9M" },
	{ KEY_TYPE_P256,
	  "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBNgFxd40nsG7"
	  "sGQyIFXYKUl4lpGJ9sjphOPuNt3x5izcfuys03E9zERDNVt9nx8Yi1x38gh/RdLU"
	  "dYi+lCOhvsc=",
	  "SHA256:pwXtfiSNFIiWksCiP3IV5S55MFPaR5mcE6jXD/l6/Hs" },
};

static size_t blob_of(const char *base64, uint8_t blob[KEY_BLOB_MAX])
{
	size_t len;

	ck_assert(base64_decode(spore_cstr(base64), blob, KEY_BLOB_MAX, &len));
	return len;
}

START_TEST(fingerprints_are_those_of_ssh_keygen)
{
	for (size_t i = 0; i < 2; i++) {
		uint8_t blob[KEY_BLOB_MAX];
		size_t len = blob_of(known[i].base64, blob);
		char text[KEY_FINGERPRINT_TEXT];
		struct key key;

		ck_assert(key_from_blob(&key, spore_cstr(known[i].type), blob, len));
		key_print_fingerprint(key.fingerprint, text);
		ck_assert_str_eq(text, known[i].fingerprint);
		key_fini(&key);
	}
}
END_TEST

START_TEST(other_bytes_are_no_key)
{
	struct key key;

	for (size_t i = 0; i < 2; i++) {
		uint8_t blob[KEY_BLOB_MAX] = { 0 };
		size_t len = blob_of(known[i].base64, blob);
		spore_str type = spore_cstr(known[i].type);

		for (size_t n = 0; n < len; n++)
			ck_assert(!key_from_blob(&key, type, blob, n));
		ck_assert(!key_from_blob(&key, type, blob, len + 1));
		ck_assert(!key_from_blob(&key, spore_cstr(known[1 - i].type), blob, len));
		ck_assert(!key_from_blob(&key, spore_cstr("ssh-rsa"), blob, len));
		blob[5] ^= 1;
		ck_assert(!key_from_blob(&key, type, blob, len));
	}
}
END_TEST

/* It would make OpenSSL's arithmetic meaningless. */
START_TEST(a_point_beside_the_curve_is_no_key)
{
	uint8_t blob[KEY_BLOB_MAX];
	size_t len = blob_of(known[1].base64, blob);
	struct key key;

	blob[len - 1] ^= 1;
	ck_assert(!key_from_blob(&key, spore_cstr(KEY_TYPE_P256), blob, len));
}
END_TEST

static void check_signatures(EVP_PKEY *pair)
{
	uint8_t signature[KEY_SIGNATURE_SIZE];
	struct key key;

	ck_assert_ptr_nonnull(pair);
	ck_assert(key_take(&key, pair));
	for (int i = 0; i < 50; i++) { /* r and s of ECDSA may begin with zeros */
		ck_assert(key_sign(&key, &i, sizeof i, signature));
		ck_assert_int_eq(key_verify(&key, &i, sizeof i, signature), 1);
	}
	ck_assert_int_eq(key_verify(&key, "other", 5, signature), 0);
	for (size_t i = 0; i < sizeof signature; i += 7) {
		signature[i] ^= 1;
		ck_assert_int_eq(key_verify(&key, &(int){ 49 }, sizeof(int), signature), 0);
		signature[i] ^= 1;
	}
	memset(signature, 0, sizeof signature);
	ck_assert_int_eq(key_verify(&key, "other", 5, signature), 0);
	memset(signature, 0xFF, sizeof signature);
	ck_assert_int_eq(key_verify(&key, "other", 5, signature), 0);
	key_fini(&key);
}

START_TEST(signatures)
{
	check_signatures(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	check_signatures(EVP_EC_gen("P-256"));
}
END_TEST

START_TEST(other_types_are_not_taken)
{
	EVP_PKEY *others[] = { EVP_EC_gen("P-384"), EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
		               EVP_PKEY_Q_keygen(NULL, NULL, "ED448") };
	struct key key;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		ck_assert_ptr_nonnull(others[i]);
		ck_assert(!key_take(&key, others[i]));
		EVP_PKEY_free(others[i]);
	}
}
END_TEST

SUITE("key", fingerprints_are_those_of_ssh_keygen, other_bytes_are_no_key,
      a_point_beside_the_curve_is_no_key, signatures, other_types_are_not_taken)
