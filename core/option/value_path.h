/* value_path - the file path that a string of the configuration names. [main] */
#ifndef CORE_VALUE_PATH_H
#define CORE_VALUE_PATH_H

#include "option/scope.h"

/* A relative path in a file starts at the file's folder; one from a flag or an environment variable
 * starts at the working directory. The document owns the result. NULL: out of memory. */
const char *value_path(const struct option_scope *scope, const struct json *node);
/* The same for a file that the caller is about to read: also notes it in the scope's files. */
const char *value_path_to_read(const struct option_scope *scope, const struct json *node);
/* The same for a file that a plugin is about to read. NULL after adding the mistake to the diag: it
 * is a pipe, a socket or a device, on which a plugin might wait for ever. */
const char *value_path_of_file(const struct option_scope *scope, const struct json *node);
/* Notes a file that `node` names and that the caller is about to read. */
void value_path_note(const struct option_scope *scope, const struct json *node, const char *path);

#endif
