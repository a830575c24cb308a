/* use_file - what a server may do with the path of its file of counts (usage/ledger). It replaces
 * that file, so any other file, such as a key that the path names by mistake, must stay. */
#ifndef CORE_USAGE_USE_FILE_H
#define CORE_USAGE_USE_FILE_H

#include <stdbool.h>

#include "base/err.h"

/* Opens the file for reading. It is a regular file that is empty or begins with the first line of a
 * file of counts. It waits for no FIFO or device. -1 and errno ENOENT: there is no file; -1 and
 * another errno: *err says why, with the path. [any], may block as files do */
int use_file_open(const char *path, struct err *err);
/* May a server read, create and replace the file? Changes nothing. False: *err says why, with the
 * path. [any], may block as files do */
bool use_file_check(const char *path, struct err *err);

#endif
