#include "logfile.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

static char folder[64], path[80], other[80];

static void set_up(void)
{
	strcpy(folder, "/tmp/spore-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/log", folder);
	snprintf(other, sizeof other, "%s/log.1", folder);
}

static void tear_down(struct logfile *file)
{
	logfile_fini(file);
	unlink(path);
	unlink(other);
	rmdir(folder);
}

static void expect_content(const char *name, const char *expected)
{
	char bytes[256];
	FILE *file = fopen(name, "r");
	size_t n;

	ck_assert_ptr_nonnull(file);
	n = fread(bytes, 1, sizeof bytes - 1, file);
	bytes[n] = '\0';
	fclose(file);
	ck_assert_str_eq(bytes, expected);
}

static size_t write_text(struct logfile *file, const char *text)
{
	return logfile_write(file, spore_cstr(text));
}

START_TEST(the_file_is_made_with_the_first_line)
{
	struct logfile file;
	struct stat st;

	set_up();
	umask(0);
	logfile_init(&file, path);
	ck_assert(logfile_try(&file));
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_uint_eq(write_text(&file, "a\n"), 0);
	ck_assert_uint_eq(write_text(&file, "b\nc\n"), 0);
	ck_assert_uint_eq(write_text(&file, ""), 0);
	expect_content(path, "a\nb\nc\n");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	tear_down(&file);
}
END_TEST

START_TEST(a_file_that_was_moved_or_removed_is_made_anew)
{
	struct logfile file;

	set_up();
	logfile_init(&file, path);
	ck_assert_uint_eq(write_text(&file, "a\n"), 0);
	ck_assert_int_eq(rename(path, other), 0);
	ck_assert_uint_eq(write_text(&file, "b\n"), 0);
	expect_content(other, "a\n");
	expect_content(path, "b\n");
	unlink(path);
	ck_assert_uint_eq(write_text(&file, "c\n"), 0);
	expect_content(path, "c\n");
	tear_down(&file);
}
END_TEST

/* Its folder is gone. */
START_TEST(a_file_that_cannot_be_made_anew_is_kept)
{
	struct logfile file;

	set_up();
	logfile_init(&file, path);
	ck_assert_uint_eq(write_text(&file, "a\n"), 0);
	unlink(path);
	rmdir(folder);
	ck_assert_uint_eq(write_text(&file, "b\n"), 0);
	tear_down(&file);
}
END_TEST

START_TEST(a_full_disk_costs_the_lines)
{
	struct logfile file;

	set_up();
	ck_assert_int_eq(symlink("/dev/full", path), 0);
	logfile_init(&file, path);
	ck_assert(logfile_try(&file));
	errno = 0;
	ck_assert_uint_eq(write_text(&file, "a\nb\n"), 2);
	ck_assert_int_eq(errno, ENOSPC);
	unlink(path);
	ck_assert_uint_eq(write_text(&file, "c\n"), 0);
	expect_content(path, "c\n");
	tear_down(&file);
}
END_TEST

/* The limit on the size of files is like a disk that becomes full within a line. */
START_TEST(a_torn_line_is_ended_before_the_next)
{
	struct rlimit limit = { 4, RLIM_INFINITY };
	struct logfile file;

	set_up();
	signal(SIGXFSZ, SIG_IGN);
	logfile_init(&file, path);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_uint_eq(write_text(&file, "a\nbcd\ne\n"), 2);
	ck_assert_int_eq(errno, EFBIG);
	expect_content(path, "a\nbc");
	ck_assert_uint_eq(write_text(&file, "f\n"), 1);
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_uint_eq(write_text(&file, "g\n"), 0);
	ck_assert_uint_eq(write_text(&file, "h\n"), 0);
	expect_content(path, "a\nbc\ng\nh\n");
	tear_down(&file);
}
END_TEST

START_TEST(a_file_that_could_not_be_made_is_an_error)
{
	struct logfile file;

	logfile_init(&file, "/tmp/spore-unit-no-such-folder/log");
	ck_assert(!logfile_try(&file));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_uint_eq(write_text(&file, "a\nb\n"), 2);
	ck_assert_int_eq(errno, ENOENT);
	logfile_init(&file, "/tmp");
	ck_assert(!logfile_try(&file));
	ck_assert_int_eq(errno, EISDIR);
	logfile_fini(&file);
}
END_TEST

SUITE("logfile", the_file_is_made_with_the_first_line,
      a_file_that_was_moved_or_removed_is_made_anew, a_file_that_cannot_be_made_anew_is_kept,
      a_full_disk_costs_the_lines, a_torn_line_is_ended_before_the_next,
      a_file_that_could_not_be_made_is_an_error)
