#include "files/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

enum { NOBODY = 65534, SOMEBODY = 12345 };

static const char *judge(uid_t owner, mode_t mode)
{
	static struct err err;
	struct stat st = { .st_uid = owner, .st_mode = mode };

	err.text[0] = '\0';
	ck_assert_int_eq(access_is_safe("/the/path", &st, &err), err.text[0] == '\0');
	return err.text;
}

/* Drops root if the test has it; otherwise uses the current user. */
static const char *judge_without_root(uid_t owner, mode_t mode)
{
	bool root = geteuid() == 0;
	const char *text;

	if (root)
		ck_assert_int_eq(seteuid(NOBODY), 0);
	text = judge(owner ? owner : geteuid(), mode);
	if (root)
		ck_assert_int_eq(seteuid(0), 0);
	return text;
}

START_TEST(what_only_its_owner_may_write_is_safe)
{
	static const mode_t modes[] = { 0600, 0400, 0644, 0444, 0755, 0700 };

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		ck_assert_str_eq(judge(geteuid(), S_IFREG | modes[i]), "");
		ck_assert_str_eq(judge(0, S_IFREG | modes[i]), "");
		ck_assert_str_eq(judge(0, S_IFDIR | modes[i]), "");
	}
}
END_TEST

START_TEST(what_everyone_may_write_is_not)
{
	static const char expected[] =
		"/the/path is writable by everyone: run `chmod o-w /the/path`";

	ck_assert_str_eq(judge(0, S_IFREG | 0602), expected);
	ck_assert_str_eq(judge(0, S_IFDIR | 0777), expected);
	ck_assert_str_eq(judge(0, S_IFREG | S_ISVTX | 0646),
	                 expected); /* the sticky bit protects only folders */
	ck_assert_str_eq(judge(0, S_IFDIR | S_ISVTX | 0777), "");
}
END_TEST

START_TEST(what_its_group_may_write_is_not_for_root)
{
	if (geteuid() == 0)
		ck_assert_str_eq(judge(0, S_IFREG | 0664),
		                 "/the/path is writable by its group, and this runs as "
		                 "root: run `chmod g-w /the/path`");
	ck_assert_str_eq(judge_without_root(0, S_IFREG | 0664), "");
}
END_TEST

START_TEST(what_belongs_to_somebody_else_is_not)
{
	if (geteuid() == 0)
		ck_assert_str_eq(judge(SOMEBODY, S_IFREG | 0600),
		                 "/the/path belongs to uid 12345, expected root: run `chown root "
		                 "/the/path`");
	ck_assert_ptr_nonnull(strstr(judge_without_root(SOMEBODY, S_IFDIR | S_ISVTX | 0755),
	                             "/the/path belongs to uid 12345, expected root or uid "));
}
END_TEST

static const char *judge_folders(const char *path, const char *real)
{
	static struct access_verdict verdict;

	verdict = (struct access_verdict){ .forbidden.text = "" };
	ck_assert_int_eq(access_check_folders(path, real, &verdict),
	                 verdict.forbidden.text[0] == '\0');
	return verdict.forbidden.text;
}

START_TEST(all_folders_above_are_checked)
{
	char top[] = "/tmp/accessXXXXXX", folder[40], file[50], expected[200];

	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(folder, sizeof folder, "%s/a", top);
	snprintf(file, sizeof file, "%s/file", folder);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_str_eq(judge_folders(file, file), "");
	snprintf(expected, sizeof expected, "%s is writable by everyone: run `chmod o-w %s`", top,
	         top);
	ck_assert_int_eq(chmod(top, 0777), 0);
	ck_assert_str_eq(judge_folders(file, file), expected);
	ck_assert_str_eq(judge_folders(file, "/bin/sh"), expected); /* of the link */
	ck_assert_int_eq(chmod(top, 01777), 0);
	ck_assert_str_eq(judge_folders(file, file), "");
	ck_assert_int_eq(rmdir(folder), 0);
	snprintf(expected, sizeof expected,
	         "cannot read the folder of %s: No such file or directory", file);
	ck_assert_str_eq(judge_folders(file, "/bin/sh"), expected);
	ck_assert_int_eq(rmdir(top), 0);
}
END_TEST

SUITE("access", what_only_its_owner_may_write_is_safe, what_everyone_may_write_is_not,
      what_its_group_may_write_is_not_for_root, what_belongs_to_somebody_else_is_not,
      all_folders_above_are_checked)
