#include "arguments/arguments.h"

#include <string.h>

#include "arguments/exit_status.h"
#include "capture.h"
#include "suite.h"

struct values {
	const char *word, *operand, *text, *dflt;
	unsigned choice;
	const char *list[2];
	size_t n_list;
	bool yes;
};

static const struct argument_word words[] = { { "list", NULL, "list it" },
	                                      { "info", "FILE", "show it" } };
static const struct argument_choice colours[] = {
	{ "red", 3 }, { "green", 4 }, { "blue", 5 }, { NULL, 0 }
};

/* Aligned by hand. */
/* clang-format off */
static const struct argument_flag flags[] = {
	{ .name = "--text", .letter = 't', .type = ARGUMENT_TEXT, .offset = offsetof(struct values, text),
	  .metavar = "TEXT", .variable = "UNIT_TEXT", .doc = "a text" },
	{ .name = "--dflt", .type = ARGUMENT_TEXT, .offset = offsetof(struct values, dflt), .metavar = "TEXT",
	  .variable = "UNIT_DFLT", .dflt = "none", .doc = "a text" },
	{ .name = "--colour", .type = ARGUMENT_CHOICE, .offset = offsetof(struct values, choice), .metavar = "COLOUR",
	  .choices = colours, .variable = "UNIT_COLOUR", .doc = "a choice" },
	{ .name = "--path", .letter = 'p', .type = ARGUMENT_LIST, .offset = offsetof(struct values, list),
	  .count_offset = offsetof(struct values, n_list), .most = 2, .metavar = "DIR", .word = "list", .doc = "a list" },
	{ .name = "--yes", .letter = 'y', .offset = offsetof(struct values, yes), .doc = "a switch" },
};
static const struct argument_table table = {
	.command = "unit", .summary = "A test.", .words = words, .n_words = 2,
	.word_offset = offsetof(struct values, word), .operand_offset = offsetof(struct values, operand),
	.flags = flags, .n_flags = sizeof flags / sizeof *flags,
};
static const struct argument_table without_words = { .command = "bare", .summary = "A test." };
/* clang-format on */

static struct err err;

/* `line`: the words, one space apart; kept for the values to point into. */
static enum arguments_outcome parse(const struct argument_table *t, const char *line,
                                    struct values *values)
{
	static char kept[256];
	char *argv[32] = { NULL };
	size_t n = 0;

	snprintf(kept, sizeof kept, "%s", line);
	for (char *word = strtok(kept, " "); word; word = strtok(NULL, " "))
		argv[n++] = word;
	*values = (struct values){ .choice = 9 };
	err_set(&err, "untouched");
	return arguments_parse(t, argv, values, &err);
}

static struct values good(const char *line)
{
	struct values values;

	ck_assert_msg(parse(&table, line, &values) == ARGUMENTS_GOOD, "%s: %s", line, err.text);
	return values;
}

static void check_wrong(const struct argument_table *t, const char *line, const char *expected)
{
	struct values values;

	ck_assert_msg(parse(t, line, &values) == ARGUMENTS_WRONG, "%s", line);
	ck_assert_str_eq(err.text, expected);
}

START_TEST(words_and_flags_in_any_order)
{
	struct values values = good("--yes info -t x a.so");

	ck_assert_str_eq(values.word, "info");
	ck_assert_str_eq(values.operand, "a.so");
	ck_assert_str_eq(values.text, "x");
	ck_assert(values.yes);
	values = good("list");
	ck_assert_str_eq(values.word, "list");
	ck_assert_ptr_null(values.operand);
	ck_assert_ptr_null(values.text);
	ck_assert(!values.yes);
}
END_TEST

START_TEST(every_form_of_a_value)
{
	static const char *const forms[] = { "--text v", "--text=v", "-t v", "-tv", "-t=v" };

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		char line[64];

		snprintf(line, sizeof line, "list %s", forms[i]);
		ck_assert_str_eq(good(line).text, "v");
	}
	ck_assert_str_eq(good("list --text=").text, "");
	ck_assert_str_eq(good("list --text=--yes").text, "--yes");
	ck_assert_str_eq(good("list --text -").text, "-");
	ck_assert_str_eq(good("list --text -5").text, "-5");
	ck_assert_str_eq(good("list --text=a=b").text, "a=b");
}
END_TEST

START_TEST(behind_two_dashes_nothing_is_a_flag)
{
	ck_assert_str_eq(good("info -- --yes").operand, "--yes");
	ck_assert(!good("info -- --yes").yes);
	ck_assert_str_eq(good("info -").operand, "-");
}
END_TEST

START_TEST(a_choice_is_a_number)
{
	ck_assert_uint_eq(good("list").choice, 9);
	ck_assert_uint_eq(good("list --colour=green").choice, 4);
	check_wrong(&table, "list --colour gold",
	            "--colour: expected red, green or blue, found \"gold\"");
	check_wrong(&table, "list --colour=", "--colour: expected red, green or blue, found \"\"");
}
END_TEST

START_TEST(a_list_keeps_the_order)
{
	struct values values = good("list -p b --path=a");

	ck_assert_uint_eq(values.n_list, 2);
	ck_assert_str_eq(values.list[0], "b");
	ck_assert_str_eq(values.list[1], "a");
	check_wrong(&table, "list -p a -p b -p c", "expected --path at most 2 times");
}
END_TEST

START_TEST(a_flag_goes_before_a_variable_and_that_before_the_default)
{
	setenv("UNIT_DFLT", "", 1);
	ck_assert_str_eq(good("list").dflt, "none");
	setenv("UNIT_DFLT", "variable", 1);
	setenv("UNIT_TEXT", "other", 1);
	ck_assert_str_eq(good("list").dflt, "variable");
	ck_assert_str_eq(good("list").text, "other");
	ck_assert_str_eq(good("list --dflt flag").dflt, "flag");
	ck_assert_str_eq(good("list --dflt=").dflt, "");
	setenv("UNIT_COLOUR", "gold", 1);
	check_wrong(&table, "list", "UNIT_COLOUR: expected red, green or blue, found \"gold\"");
	ck_assert_uint_eq(good("list --colour red").choice, 3);
}
END_TEST

START_TEST(wrong_words)
{
	check_wrong(&table, "", "expected a command: list or info");
	check_wrong(&table, "--yes", "expected a command: list or info");
	check_wrong(&table, "lsit", "unknown command \"lsit\": did you mean \"list\"?");
	check_wrong(&table, "q\"\x1b", "unknown command \"q\\x22\\x1b\"");
	check_wrong(&table, "info", "expected FILE after info, found the end of the command line");
	check_wrong(&table, "info a b", "expected one FILE, found \"b\" too");
	check_wrong(&table, "list a", "expected a flag, found \"a\"");
	check_wrong(&without_words, "a", "expected a flag, found \"a\"");
}
END_TEST

START_TEST(wrong_flags)
{
	check_wrong(&table, "list --bogus", "unknown flag --bogus");
	check_wrong(&table, "list --bogus=secret", "unknown flag --bogus");
	check_wrong(&table, "list --txet", "unknown flag --txet: did you mean --text?");
	check_wrong(&table, "list --hlep", "unknown flag --hlep: did you mean --help?");
	check_wrong(&table, "list -z", "unknown flag -z");
	check_wrong(
		&table, "list --text --yes",
		"expected a value after --text, found a word that begins with \"-\"; if it is the "
		"value, write it behind \"=\"");
	check_wrong(&table, "list --text",
	            "expected a value after --text, found the end of the command line");
	check_wrong(&table, "list -t",
	            "expected a value after -t, found the end of the command line");
	check_wrong(&table, "list --yes=no", "expected --yes without a value");
	check_wrong(&table, "list -yes", "expected -y without a value");
	check_wrong(&table, "--help=no", "expected --help without a value");
	check_wrong(&table, "list -t a --text b", "--text is given twice");
	check_wrong(&table, "info a --path b", "--path is a flag of `spore unit list`");
	ck_assert(good("list --yes -y").yes);
}
END_TEST

START_TEST(help_ends_the_reading)
{
	struct values values;

	ck_assert_int_eq(parse(&table, "--help", &values), ARGUMENTS_HELP);
	ck_assert_int_eq(parse(&table, "-h", &values), ARGUMENTS_HELP);
	ck_assert_int_eq(parse(&table, "info --help --bogus", &values), ARGUMENTS_HELP);
	ck_assert_int_eq(parse(&without_words, "-h", &values), ARGUMENTS_HELP);
	check_wrong(&table, "--bogus --help", "unknown flag --bogus");
}
END_TEST

START_TEST(a_subcommand_prints_help_and_errors)
{
	char *help[] = { "--help", NULL }, *wrong[] = { "--bogus", NULL }, *none[] = { NULL };
	static struct capture capture;
	int status = -1;

	capture_begin(&capture);
	ck_assert(!arguments_read(&without_words, help, NULL, &status));
	capture_end(&capture);
	ck_assert_int_eq(status, EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "Usage: spore bare\n");
	ck_assert_str_eq(capture_err(&capture), "");

	capture_begin(&capture);
	ck_assert(!arguments_read(&without_words, wrong, NULL, &status));
	capture_end(&capture);
	ck_assert_int_eq(status, EXIT_USAGE);
	ck_assert_str_eq(capture_out(&capture), "");
	ck_assert_str_eq(capture_err(&capture),
	                 "error: unknown flag --bogus\ntry: spore bare --help\n");

	capture_begin(&capture);
	ck_assert(arguments_read(&without_words, none, NULL, &status));
	status = arguments_refuse(&without_words, "expected a word, found \"%s\"", "a\nb");
	capture_end(&capture);
	ck_assert_int_eq(status, EXIT_USAGE);
	ck_assert_str_eq(capture_err(&capture),
	                 "error: expected a word, found \"a\\x0ab\"\ntry: spore bare --help\n");
}
END_TEST

SUITE("arguments", words_and_flags_in_any_order, every_form_of_a_value,
      behind_two_dashes_nothing_is_a_flag, a_choice_is_a_number, a_list_keeps_the_order,
      a_flag_goes_before_a_variable_and_that_before_the_default, wrong_words, wrong_flags,
      help_ends_the_reading, a_subcommand_prints_help_and_errors)
