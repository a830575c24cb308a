#include "../../plugins/common/bore_key.h"

#include <openssl/hmac.h>
#include <string.h>

#include "suite.h"

static const uint8_t challenge[16] = { [6] = 0x40, [8] = 0x80 };

static void check_tag(const char *secret, size_t len, const void *message, size_t n,
                      const char *expected)
{
	EVP_MD_CTX *scratch = EVP_MD_CTX_new();
	uint8_t tag[BORE_TAG_SIZE];
	char hex[BORE_HEX_SIZE + 1] = "";
	struct bore_key key;

	ck_assert(bore_key_init(&key, (spore_str){ secret, len }));
	for (int again = 0; again < 2; again++) {
		ck_assert(bore_key_tag(&key, scratch, message, n, tag));
		bore_tag_print(tag, hex);
		ck_assert_str_eq(hex, expected);
	}
	bore_key_fini(&key);
	EVP_MD_CTX_free(scratch);
}

START_TEST(bores_own_answer)
{
	check_tag("s3cret", 6, challenge, 16,
	          "c382894757a01aee49b8d2939502fde8056a7131fc392a344c036025880f8586");
}
END_TEST

/* Secrets and messages of many lengths, against OpenSSL's own HMAC. */
START_TEST(as_hmac_has_it)
{
	char text[300], expected[BORE_HEX_SIZE + 1] = "";
	uint8_t digest[32], tag[BORE_TAG_SIZE];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * 7);
	for (size_t len = 1; len <= sizeof text; len += 13) {
		ck_assert_int_eq(EVP_Digest(text, len, digest, NULL, EVP_sha256(), NULL), 1);
		ck_assert_ptr_nonnull(
			HMAC(EVP_sha256(), digest, 32, (const uint8_t *)text, len / 2, tag, NULL));
		bore_tag_print(tag, expected);
		check_tag(text, len, text, len / 2, expected);
	}
}
END_TEST

START_TEST(a_tag_in_hex_comes_back)
{
	uint8_t tag[BORE_TAG_SIZE], back[BORE_TAG_SIZE];
	char hex[BORE_HEX_SIZE];

	for (int i = 0; i < BORE_TAG_SIZE; i++)
		tag[i] = (uint8_t)(i * 9);
	bore_tag_print(tag, hex);
	ck_assert(bore_tag_parse((spore_str){ hex, sizeof hex }, back));
	ck_assert_mem_eq(tag, back, sizeof tag);
	for (int i = 0; i < BORE_HEX_SIZE; i++)
		hex[i] = (char)(hex[i] >= 'a' ? hex[i] - 32 : hex[i]);
	ck_assert(bore_tag_parse((spore_str){ hex, sizeof hex }, back));
	ck_assert_mem_eq(tag, back, sizeof tag);
}
END_TEST

START_TEST(what_is_no_tag)
{
	static const char bad[] = "/:@G`g \xff";
	uint8_t tag[BORE_TAG_SIZE];
	char hex[BORE_HEX_SIZE + 1];

	memset(hex, '0', sizeof hex);
	ck_assert(!bore_tag_parse((spore_str){ hex, 0 }, tag));
	ck_assert(!bore_tag_parse((spore_str){ hex, BORE_HEX_SIZE - 1 }, tag));
	ck_assert(!bore_tag_parse((spore_str){ hex, BORE_HEX_SIZE + 1 }, tag));
	for (const char *c = bad; *c; c++) {
		hex[BORE_HEX_SIZE - 1] = *c;
		ck_assert_msg(!bore_tag_parse((spore_str){ hex, BORE_HEX_SIZE }, tag), "%02x",
		              *c & 0xff);
	}
}
END_TEST

START_TEST(none_may_be_released)
{
	struct bore_key key = { 0 };

	bore_key_fini(&key);
	ck_assert_ptr_null(key.inner);
}
END_TEST

SUITE("bore_key", bores_own_answer, as_hmac_has_it, a_tag_in_hex_comes_back, what_is_no_tag,
      none_may_be_released)
