#include "screen/program.h"

#include <string.h>
#include <unistd.h>

#include "suite.h"

START_TEST(it_is_looked_for_beside_the_executable)
{
	char path[PROGRAM_PATH_SIZE];

	/* The unit tests stand in a folder of their own. */
	if (!program_find(path))
		ck_assert_ptr_nonnull(strstr(path, "/spore-screen"));
	else
		ck_assert_int_eq(access(path, X_OK), 0);
}
END_TEST

START_TEST(what_cannot_run_shows_nothing)
{
	ck_assert(!program_can_show("/no/such/program"));
	ck_assert(!program_can_show("/bin/false"));
	ck_assert(program_can_show("/bin/true"));
}
END_TEST

START_TEST(a_pipe_is_no_terminal)
{
	int fds[2], before = dup(STDOUT_FILENO);

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDOUT_FILENO);
	ck_assert(!program_has_terminal());
	dup2(before, STDOUT_FILENO);
	close(before);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

SUITE("program", it_is_looked_for_beside_the_executable, what_cannot_run_shows_nothing,
      a_pipe_is_no_terminal)
