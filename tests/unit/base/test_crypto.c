#include "base/crypto.h"

#include <stdio.h>
#include <string.h>

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

SUITE("crypto", sha256_vectors, random_bytes_differ, wipe_zeroes_what_it_is_given)
