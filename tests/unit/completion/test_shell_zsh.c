#include "completion/shell_zsh.h"

#include <stdlib.h>

#include "capture.h"
#include "scene/offer_scene.h"
#include "suite.h"

START_TEST(flags)
{
	char *text = offer_scene_write(shell_zsh_write);

	ck_assert_contains(text, "\tspecs+=('(-c --config)--config=[a file]:FILE:_files' "
	                         "'(-c --config)-c+[a file]:FILE:_files')\n");
	ck_assert_contains(text, "'--colour=[a colour]:COLOUR:(red blue)'");
	ck_assert_contains(text, "\t(( 0 || ${words[(Ie)info]} || ${words[(Ie)end]} || "
	                         "${words[(Ie)set]} )) ||"
	                         "\tspecs+=('*--path=[a folder]:DIR:_files -/')\n");
	ck_assert_contains(text, "'--to=[the server'\\''s name]:HOST:_hosts'");
	ck_assert_contains(text, "'--json[print JSON]'");
	ck_assert_contains(text, "\tspecs+=('1:LOCAL_PORT: ')\n");
	free(text);
}
END_TEST

START_TEST(words)
{
	char *text = offer_scene_write(shell_zsh_write);

	ck_assert_contains(text, "\t\t'list:list all'\n");
	ck_assert_contains(text, "\t\t'end:it'\\''s over'\n");
	ck_assert_contains(text, "\t\tinfo) _files ;;\n"
	                         "\t\tend) _message ID ;;\n"
	                         "\t\tset) compadd -- trace debug info warn error ;;\n");
	free(text);
}
END_TEST

SUITE("shell_zsh", flags, words)
