#include "completion/completion.h"

#include "arguments/exit_status.h"
#include "capture.h"
#include "scene/offer_scene.h"
#include "suite.h"

static int run(struct capture *capture, char *shell)
{
	char *argv[] = { shell, NULL };
	int status;

	capture_begin(capture);
	status = completion_run(argv, offer_scene, 2);
	capture_end(capture);
	return status;
}

START_TEST(each_shell_has_a_script)
{
	static struct capture capture;

	ck_assert_int_eq(run(&capture, "bash"), EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "# bash completion for spore");
	ck_assert_int_eq(run(&capture, "zsh"), EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "#compdef spore\n");
	ck_assert_int_eq(run(&capture, "fish"), EXIT_GOOD);
	ck_assert_contains(capture_out(&capture), "# fish completion for spore");
}
END_TEST

START_TEST(another_shell_is_refused)
{
	static struct capture capture;

	ck_assert_int_eq(run(&capture, "csh"), EXIT_USAGE);
	ck_assert_str_eq(capture_out(&capture), "");
	ck_assert_contains(capture_err(&capture),
	                   "unknown shell \"csh\": expected bash, zsh or fish");
}
END_TEST

SUITE("completion", each_shell_has_a_script, another_shell_is_refused)
