#include "plugin/rows.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

struct conf {
	int64_t whole;
	const char *text;
	spore_list list;
	spore_map map;
	spore_str secret;
};

static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };
static const spore_option_item secret_item = { SPORE_OPT_SECRET, sizeof(spore_str), NULL, 0, 0 };

static const char *check(const spore_option *rows, uint32_t n)
{
	const struct option_table table = { rows, n, sizeof *rows };
	static struct err err;

	err.text[0] = '\0';
	ck_assert(rows_check(&table, sizeof(struct conf), &err) == (err.text[0] == '\0'));
	return err.text;
}

static const char *check_row(spore_option row)
{
	return check(&row, 1);
}

START_TEST(a_table_without_rows_is_good)
{
	ck_assert_str_eq(check(NULL, 0), "");
	ck_assert_str_eq(check(NULL, 1), "an incomplete row");
}
END_TEST

START_TEST(good_defaults)
{
	const spore_option rows[] = {
		SPORE_INT(struct conf, whole, SPORE_OPTF_REQUIRED, "10", 0, 10, "-"),
		SPORE_STRING(struct conf, text, SPORE_OPTF_PATH, "\"etc/x\"", "-"),
		{ "list", SPORE_OPT_LIST, 0, offsetof(struct conf, list), 0, "[\"a\", \"b\"]", 1, 0,
		  NULL, &text_item, "-" },
		{ "map", SPORE_OPT_MAP, 0, offsetof(struct conf, map), 0, "{\"a\": \"b\"}", 1, 0,
		  NULL, &text_item, "-" },
		{ "other", SPORE_OPT_ENUM, 0, 0, 0, "\"b\"", 1, 0, "a|b", NULL, "-" },
		{ "life", SPORE_OPT_DURATION, 0, 0, 0, "\"1.5s\"", 1, 60000, NULL, NULL, "-" },
		{ "net", SPORE_OPT_CIDR, 0, 0, 0, "\"10.0.0.0/8\"", 1, 0, NULL, NULL, "-" },
		{ "addr", SPORE_OPT_ADDR, 0, 0, 0, "\"[::1]:80\"", 1, 0, NULL, NULL, "-" },
		{ "digest", SPORE_OPT_SHA256, 0, 0, 0,
		  "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"", 1,
		  0, NULL, NULL, "-" },
		{ "raw", SPORE_OPT_NODE, 0, 0, 0, "{\"a\": [1]}", 1, 0, NULL, NULL, "-" },
	};

	ck_assert_str_eq(check(rows, sizeof rows / sizeof *rows), "");
}
END_TEST

/* Files and variables are the operator's: they need not exist where the plugin is checked. */
START_TEST(defaults_that_name_files_are_not_read)
{
	const spore_option rows[] = {
		{ "secret", SPORE_OPT_SECRET, 0, offsetof(struct conf, secret), 0,
		  "{\"file\": \"/nonexistent\"}", 1, 0, NULL, NULL, "-" },
		{ "list", SPORE_OPT_LIST, 0, offsetof(struct conf, list), 0,
		  "{\"file\": \"/nonexistent\"}", 1, 0, NULL, &text_item, "-" },
		{ "map", SPORE_OPT_MAP, 0, offsetof(struct conf, map), 0,
		  "{\"a\": {\"env\": \"NONE\"}}", 1, 0, NULL, &secret_item, "-" },
		{ "text", SPORE_OPT_STRING, SPORE_OPTF_PATH | SPORE_OPTF_READ, 8, 0,
		  "\"/nonexistent\"", 1, 0, NULL, NULL, "-" },
	};
	spore_option broken = rows[0];

	ck_assert_str_eq(check(rows, sizeof rows / sizeof *rows), "");
	broken.dflt = "{file}";
	ck_assert_str_eq(check_row(broken),
	                 "the default of \"secret\" is {file}: expected JSON (secret)");
}
END_TEST

START_TEST(wrong_defaults)
{
	static const struct {
		spore_option row;
		const char *text;
	} cases[] = {
		{ SPORE_INT(struct conf, whole, 0, "11", 0, 10, "-"),
		  "the default of \"whole\" is 11: expected JSON (whole number, 0 to 10)" },
		{ SPORE_INT(struct conf, whole, 0, "\"1\"", 0, 10, "-"),
		  "the default of \"whole\" is \"1\": expected JSON (whole number, 0 to 10)" },
		{ SPORE_INT(struct conf, whole, 0, "", 1, 0, "-"),
		  "the default of \"whole\" is : expected JSON (whole number)" },
		{ SPORE_STRING(struct conf, text, 0, "a\x1b[2J", "-"),
		  "the default of \"text\" is a\\x1b[2J: expected JSON (text)" },
		{ SPORE_ENUM(struct conf, whole, 0, "\"c\"", "a|b", "-"),
		  "the default of \"whole\" is \"c\": expected JSON (a|b)" },
		{ SPORE_DURATION(struct conf, whole, 0, "\"5x\"", 1, 60000, "-"),
		  "the default of \"whole\" is \"5x\": expected JSON (duration, 1ms to 1m)" },
		{ { "secret", SPORE_OPT_SECRET, 0, 40, 0, "5", 1, 0, NULL, NULL, "-" },
		  "the default of \"secret\" is 5: expected JSON (secret)" },
		{ { "list", SPORE_OPT_LIST, 0, 16, 0, "[1]", 1, 0, NULL, &text_item, "-" },
		  "the default of \"list\" is [1]: expected JSON (list of texts)" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		ck_assert_str_eq(check_row(cases[i].row), cases[i].text);
}
END_TEST

START_TEST(unknown_types_are_refused)
{
	static const char text[] =
		"\"x\" has the type %u, which this host does not know: use a type "
		"of option.h, or update Spore";
	static const uint32_t types[] = { 0, SPORE_OPT_SHA256 + 1, 99, UINT32_MAX };
	spore_option_item item = text_item;
	char expected[128];

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		snprintf(expected, sizeof expected, text, types[i]);
		ck_assert_str_eq(
			check_row((spore_option){ .name = "x", .type = types[i], .doc = "-" }),
			expected);
		item.type = types[i];
		ck_assert_str_eq(
			check_row((spore_option){
				.name = "x", .type = SPORE_OPT_LIST, .item = &item, .doc = "-" }),
			expected);
	}
}
END_TEST

START_TEST(names_follow_the_grammar)
{
	ck_assert_str_eq(
		check_row((spore_option){ .name = "a\n", .type = SPORE_OPT_INT, .doc = "-" }),
		"a row has the name \"a\\x0a\": expected a lower-case letter, then "
		"lower-case letters, digits or _, at most 63 in all");
}
END_TEST

START_TEST(rows_are_whole_and_in_their_struct)
{
	const spore_option twice[] = {
		SPORE_INT(struct conf, whole, 0, NULL, 1, 0, "-"),
		SPORE_INT(struct conf, whole, 0, NULL, 1, 0, "-"),
	};
	spore_option row = twice[0];

	ck_assert_str_eq(check(twice, 2), "two rows of one name");
	row.offset = sizeof(struct conf) - 7;
	ck_assert_str_eq(check_row(row), "a row whose field lies outside its struct");
	row.doc = NULL;
	ck_assert_str_eq(check_row(row), "an incomplete row");
	row = (spore_option)SPORE_LIST(struct conf, list, 0, NULL, "-");
	ck_assert_str_eq(check_row(row), "an incomplete row");
	row = (spore_option)SPORE_ENUM(struct conf, whole, 0, NULL, NULL, "-");
	ck_assert_str_eq(check_row(row), "an incomplete row");
}
END_TEST

START_TEST(tables_below_are_checked)
{
	spore_option inner = SPORE_INT(struct conf, whole, 0, "x", 1, 0, "-");
	spore_option_item item = { SPORE_OPT_OBJECT, sizeof(struct conf), &inner, 1, sizeof inner };
	spore_option row = SPORE_LIST(struct conf, list, 0, &item, "-");

	ck_assert_str_eq(check_row(row),
	                 "the default of \"whole\" is x: expected JSON (whole number)");
	inner.dflt = NULL;
	ck_assert_str_eq(check_row(row), "");
	row.type = SPORE_OPT_OBJECT;
	row.offset = 0;
	row.dflt = "{\"whole\": 5}";
	ck_assert_str_eq(check_row(row), "");
	row.dflt = "[5]";
	ck_assert_str_eq(check_row(row), "the default of \"list\" is [5]: expected JSON (object)");
	item.size = 4;
	ck_assert_str_eq(check_row(row), "a row whose field lies outside its struct");
	item.size = sizeof(struct conf);
	row.dflt = NULL;
	inner = row; /* a table that contains itself */
	ck_assert_str_eq(check_row(row), "more than 8 levels, or a table that contains itself");
}
END_TEST

START_TEST(fields_are_aligned)
{
	static const spore_option words[] = {
		{ "flag", SPORE_OPT_BOOL, 0, 4, 0, NULL, 1, 0, NULL, NULL, "-" },
		{ "net", SPORE_OPT_CIDR, 0, 8, 0, NULL, 1, 0, NULL, NULL, "-" },
	};
	spore_option_item item = { SPORE_OPT_OBJECT, 32, words, 2, sizeof *words };
	spore_option row = SPORE_INT(struct conf, whole, 0, NULL, 1, 0, "-");

	row.offset = 4;
	ck_assert_str_eq(check_row(row), "\"whole\" has the offset 4, which is not aligned");
	row = (spore_option){ "object", SPORE_OPT_OBJECT, 0, 4, 0, NULL, 1, 0, NULL, &item, "-" };
	ck_assert_str_eq(check_row(row), "");
	row.offset = 6;
	ck_assert_str_eq(check_row(row), "\"object\" has the offset 6, which is not aligned");
	row = (spore_option)SPORE_LIST(struct conf, list, 0, &item, "-");
	ck_assert_str_eq(check_row(row), "");
	item.size = 33;
	ck_assert_str_eq(check_row(row), "\"list\" has items of 33 bytes, which are not aligned");
}
END_TEST

START_TEST(keys_of_the_host_are_refused)
{
	static const char *const names[] = { "use", "name", "on_error", "last_good_for" };
	spore_option row = SPORE_INT(struct conf, whole, 0, NULL, 1, 0, "-"), outer;
	spore_option_item item = { SPORE_OPT_OBJECT, sizeof(struct conf), &row, 1, sizeof row };
	char text[128];

	outer = (spore_option)SPORE_LIST(struct conf, list, 0, &item, "-");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		row.name = names[i];
		snprintf(text, sizeof text, "a row has the name \"%s\", which is a key of the host",
		         names[i]);
		ck_assert_str_eq(check_row(row), text);
		ck_assert_str_eq(check_row(outer), "");
	}
}
END_TEST

START_TEST(no_choice_is_empty)
{
	static const char *const wrong[] = { "", "|", "a|", "|a", "a||b" };
	spore_option row = SPORE_ENUM(struct conf, whole, 0, NULL, "a|b", "-");

	ck_assert_str_eq(check_row(row), "");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		row.choices = wrong[i];
		ck_assert_str_eq(check_row(row), "\"whole\" has an empty choice");
	}
}
END_TEST

SUITE("rows", a_table_without_rows_is_good, good_defaults, defaults_that_name_files_are_not_read,
      wrong_defaults, unknown_types_are_refused, names_follow_the_grammar,
      rows_are_whole_and_in_their_struct, tables_below_are_checked, fields_are_aligned,
      keys_of_the_host_are_refused, no_choice_is_empty)
