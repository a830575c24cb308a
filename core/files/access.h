/* access - checks who may write a file that decides what this process runs: a plugin, a
 * configuration or the program of an upgrade. [any] */
#ifndef CORE_ACCESS_H
#define CORE_ACCESS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/* True if only root and the user who runs this process may write the file. Its group may write it,
 * too, unless that user is root. A folder with the sticky bit may be writable by everyone. On
 * false, *err names the path and the remedy. */
bool access_is_safe(const char *path, const struct stat *st, struct err *err);
/* True for a safe file that its group may write. */
bool access_is_doubtful(const struct stat *st);

/* The result of checking owner and modes of a file and of the folders above it. */
struct access_verdict {
	struct err forbidden; /* why the file must not be used; empty: it may be used */
	struct err doubtful;  /* the first path that its group may write; empty: none. For root
	                       * such a path is forbidden. */
};

/* Checks one file or folder. False and verdict->forbidden: it is not safe. */
bool access_check(const char *path, const struct stat *st, struct access_verdict *verdict);
/* Checks all folders above the file: those of its real path, and, if `path` is a symbolic link,
 * those of the link. False and verdict->forbidden: one is not safe, or cannot be read. */
bool access_check_folders(const char *path, const char *real, struct access_verdict *verdict);
/* Logs a warning about a doubtful file. `what`: "plugin", "configuration",
 * "program". */
void access_warn(const char *what, const char *path);

#endif
