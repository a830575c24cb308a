#include "diag/mask.h"

#include <string.h>

#include "suite.h"

/* Shows each line of the text, with '*' for hidden bytes. Lines are asked for in order if `mask` is
 * kept. */
static const char *show(struct mask *mask, const char *text, size_t start)
{
	static char shown[MASK_WINDOW + 1];
	struct span line = { start, start + strcspn(text + start, "\n") };
	struct mask_window window = { .span = line };

	mask_line(mask, text, line, &window);
	for (size_t i = line.start; i < line.end; i++)
		shown[i - line.start] = window.hidden[i - line.start] ? '*' : text[i];
	shown[line.end - line.start] = '\0';
	return shown;
}

static void check(const char *text, const char *expected)
{
	struct mask mask = { 0 };

	ck_assert_str_eq(show(&mask, text, 0), expected);
}

START_TEST(values_of_secret_keys_are_hidden)
{
	check("\"secret\": \"abc\", \"port\": 1", "\"secret\": \"***\", \"port\": 1");
	check("\"password\": 1234", "\"password\": ****");
	check("\"api_key\": [\"ab\", \"cd\"], \"a\": \"b\"",
	      "\"api_key\": [\"**\", \"**\"], \"a\": \"b\"");
	check("token = abc", "token = ***");
	check("\"sceret\": \"abc\"", "\"sceret\": \"***\"");
}
END_TEST

START_TEST(other_values_are_shown)
{
	check("\"port\": \"secret\"", "\"port\": \"secret\"");
	check("\"key_file\": \"a.key\"", "\"key_file\": \"a.key\"");
	check("\"authorized_keys\": [\"a\"]", "\"authorized_keys\": [\"a\"]");
	check("\"secret\": {\"file\": \"a.key\"}", "\"secret\": {\"file\": \"a.key\"}");
	check("\"secret\": {\"env\": \"NAME\"}", "\"secret\": {\"env\": \"NAME\"}");
	check("", "");
}
END_TEST

START_TEST(passwords_in_urls_are_hidden)
{
	check("\"url\": \"http://me:a:b@h:1/x\", \"x\": 1",
	      "\"url\": \"http://me:***@h:1/x\", \"x\": 1");
	check("\"proxy\":\"me:abc@h\"", "\"proxy\":\"me:***@h\"");
	check("url: http://:abc@h, x", "url: http://:***@h, x");
	check("\"url\": \"http://me@h:1\"", "\"url\": \"http://me@h:1\"");
	check("\"url\": \"http://h:1/a\"", "\"url\": \"http://h:1/a\"");
	check("\"to\": \"a:1\", \"url\": \"://@\"", "\"to\": \"a:1\", \"url\": \"://@\"");
}
END_TEST

START_TEST(an_object_goes_on_over_lines)
{
	static const char text[] = "\"secrets\": {\n\"alice\": \"abc\"\n},\n\"port\": \"80\"";
	struct mask mask = { 0 };

	ck_assert_str_eq(show(&mask, text, 13), "\"alice\": \"***\"");
	ck_assert_str_eq(show(&mask, text, 13), "\"alice\": \"***\""); /* the same line again */
	ck_assert_str_eq(show(&mask, text, 31), "\"port\": \"80\"");
	ck_assert_str_eq(show(&mask, text, 13), "\"alice\": \"***\""); /* and back */
}
END_TEST

START_TEST(with_a_missing_quote_all_is_hidden)
{
	static const char text[] = "\"secret: \"abc\", \"x\n\"port\": 80";
	struct mask mask = { 0 };

	check(text, "\"secret: \"****, \"*");
	ck_assert_str_eq(show(&mask, text, 19), "\"****\": **");
}
END_TEST

START_TEST(hiding_stays_within_the_window)
{
	struct mask_window window = { .span = { 10, 20 } };

	mask_hide(&window, (struct span){ 0, 12 });
	mask_hide(&window, (struct span){ 18, 100 });
	mask_hide(&window, (struct span){ 30, 40 });
	for (size_t i = 0; i < 10; i++)
		ck_assert_int_eq(window.hidden[i], i < 2 || i >= 8);
}
END_TEST

SUITE("mask", values_of_secret_keys_are_hidden, other_values_are_shown,
      passwords_in_urls_are_hidden, an_object_goes_on_over_lines,
      with_a_missing_quote_all_is_hidden, hiding_stays_within_the_window)
