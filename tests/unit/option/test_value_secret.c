#include "option/value_secret.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scene/value_scene.h"
#include "stderr_file.h"
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
	static const char *const bytes[] = {
		"abc", "abc\n", "abc\r\n", "a\0b\n", "abc\n\n", "abc\r"
	};
	static const char *const secrets[] = { "abc", "abc", "abc", "a\0b", "abc\n", "abc\r" };
	static const size_t lens[][2] = {
		{ 3, 3 }, { 4, 3 }, { 5, 3 }, { 4, 3 }, { 5, 4 }, { 4, 4 }
	};

	check_secret("\"s3cret\"", "s3cret", 6);
	setenv("SPORE_UNIT_SECRET", "from env", 1);
	check_secret("{\"env\":\"SPORE_UNIT_SECRET\"}", "from env", 8);
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		const char *json = write_file(bytes[i], lens[i][0]);

		check_secret(json, secrets[i], lens[i][1]);
		remove_file(json);
	}
}
END_TEST

START_TEST(secrets_come_from_commands_and_credentials)
{
	const char *json = write_file("from systemd\n", 13);
	const char *path = json + strlen("{\"file\":\"");
	char credential[64];

	check_secret("{\"command\":[\"echo\",\"from a program\"]}", "from a program", 14);
	check_secret("{\"command\":[\"/bin/echo\",\"one\"]}", "one", 3);
	setenv("CREDENTIALS_DIRECTORY", "/tmp", 1);
	snprintf(credential, sizeof credential, "{\"credential\":%s", path + strlen("/tmp/") - 1);
	credential[strlen("{\"credential\":")] = '"';
	check_secret(credential, "from systemd", 12);
	remove_file(json);
}
END_TEST

START_TEST(bad_commands_and_credentials)
{
	static const char *const rows[][2] = {
		{ "{\"command\":\"echo x\"}",
		  "/command: expected a list of a program and its arguments, such as [\"pass\", "
		  "\"show\", \"x\"], found \"echo x\"" },
		{ "{\"command\":[]}",
		  "/command: expected a program and its arguments, found an empty list" },
		{ "{\"command\":[\"\"]}", "/command: expected a program and its arguments, found a "
		                          "program without a name" },
		{ "{\"command\":[\"echo\",5]}",
		  "/command/1: expected a word of the command, found 5" },
		{ "{\"command\":[\"true\"]}",
		  "/command: expected a secret from the command true, found nothing" },
		{ "{\"command\":[\"echo\"]}",
		  "/command: expected a secret from the command echo, found nothing" },
		{ "{\"command\":[\"false\"]}", "/command: expected a secret from the command "
		                               "false: false has ended with status 1" },
		{ "{\"credential\":\"\"}",
		  "/credential: expected a credential's name, found \"\"" },
		{ "{\"credential\":\"../x\"}",
		  "/credential: expected a credential's name, without a path, found \"../x\"" },
		{ "{\"credential\":\"x\"}", "/credential: CREDENTIALS_DIRECTORY is not set: "
		                            "systemd sets it for a unit that has "
		                            "LoadCredential= or LoadCredentialEncrypted=x:PATH" },
	};

	unsetenv("CREDENTIALS_DIRECTORY");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check_bad(&secret_row, rows[i][0], rows[i][1]);
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
	static const char *const bad[] = { "42", "[\"hunter2\"]", "null", "true" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct option_scene scene;
		union value value;
		const char *message = read_value(&scene, &secret_row, bad[i], &value);

		ck_assert(starts_with(message, "expected a secret: \"text\" or an object with the "
		                               "key file, env, credential or command, "
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
	check_bad(&secret_row, "{\"file\":\"/dev/null\"}",
	          "/file: cannot open the secret file /dev/null: it is a device, expected a file");
}
END_TEST

START_TEST(wrong_keys_are_named)
{
	static const char *const rows[][2] = {
		{ "{\"fiel\":\"hunter2\"}", "/fiel: unknown key \"fiel\": did you mean \"file\"?" },
		{ "{\"password\":\"hunter2\"}", "/password: unknown key \"password\": expected "
		                                "file, env, credential or command" },
		{ "{\"file\":\"a\",\"env\":\"b\"}",
		  "/env: expected only one of the keys \"file\" and \"env\", found both" },
		{ "{\"file\":\"a\",\"x\":\"hunter2\"}",
		  "/x: unknown key \"x\": expected file, env, credential or command" },
		{ "{}", "expected the key file, env, credential or command, found none" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check_bad(&secret_row, rows[i][0], rows[i][1]);
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

/* Reads the secret. What is logged meanwhile must contain `expected`; NULL: there is no warning. */
static void check_warning_of(const spore_option *row, const char *json, const char *expected)
{
	struct option_scene scene;
	char text[STDERR_FILE_SIZE];
	union value value;

	stderr_file_begin();
	ck_assert_str_eq(read_value(&scene, row, json, &value), "");
	stderr_file_read(text);
	if (expected)
		ck_assert_msg(strstr(text, expected) != NULL, "%s: %s", json, text);
	else
		ck_assert_msg(!strstr(text, "a secret "), "%s: %s", json, text);
	ck_assert_ptr_null(strstr(text, "hunter"));
	option_scene_close(&scene);
}

static void check_warning(const char *json, const char *expected)
{
	check_warning_of(&secret_row, json, expected);
}

START_TEST(what_is_there_by_mistake_is_told)
{
	static const char *const flaws[][2] = {
		{ "hunter2\n", NULL },
		{ "hunter2\r\n", NULL },
		{ "hunter2\r", "found=\"a newline at its end\"" },
		{ "the hunter\xC3\xBC", NULL },
		{ "hunter2\n\n", "found=\"a newline at its end\"" },
		{ "\xEF\xBB\xBFhunter2", "found=\"a byte order mark at its start\"" },
		{ " hunter2", "found=\"white space at its start\"" },
		{ "hunter2 \n", "found=\"white space at its end\"" },
		{ "hunter\t2", "found=\"control bytes\"" },
		{ "hunter\n2", "found=\"control bytes\"" },
		{ "hunter\x7F", "found=\"control bytes\"" },
		{ "\xFF\xFEh", "found=UTF-16" },
		{ "\xEF\xBB\xBF hunter\x01\n\n", "found=\"a byte order mark at its start, white "
		                                 "space at its start, a newline at its "
		                                 "end, control bytes\"" },
	};

	for (size_t i = 0; i < sizeof flaws / sizeof *flaws; i++) {
		const char *json = write_file(flaws[i][0], strlen(flaws[i][0]));

		check_warning(json, flaws[i][1]);
		remove_file(json);
	}
	check_warning("\"hunter2 \"", "found=\"white space at its end\"");
	setenv("SPORE_UNIT_SECRET", "hunter2\n", 1);
	check_warning("{\"env\":\"SPORE_UNIT_SECRET\"}",
	              "variable=SPORE_UNIT_SECRET found=\"a newline at its end\"");
}
END_TEST

START_TEST(the_name_of_a_file_is_told)
{
	const char *json = write_file("x", 1);
	char path[64], text[96];

	snprintf(path, sizeof path, "%s", json + strlen("{\"file\":\""));
	path[strcspn(path, "\"")] = '\0';
	snprintf(text, sizeof text, "\"%s\"", path);
	check_warning(text, "a secret is the name of a file");
	setenv("SPORE_UNIT_SECRET", path, 1);
	check_warning("{\"env\":\"SPORE_UNIT_SECRET\"}", "a secret is the name of a file");
	remove_file(json);
	check_warning(text, NULL);
	check_warning("\"/dev/null\"", NULL);
}
END_TEST

START_TEST(a_short_secret_is_told)
{
	const char *json = write_file("5 \xC3\xBC!\n", 6);

	check_warning("\"a\"", "a secret is so short that it can be guessed option=");
	check_warning(json, "a secret is so short");
	check_warning("\"sixsix\"", NULL);
	remove_file(json);
}
END_TEST

START_TEST(a_name_may_be_short)
{
	const char *json = write_file("a\n", 2);
	spore_option row = secret_row;

	row.flags = SPORE_OPTF_NAME;
	check_warning_of(&row, "\"a\"", NULL);
	check_warning_of(&row, json, NULL);
	setenv("SPORE_UNIT_SECRET", "a", 1);
	check_warning_of(&row, "{\"env\":\"SPORE_UNIT_SECRET\"}", NULL);
	check_warning_of(&row, "\"a \"", "found=\"white space at its end\"");
	remove_file(json);
}
END_TEST

START_TEST(white_space_is_no_secret)
{
	const char *json = write_file("\xEF\xBB\xBF \n", 5);
	struct option_scene scene;
	union value value;

	ck_assert_ptr_nonnull(
		strstr(read_value(&scene, &secret_row, json, &value), ", found only white space"));
	option_scene_close(&scene);
	remove_file(json);
	check_bad(&secret_row, "\" \\t\"", "expected a secret, found only white space");
	setenv("SPORE_UNIT_SECRET", " ", 1);
	check_bad(
		&secret_row, "{\"env\":\"SPORE_UNIT_SECRET\"}",
		"/env: expected a secret in the environment variable SPORE_UNIT_SECRET, which has "
		"only white space");
}
END_TEST

SUITE("value_secret", secrets_come_from_text_file_and_variable,
      secrets_come_from_commands_and_credentials, bad_commands_and_credentials,
      the_largest_secret_is_64_kib, bad_secrets_are_not_shown, wrong_keys_are_named,
      an_empty_file_is_no_secret, what_is_there_by_mistake_is_told, the_name_of_a_file_is_told,
      a_short_secret_is_told, a_name_may_be_short, white_space_is_no_secret)
