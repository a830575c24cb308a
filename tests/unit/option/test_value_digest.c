#include "option/value_digest.h"

#include "scene/value_scene.h"
#include "suite.h"

#define HEX "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"

START_TEST(a_digest_is_read_and_written)
{
	const spore_option row = row_of(SPORE_OPT_SHA256, 1, 0);
	char text[VALUE_SHA256_SIZE];
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, &row, "\"sha256:" HEX "\"", &value), "");
	ck_assert_uint_eq(value.digest.bytes[0], 0x00);
	ck_assert_uint_eq(value.digest.bytes[15], 0xFF);
	ck_assert_uint_eq(value.digest.bytes[16], 0xFF);
	ck_assert_uint_eq(value.digest.bytes[30], 0x11);
	ck_assert_str_eq(value_format_sha256(&value.digest, text),
	                 "sha256:00112233445566778899aabbccddeeffffeeddccbbaa99887766554433221100");
	option_scene_close(&scene);
}
END_TEST

START_TEST(other_texts_are_no_digest)
{
	static const char *const bad[] = {
		"\"\"",
		"\"" HEX "\"",
		"\"sha256:" HEX "0\"",
		"\"sha1:" HEX "\"",
		("\"sha256:0g112233445566778899aabbccddeeffFFEEDDCCBBAA9988"
		 "7766554433221100\""),
		"5",
		"[]"
	};
	const spore_option row = row_of(SPORE_OPT_SHA256, 1, 0);

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct option_scene scene;
		union value value;

		ck_assert(starts_with(read_value(&scene, &row, bad[i], &value),
		                      "expected \"sha256:\" and 64 hex digits, found "));
		option_scene_close(&scene);
	}
}
END_TEST

SUITE("value_digest", a_digest_is_read_and_written, other_texts_are_no_digest)
