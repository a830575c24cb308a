/* access - may this process go by what a file says? Whoever may write a plugin or a configuration
 * decides what runs here. [any] */
#ifndef CORE_ACCESS_H
#define CORE_ACCESS_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/* True if only root, the user who runs this process and, unless that is root, a group may write it;
 * a folder with the sticky bit may be open to all. False and *err, which names the path and the
 * remedy. */
bool access_is_safe(const char *path, const struct stat *st, struct err *err);
/* It is safe, but a group may write it. */
bool access_is_doubtful(const struct stat *st);
/* Logs that. `what`: "plugin", "configuration". */
void access_warn(const char *what, const char *path);

#endif
