#include "arguments/argument_help.h"

#include <string.h>

#include "suite.h"

static const struct argument_word words[] = { { "list", NULL, "list all" },
	                                      { "info", "FILE", "show one" } };
static const struct argument_choice colours[] = { { "red", 1 }, { "blue", 2 }, { NULL, 0 } };

/* Aligned by hand. */
/* clang-format off */
static const struct argument_flag flags[] = {
	{ .name = "--config", .letter = 'c', .type = ARGUMENT_TEXT, .metavar = "FILE", .variable = "UNIT_CONFIG",
	  .dflt = "x.json", .doc = "a file whose description is so long that it does not fit into one line" },
	{ .name = "--colour", .type = ARGUMENT_CHOICE, .metavar = "COLOUR", .choices = colours, .doc = "a colour" },
	{ .name = "--path", .type = ARGUMENT_LIST, .metavar = "DIR", .word = "list", .doc = "a folder" },
	{ .name = "--json", .doc = "print JSON" },
};
/* clang-format on */

static char *print(const struct argument_table *table)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	argument_help_print(table, out);
	fclose(out);
	return text;
}

START_TEST(the_whole_table_is_shown)
{
	const struct argument_table table = { .command = "unit",
		                              .summary = "Tests the help.",
		                              .remarks = "That is all.",
		                              .words = words,
		                              .n_words = 2,
		                              .flags = flags,
		                              .n_flags = 4 };
	char *text = print(&table);

	ck_assert_str_eq(
		text,
		"Usage: spore unit [FLAGS] COMMAND\n"
		"\n"
		"Tests the help.\n"
		"\n"
		"Commands:\n"
		"  list       list all\n"
		"  info FILE  show one\n"
		"\n"
		"Flags:\n"
		"  -c, --config FILE    a file whose description is so long that it does not fit\n"
		"                       into one line [default: x.json] [env: UNIT_CONFIG]\n"
		"      --colour COLOUR  a colour: red|blue\n"
		"      --path DIR       a folder; may be repeated (only with list)\n"
		"      --json           print JSON\n"
		"  -h, --help           print this help\n"
		"\n"
		"That is all.\n");
	free(text);
}
END_TEST

START_TEST(a_command_without_words_and_flags)
{
	char *text = print(&(struct argument_table){ .command = "unit", .summary = "Tests." });

	ck_assert_str_eq(text,
	                 "Usage: spore unit\n\nTests.\n\nFlags:\n  -h, --help  print this help\n");
	free(text);
}
END_TEST

SUITE("argument_help", the_whole_table_is_shown, a_command_without_words_and_flags)
