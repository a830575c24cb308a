#include "option/value_secret.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scene/value_scene.h"
#include "suite.h"

static const spore_option secret_row = {
	.name = "s", .type = SPORE_OPT_SECRET, .min = 1, .max = 0
};

static void check_secret(const char *text, const char *expected, size_t len)
{
	struct option_scene scene;
	union value value;

	ck_assert_str_eq(read_value(&scene, &secret_row, text, &value), "");
	ck_assert_uint_eq(value.secret.len, len);
	ck_assert_mem_eq(value.secret.ptr, expected, len);
	ck_assert_int_eq(value.secret.ptr[len], '\0');
	option_scene_close(&scene);
}

static const char *write_file(const char *bytes, size_t len)
{
	static char json[128], path[64];
	int fd;

	strcpy(path, "/tmp/spore-unit-secret-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	close(fd);
	snprintf(json, sizeof json, "{\"file\":\"%s\"}", path);
	return json;
}

static void remove_file(const char *json)
{
	char path[128];

	snprintf(path, sizeof path, "%s", json + strlen("{\"file\":\""));
	path[strcspn(path, "\"")] = '\0';
	unlink(path);
}

START_TEST(secrets_come_from_text_file_and_variable)
{
	static const char *const bytes[] = { "abc", "abc\n", "abc\r\n", "a\0b\n", "abc\n\n" };
	static const char *const secrets[] = { "abc", "abc", "abc", "a\0b", "abc\n" };
	static const size_t lens[][2] = { { 3, 3 }, { 4, 3 }, { 5, 3 }, { 4, 3 }, { 5, 4 } };

	check_secret("\"s3cret\"", "s3cret", 6);
	setenv("SPORE_UNIT_SECRET", "from env", 1);
	check_secret("{\"env\":\"SPORE_UNIT_SECRET\"}", "from env", 8);
	for (size_t i = 0; i < 5; i++) {
		const char *json = write_file(bytes[i], lens[i][0]);

		check_secret(json, secrets[i], lens[i][1]);
		remove_file(json);
	}
}
END_TEST

START_TEST(the_largest_secret_is_64_kib)
{
	char *big = malloc(65537);
	struct option_scene scene;
	union value value;
	const char *json;

	ck_assert_ptr_nonnull(big);
	memset(big, 's', 65537);
	json = write_file(big, 65536);
	check_secret(json, big, 65536);
	remove_file(json);
	json = write_file(big, 65537);
	ck_assert_ptr_nonnull(strstr(read_value(&scene, &secret_row, json, &value),
	                             "expected a secret of at most 64 KiB in /tmp/"));
	option_scene_close(&scene);
	remove_file(json);
	free(big);
}
END_TEST

START_TEST(bad_secrets_are_not_shown)
{
	static const char *const bad[] = { "42",
		                           "[\"hunter2\"]",
		                           "{\"flie\":\"hunter2\"}",
		                           "{\"file\":\"a\",\"env\":\"b\"}",
		                           "{}",
		                           "null",
		                           "true" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct option_scene scene;
		union value value;
		const char *message = read_value(&scene, &secret_row, bad[i], &value);

		ck_assert(starts_with(
			message,
			"expected a secret: \"text\", {\"file\": PATH} or {\"env\": NAME}, "
			"found "));
		ck_assert_ptr_null(strstr(message, "hunter2"));
		ck_assert_ptr_null(strstr(message, "42"));
		option_scene_close(&scene);
	}
	check_bad(&secret_row, "\"\"", "expected a secret, found an empty string");
	check_bad(&secret_row, "{\"file\":7}", "/file: expected a file's path, found 7");
	check_bad(&secret_row, "{\"file\":\"\"}", "/file: expected a file's path, found \"\"");
	check_bad(&secret_row, "{\"env\":[]}", "/env: expected a variable's name, found an array");
	check_bad(&secret_row, "{\"env\":\"SPORE_UNIT_UNSET\"}",
	          "/env: expected a secret in the environment variable SPORE_UNIT_UNSET, which is "
	          "not set");
	check_bad(&secret_row, "{\"file\":\"none\"}",
	          "/file: cannot open the secret file /folder/none: No such file or directory");
	check_bad(&secret_row, "{\"file\":\"/\"}",
	          "/file: cannot read the secret file /: Is a directory");
}
END_TEST

START_TEST(an_empty_file_is_no_secret)
{
	static const char *const empty[] = { "", "\n", "\r\n" };

	for (size_t i = 0; i < 3; i++) {
		const char *json = write_file(empty[i], strlen(empty[i]));
		struct option_scene scene;
		union value value;
		const char *message = read_value(&scene, &secret_row, json, &value);

		ck_assert_msg(
			starts_with(message, "/file: expected a secret in /tmp/spore-unit-secret-"),
			"%s", message);
		ck_assert_msg(strstr(message, ", found an empty file") != NULL, "%s", message);
		option_scene_close(&scene);
		remove_file(json);
	}
}
END_TEST

SUITE("value_secret", secrets_come_from_text_file_and_variable, the_largest_secret_is_64_kib,
      bad_secrets_are_not_shown, an_empty_file_is_no_secret)
