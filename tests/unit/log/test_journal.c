#include "log/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

static void set_stream(uintmax_t device, uintmax_t inode)
{
	char text[64];

	snprintf(text, sizeof text, "%ju:%ju", device, inode);
	setenv("JOURNAL_STREAM", text, 1);
}

START_TEST(the_variable_must_name_standard_error)
{
	struct stat st;

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	unsetenv("JOURNAL_STREAM");
	ck_assert(!journal_has_stderr());
	set_stream(st.st_dev, st.st_ino);
	ck_assert(journal_has_stderr());
	set_stream(st.st_dev, st.st_ino + 1);
	ck_assert(!journal_has_stderr());
	set_stream(st.st_dev + 1, st.st_ino);
	ck_assert(!journal_has_stderr());
	setenv("JOURNAL_STREAM", "", 1);
	ck_assert(!journal_has_stderr());
}
END_TEST

START_TEST(a_closed_standard_error_is_no_journal)
{
	struct stat st;

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	set_stream(st.st_dev, st.st_ino);
	close(STDERR_FILENO);
	ck_assert(!journal_has_stderr());
}
END_TEST

SUITE("journal", the_variable_must_name_standard_error, a_closed_standard_error_is_no_journal)
