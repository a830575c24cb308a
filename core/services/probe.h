/* probe - loads a plugin in a child process first, to find out whether loading it would end or
 * block this process. [main] */
#ifndef CORE_PROBE_H
#define CORE_PROBE_H

#include <stdbool.h>

#include "base/err.h"

/* Loads the file as loader_load does; true also if the loader refuses the file. False and *err: a
 * constructor or the entry point killed, ended or blocked the child. */
bool probe_load(const char *path, const char *pin, struct err *err);

#endif
