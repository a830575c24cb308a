#include "files/access.h"

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

void access_warn(const char *what, const char *path)
{
	log_warn("file is writable by its group", log_str("what", what), log_str("path", path));
}
