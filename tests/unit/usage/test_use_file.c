#include "usage/use_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "suite.h"

static char folder[] = "/tmp/use_fileXXXXXX", path[64];
static struct err err;

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/use", folder);
}

static void end(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0); /* nothing else is there */
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

START_TEST(a_file_need_not_exist)
{
	begin();
	ck_assert(use_file_check(path, &err));
	ck_assert_int_eq(use_file_open(path, &err), -1);
	ck_assert_int_eq(errno, ENOENT);
	end();
	ck_assert(!use_file_check("/nowhere/use", &err));
	ck_assert_contains(err.text, "/nowhere/use: cannot write the file: No such file");
}
END_TEST

START_TEST(only_a_file_of_counts_is_taken)
{
	static const struct {
		const char *text;
		bool good;
	} files[] = {
		{ "spore use 1\n", true }, { "spore use 1\nnonsense", true }, { "", true },
		{ "spore use 1", false },  { "spore use 10\n", false },       { "secret\n", false }
	};

	begin();
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		int fd;

		write_file(files[i].text);
		ck_assert_int_eq(use_file_check(path, &err), files[i].good);
		fd = use_file_open(path, &err);
		ck_assert_int_eq(fd >= 0, files[i].good);
		if (fd >= 0)
			close(fd);
		else
			ck_assert_contains(err.text, "whose first line is \"spore use 1\"");
	}
	end();
}
END_TEST

START_TEST(only_a_regular_file_is_taken)
{
	begin();
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert(!use_file_check(path, &err));
	ck_assert_contains(err.text, "expected a regular file");
	ck_assert(!use_file_check("/dev/null", &err));
	ck_assert(!use_file_check(folder, &err));
	ck_assert_contains(err.text, "found a folder");
	end();
}
END_TEST

START_TEST(the_folder_must_be_writable)
{
	begin();
	write_file("spore use 1\n");
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(chmod(folder, 0555), 0);
	if (geteuid() == 0) /* root may write everywhere */
		ck_assert_int_eq(seteuid(65534), 0);
	ck_assert(!use_file_check(path, &err));
	ck_assert_contains(err.text, "cannot write the file: Permission denied");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(chmod(folder, 0755), 0);
	end();
}
END_TEST

SUITE("use_file", a_file_need_not_exist, only_a_file_of_counts_is_taken,
      only_a_regular_file_is_taken, the_folder_must_be_writable)
