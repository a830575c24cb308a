#include "rehearsal/socket_owner.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_ours(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/* Only root and this user may replace what is in the folder. With the sticky bit others may add to
 * it, but replace nothing of ours. */
static bool is_guarded(const char *folder, bool may_be_sticky)
{
	mode_t others = S_IWGRP | S_IWOTH;
	struct stat st;

	return stat(folder, &st) == 0 && is_ours(st.st_uid) &&
	       (!(st.st_mode & others) || (may_be_sticky && st.st_mode & S_ISVTX));
}

/* Moves to the folder above. False: there is none. */
static bool go_up(char *folder)
{
	char *slash = strrchr(folder, '/');

	if (!slash || !folder[1])
		return false;
	slash[slash == folder ? 1 : 0] = '\0'; /* the root keeps its slash */
	return true;
}

/* `folder` is an absolute path without links, and is changed. The folder above it must be ours
 * alone: in a sticky one, somebody else could have made `folder`. Further up, all folders are ours,
 * so the sticky bit keeps others from replacing them. */
static bool is_placed_by_us(char *folder)
{
	bool may_be_sticky = false;

	while (go_up(folder)) {
		if (!is_guarded(folder, may_be_sticky))
			return false;
		may_be_sticky = true;
	}
	return true;
}

static bool owns_folder(uid_t uid, const char *path)
{
	char copy[PATH_MAX], folder[PATH_MAX];
	struct stat st;

	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy ||
	    !realpath(dirname(copy), folder))
		return false;
	return stat(folder, &st) == 0 && st.st_uid == uid && !(st.st_mode & S_IWOTH) &&
	       is_placed_by_us(folder);
}

bool socket_owner_is_trusted(int fd, const char *path, struct err *err)
{
	struct ucred who;
	socklen_t len = sizeof who;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0) {
		err_set_call(err, "getsockopt SO_PEERCRED", errno);
		return false;
	}
	if (is_ours(who.uid) || owns_folder(who.uid, path))
		return true;
	err_set(err,
	        "the process at %s belongs to uid %u, so no secret is sent to it: expected root, "
	        "uid %u, or the owner of a folder that only root could have made there",
	        path, who.uid, geteuid());
	return false;
}
