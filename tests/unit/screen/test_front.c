#include "screen/front.h"

#include <unistd.h>

#include "suite.h"

START_TEST(without_a_terminal_nothing_changes)
{
	char path[PROGRAM_PATH_SIZE];
	const char *hint = "unset";
	int fds[2], before = dup(STDOUT_FILENO);
	pid_t pid = getpid();

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDOUT_FILENO);
	ck_assert(!front_find(path, &hint));
	dup2(before, STDOUT_FILENO);
	ck_assert_ptr_null(hint);
	ck_assert_int_eq(getpid(), pid);
	close(before);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

SUITE("front", without_a_terminal_nothing_changes)
