/* value_path - the file path that a string of the configuration names. [main] */
#ifndef CORE_VALUE_PATH_H
#define CORE_VALUE_PATH_H

#include "option/scope.h"

/* A relative path in a file starts at the file's folder; one from a flag or an environment variable
 * starts at the working directory. The document owns the result. NULL: out of memory. */
const char *value_path(const struct option_scope *scope, const struct json *node);
/* The same for a file that the caller is about to read: also notes it in the scope's files. */
const char *value_path_to_read(const struct option_scope *scope, const struct json *node);

#endif
