#include "screen/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

START_TEST(a_terminal_that_is_closed_is_gone)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	bool was_gone, is_gone;

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master), 0);
	ck_assert_int_eq(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(slave, 0);
	was_gone = terminal_is_gone(slave);
	close(master);
	is_gone = terminal_is_gone(slave);
	ck_assert(!was_gone && is_gone);
	close(slave);
}
END_TEST

START_TEST(other_files_are_no_terminals)
{
	int file = open("/dev/null", O_RDWR);

	ck_assert(!terminal_is_gone(file));
	close(file);
	ck_assert(!terminal_is_gone(file));
}
END_TEST

SUITE("terminal", a_terminal_that_is_closed_is_gone, other_files_are_no_terminals)
