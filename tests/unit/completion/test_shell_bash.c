#include "completion/shell_bash.h"

#include <stdlib.h>

#include "capture.h"
#include "scene/offer_scene.h"
#include "suite.h"

START_TEST(the_tables_are_complete)
{
	char *text = offer_scene_write(shell_bash_write);

	ck_assert_contains(text, "commands='unit local --help --version'");
	ck_assert_contains(text, "flags='--config --colour --to --json --help '\n"
	                         "\t\twords='list info end set '\n");
	ck_assert_contains(text, "\t'unit --config' | 'unit -c') value=file ;;\n"
	                         "\t'unit --colour') value=choice choices='red blue' ;;\n"
	                         "\t'unit --path') value=folder ;;\n"
	                         "\t'unit --to') value=host ;;\n"
	                         "\t'unit info') value=file ;;\n"
	                         "\t'unit end') value=text ;;\n");
	ck_assert_contains(text, "complete -F _spore spore\n");
	free(text);
}
END_TEST

START_TEST(a_flag_of_one_word_is_not_offered_with_another)
{
	char *text = offer_scene_write(shell_bash_write);

	ck_assert_contains(text, "[[ ! $flags || $given == *' info '* || $given == *' end '* || "
	                         "$given == *' set '* ]] || flags+=' --path'\n");
	free(text);
}
END_TEST

SUITE("shell_bash", the_tables_are_complete, a_flag_of_one_word_is_not_offered_with_another)
