/* access - checks who may write a file that decides what this process runs: a plugin or a
 * configuration. [any] */
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
/* Logs a warning about a doubtful file. `what`: "plugin", "configuration". */
void access_warn(const char *what, const char *path);

#endif
