#include "base64.h"

#include "suite.h"

static bool decodes(const char *text, const char *expected)
{
	uint8_t out[64];
	size_t len;

	return base64_decode(spore_cstr(text), out, sizeof out, &len) && len == strlen(expected) &&
	       memcmp(out, expected, len) == 0;
}

/* The examples of RFC 4648, 10. */
START_TEST(vectors)
{
	ck_assert(decodes("", ""));
	ck_assert(decodes("Zg==", "f"));
	ck_assert(decodes("Zm8=", "fo"));
	ck_assert(decodes("Zm9v", "foo"));
	ck_assert(decodes("Zm9vYg==", "foob"));
	ck_assert(decodes("Zm9vYmE=", "fooba"));
	ck_assert(decodes("Zm9vYmFy", "foobar"));
	ck_assert(decodes("+/+/", "\xFB\xFF\xBF"));
}
END_TEST

START_TEST(only_what_an_encoder_writes)
{
	static const char *const wrong[] = { "Z",    "Zg",   "Zg=",      "Zh==",  "Zm9=",
		                             "Z===", "====", "Zg==Zg==", "-_-_",  "Zm9v\n",
		                             "Zm 9", "=Zm9", "Zm9vYg=A", "Zm9vY", "Zg==\n" };
	uint8_t out[64];
	size_t len;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(!base64_decode(spore_cstr(wrong[i]), out, sizeof out, &len), "%s",
		              wrong[i]);
	ck_assert(!base64_decode(spore_cstr("Zm9v"), out, 2, &len));
	ck_assert(base64_decode(spore_cstr("Zm9v"), out, 3, &len));
}
END_TEST

START_TEST(the_alphabet_for_urls)
{
	uint8_t bytes[10], back[10];
	char text[BASE64URL_SIZE(sizeof bytes) + 1] = "";

	for (size_t len = 0; len <= sizeof bytes; len++) {
		memset(bytes, 0xFF - (int)len, sizeof bytes);
		base64url_encode(bytes, len, text);
		ck_assert(base64url_decode((spore_str){ text, BASE64URL_SIZE(len) }, back, len));
		ck_assert_mem_eq(bytes, back, len);
	}
	base64url_encode((const uint8_t *)"\xFB\xFF\xBF", 3, text);
	ck_assert_mem_eq(text, "-_-_", 4);
	ck_assert(!base64url_decode(spore_cstr("+/+/"), back, 3));
	ck_assert(!base64url_decode(spore_cstr("Zg=="), back, 1));
	ck_assert(!base64url_decode(spore_cstr("Zh"), back, 1));
	ck_assert(base64url_decode(spore_cstr("Zg"), back, 1));
	ck_assert(!base64url_decode(spore_cstr("Zg"), back, 2));
}
END_TEST

SUITE("base64", vectors, only_what_an_encoder_writes, the_alphabet_for_urls)
