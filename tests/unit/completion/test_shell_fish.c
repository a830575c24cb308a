#include "completion/shell_fish.h"

#include <stdlib.h>

#include "capture.h"
#include "scene/offer_scene.h"
#include "suite.h"

START_TEST(flags)
{
	char *text = offer_scene_write(shell_fish_write);

	ck_assert_contains(text, "complete -c spore -n '__spore_without unit' -l config -s c -r -F "
	                         "-d 'a file'\n");
	ck_assert_contains(text, " -l colour -x -a 'red blue' -d 'a colour'\n");
	ck_assert_contains(text, "'__spore_without unit info end set' -l path -x -a "
	                         "'(__fish_complete_directories)' -d 'a folder'\n");
	ck_assert_contains(text,
	                   " -l to -x -a '(__fish_print_hostnames)' -d 'the server\\'s name'\n");
	ck_assert_contains(text, " -l json -d 'print JSON'\n");
	free(text);
}
END_TEST

START_TEST(words)
{
	char *text = offer_scene_write(shell_fish_write);

	ck_assert_contains(text, "complete -c spore -n __fish_use_subcommand -a unit -d "
	                         "'test the scripts'\n");
	ck_assert_contains(text, "'__spore_without unit list info end set' -a end -d "
	                         "'it\\'s over'\n");
	ck_assert_contains(text, "'__spore_behind unit info' -F\n");
	ck_assert_contains(text, "'__spore_behind unit set' -x -a 'trace debug info warn error'\n");
	free(text);
}
END_TEST

SUITE("shell_fish", flags, words)
