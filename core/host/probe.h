/* probe - would loading a plugin end this process? Tried in a child process. [main] */
#ifndef CORE_PROBE_H
#define CORE_PROBE_H

#include <stdbool.h>

#include "base/err.h"

/* Loads the file as loader_load does; whether it is refused there is no matter. False and *err: a
 * constructor or the entry point killed the child, ended it, or held it up. */
bool probe_load(const char *path, const char *pin, struct err *err);

#endif
