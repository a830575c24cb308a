#include "screen/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

/* A terminal takes the place of standard output until the end of the test. */
START_TEST(a_terminal_that_is_closed_is_gone)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, before = dup(STDOUT_FILENO);
	bool was_gone, is_gone;

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(slave, 0);
	dup2(slave, STDOUT_FILENO);
	was_gone = terminal_is_gone();
	close(master);
	is_gone = terminal_is_gone();
	dup2(before, STDOUT_FILENO);
	ck_assert(!was_gone && is_gone);
	close(before);
	close(slave);
}
END_TEST

START_TEST(other_files_are_no_terminals)
{
	int file = open("/dev/null", O_RDWR), before = dup(STDOUT_FILENO);
	bool is_gone;

	dup2(file, STDOUT_FILENO);
	is_gone = terminal_is_gone();
	dup2(before, STDOUT_FILENO);
	ck_assert(!is_gone);
	close(before);
	close(file);
}
END_TEST

SUITE("terminal", a_terminal_that_is_closed_is_gone, other_files_are_no_terminals)
