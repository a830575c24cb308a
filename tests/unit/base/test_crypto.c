#include "base/crypto.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "refuse.h"
#include "suite.h"

static const char *digest_of(const void *bytes, size_t len, char hex[65])
{
	uint8_t digest[CRYPTO_SHA256_SIZE];

	ck_assert(crypto_sha256(bytes, len, digest));
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return hex;
}

/* The examples of FIPS 180-4. */
START_TEST(sha256_vectors)
{
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	char hex[65], *million = malloc(1000000);

	ck_assert_str_eq(digest_of("", 0, hex),
	                 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	ck_assert_str_eq(digest_of("abc", 3, hex),
	                 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	ck_assert_str_eq(digest_of(two_blocks, strlen(two_blocks), hex),
	                 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	ck_assert_ptr_nonnull(million);
	memset(million, 'a', 1000000);
	ck_assert_str_eq(digest_of(million, 1000000, hex),
	                 "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}
END_TEST

/* The test cases 1, 2, 3 and 6 of RFC 4231. */
START_TEST(hmac_vectors)
{
	static uint8_t key[131], data[50];
	static const char text6[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	const struct {
		uint8_t key_byte, key_len;
		const char *key, *text;
		const char *mac;
	} rows[] = {
		{ 0x0b, 20, NULL, "Hi There",
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ 0, 4, "Jefe", "what do ya want for nothing?",
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ 0xaa, 20, NULL, NULL,
		  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
		{ 0xaa, 131, NULL, text6,
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	};

	memset(data, 0xdd, sizeof data);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const void *text = rows[i].text ? (const void *)rows[i].text : data;
		uint8_t mac[CRYPTO_SHA256_SIZE];
		char hex[65];

		memset(key, rows[i].key_byte, sizeof key);
		ck_assert(crypto_hmac_sha256(
			rows[i].key ? (const void *)rows[i].key : key, rows[i].key_len, text,
			rows[i].text ? strlen(rows[i].text) : sizeof data, mac));
		for (size_t k = 0; k < sizeof mac; k++)
			snprintf(hex + 2 * k, 3, "%02x", mac[k]);
		ck_assert_str_eq(hex, rows[i].mac);
	}
}
END_TEST

START_TEST(hmac_of_nothing)
{
	uint8_t mac[CRYPTO_SHA256_SIZE], again[CRYPTO_SHA256_SIZE];

	ck_assert(crypto_hmac_sha256("", 0, "", 0, mac));
	ck_assert(crypto_hmac_sha256(NULL, 0, NULL, 0, again));
	ck_assert_mem_eq(mac, again, sizeof mac);
	ck_assert_uint_eq(mac[0], 0xb6);
	ck_assert(!crypto_hmac_sha256("x", SIZE_MAX, "", 0, mac));
}
END_TEST

START_TEST(equal_bytes_are_equal)
{
	ck_assert(crypto_equal("abc", "abd", 2));
	ck_assert(!crypto_equal("abc", "abd", 3));
	ck_assert(crypto_equal(NULL, NULL, 0));
}
END_TEST

START_TEST(random_bytes_differ)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	ck_assert(crypto_random(a, sizeof a));
	ck_assert(crypto_random(b, sizeof b));
	ck_assert_mem_ne(a, b, sizeof a);
	ck_assert(crypto_random(a, 0));
	ck_assert(!crypto_random(a, SIZE_MAX));
}
END_TEST

START_TEST(wipe_zeroes_what_it_is_given)
{
	char text[] = "secret, kept";

	crypto_wipe(text, 6);
	ck_assert_mem_eq(text, "\0\0\0\0\0\0, kept", 13);
	crypto_wipe(NULL, 0);
}
END_TEST

START_TEST(a_refused_getrandom_is_named)
{
	struct err err;

	ck_assert(refuse_call(SYS_getrandom, EPERM));
	/* OpenSSL may have been built to use the files of /dev instead. */
	if (crypto_has_random(&err))
		return;
	ck_assert_str_eq(err.text, "no random numbers: getrandom: Operation not permitted (does a "
	                           "sandbox refuse this system call?)");
}
END_TEST

START_TEST(random_bytes_are_there)
{
	struct err err;

	ck_assert(crypto_has_random(&err));
}
END_TEST

/* The examples of RFC 4648, 10. */
START_TEST(base64_vectors)
{
	static const char *const rows[][2] = { { "", "" },
		                               { "f", "Zg==" },
		                               { "fo", "Zm8=" },
		                               { "foo", "Zm9v" },
		                               { "foob", "Zm9vYg==" } };
	char text[CRYPTO_BASE64_SIZE(4)];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		crypto_base64(rows[i][0], strlen(rows[i][0]), text);
		ck_assert_str_eq(text, rows[i][1]);
	}
}
END_TEST

START_TEST(pairs_differ)
{
	struct crypto_pair first, second;

	ck_assert(crypto_ed25519(&first));
	ck_assert(crypto_ed25519(&second));
	ck_assert_int_ne(memcmp(first.public_half, second.public_half, CRYPTO_ED25519_SIZE), 0);
	ck_assert_str_ne(first.private_pem, second.private_pem);
	ck_assert_ptr_nonnull(strstr(first.private_pem, "-----END PRIVATE KEY-----\n"));
}
END_TEST

SUITE("crypto", sha256_vectors, hmac_vectors, hmac_of_nothing, equal_bytes_are_equal,
      random_bytes_differ, random_bytes_are_there, a_refused_getrandom_is_named,
      wipe_zeroes_what_it_is_given, base64_vectors, pairs_differ)
