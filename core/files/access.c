#include "files/access.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"

static bool has_safe_owner(const char *path, const struct stat *st, struct err *err)
{
	uid_t we = geteuid();

	if (st->st_uid == 0 || st->st_uid == we)
		return true;
	if (we == 0)
		err_set(err, "%s belongs to uid %u, expected root: run `chown root %s`", path,
		        st->st_uid, path);
	else
		err_set(err,
		        "%s belongs to uid %u, expected root or uid %u, the user of this process: "
		        "run `chown %u %s`",
		        path, st->st_uid, we, we, path);
	return false;
}

/* In such a folder, other users cannot replace a file. */
static bool is_sticky_folder(const struct stat *st)
{
	return S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX;
}

bool access_is_safe(const char *path, const struct stat *st, struct err *err)
{
	if (!has_safe_owner(path, st, err))
		return false;
	if (is_sticky_folder(st))
		return true;
	if (st->st_mode & S_IWOTH) {
		err_set(err, "%s is writable by everyone: run `chmod o-w %s`", path, path);
		return false;
	}
	if (st->st_mode & S_IWGRP && geteuid() == 0) {
		err_set(err,
		        "%s is writable by its group, and this runs as root: run `chmod g-w %s`",
		        path, path);
		return false;
	}
	return true;
}

bool access_is_doubtful(const struct stat *st)
{
	return st->st_mode & S_IWGRP && !is_sticky_folder(st) && geteuid() != 0;
}

bool access_check(const char *path, const struct stat *st, struct access_verdict *verdict)
{
	if (!access_is_safe(path, st, &verdict->forbidden))
		return false;
	if (access_is_doubtful(st) && !verdict->doubtful.text[0])
		err_set(&verdict->doubtful, "%s", path);
	return true;
}

/* Checks all folders above the file, up to the root. The path is real. */
static bool check_folders(const char *file, struct access_verdict *verdict)
{
	char path[PATH_MAX];
	struct stat st;

	strcpy(path, file);
	for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
		slash[slash == path ? 1 : 0] = '\0'; /* cuts it off, but keeps that of the root */
		if (stat(path, &st) < 0) {
			err_set(&verdict->forbidden, "cannot read %s: %s", path, strerror(errno));
			return false;
		}
		if (!access_check(path, &st, verdict))
			return false;
		if (slash == path)
			break;
	}
	return true;
}

/* Checks the folder of a symbolic link, since a user who can replace the link chooses what
 * runs. */
static bool check_link(const char *path, struct access_verdict *verdict)
{
	char folder[PATH_MAX], real[PATH_MAX + 2];

	snprintf(folder, sizeof folder, "%s", path);
	if (!realpath(dirname(folder), real)) {
		err_set(&verdict->forbidden, "cannot read the folder of %s: %s", path,
		        strerror(errno));
		return false;
	}
	strcat(real, "/."); /* so that `real` is one of the folders above */
	return check_folders(real, verdict);
}

bool access_check_folders(const char *path, const char *real, struct access_verdict *verdict)
{
	return check_folders(real, verdict) && check_link(path, verdict);
}

void access_warn(const char *what, const char *path)
{
	log_warn("file is writable by its group", log_str("what", what), log_str("path", path));
}
