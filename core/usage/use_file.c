#include "usage/use_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "usage/usage.h"

static bool fail_to_read(const char *path, struct err *err)
{
	int cause = errno;

	err_set(err, "%s: cannot read the file: %s", path, strerrordesc_np(cause));
	errno = cause;
	return false;
}

static bool check_kind(const struct stat *stat, const char *path, struct err *err)
{
	if (S_ISREG(stat->st_mode))
		return true;
	err_set(err, "%s: expected a regular file, found %s", path,
	        S_ISDIR(stat->st_mode) ? "a folder" : "another kind of file");
	errno = EINVAL;
	return false;
}

/* An empty file has nothing to lose. */
static bool check_head(int fd, const char *path, struct err *err)
{
	char head[sizeof USE_HEAD];
	ssize_t n = pread(fd, head, strlen(USE_HEAD), 0);

	if (n < 0)
		return fail_to_read(path, err);
	if (n == 0 || (n == (ssize_t)strlen(USE_HEAD) && memcmp(head, USE_HEAD, (size_t)n) == 0))
		return true;
	err_set(err,
	        "%s: expected no file yet, or one whose first line is \"%.*s\": no other file is "
	        "replaced",
	        path, (int)strcspn(USE_HEAD, "\n"), USE_HEAD);
	errno = EINVAL;
	return false;
}

int use_file_open(const char *path, struct err *err)
{
	struct stat status;
	int fd, cause;

	/* To open a device may change something. */
	if (stat(path, &status) != 0) {
		fail_to_read(path, err);
		return -1;
	}
	if (!check_kind(&status, path, err))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status) != 0)
		fail_to_read(path, err);
	else if (check_kind(&status, path, err) && check_head(fd, path, err))
		return fd;
	cause = errno;
	if (fd >= 0)
		close(fd);
	errno = cause;
	return -1;
}

/* A file is replaced by another one, so its folder counts, not the file's own rights. */
static bool check_folder(const char *path, struct err *err)
{
	const char *name = strrchr(path, '/');
	char *folder = name ? strndup(path, (size_t)(name - path) + 1) : strdup(".");
	bool good = false;

	if (!folder) {
		err_set(err, "out of memory");
		return false;
	}
	good = faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
	if (!good)
		err_set(err, "%s: cannot write the file: %s", path, strerrordesc_np(errno));
	free(folder);
	return good;
}

bool use_file_check(const char *path, struct err *err)
{
	int fd = use_file_open(path, err);

	if (fd < 0 && errno != ENOENT)
		return false;
	if (fd >= 0)
		close(fd);
	return check_folder(path, err);
}
