#include "screen/top.h"

#include <unistd.h>

#include "arguments/exit_status.h"
#include "suite.h"

static int run_quietly(char **argv)
{
	int fds[2], out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), status;

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDOUT_FILENO);
	dup2(fds[1], STDERR_FILENO);
	status = top_run(0, argv);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	close(fds[0]);
	close(fds[1]);
	return status;
}

START_TEST(it_needs_a_terminal)
{
	ck_assert_int_eq(run_quietly((char *[]){ "--socket", "/x", NULL }), EXIT_FAILED);
	ck_assert_int_eq(run_quietly((char *[]){ NULL }), EXIT_FAILED);
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
	ck_assert_int_eq(run_quietly((char *[]){ "--sock", NULL }), EXIT_USAGE);
	ck_assert_int_eq(run_quietly((char *[]){ "status", NULL }), EXIT_USAGE);
}
END_TEST

SUITE("top", it_needs_a_terminal, wrong_arguments_are_refused)
