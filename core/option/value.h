/* value - the scalar option types: one JSON value becomes one C value. [main] */
#ifndef CORE_VALUE_H
#define CORE_VALUE_H

#include <spore/option.h>

#include "option/option.h"

/* Reads `node` as the row's type into `out`. A mistake goes to the diag. */
bool value_read(const struct option_scope *scope, const spore_option *row, const struct json *node,
                void *out);
/* The path that a string is. In a file it starts from the file's folder, from a flag or a variable
 * from the working directory. NULL: out of memory. */
const char *value_path(const struct option_scope *scope, const struct json *node);
/* The same, and the file is about to be read: it is noted among the scope's. */
const char *value_path_to_read(const struct option_scope *scope, const struct json *node);
/* `found "x"`, for messages; secrets are not shown. */
const char *value_describe(const struct json *node, char *out, size_t size);

#define VALUE_SCALED_SIZE 32
/* In the largest unit that leaves no rest: "90s", "1d"; "64k". */
const char *value_format_duration(int64_t ms, char out[VALUE_SCALED_SIZE]);
const char *value_format_size(int64_t bytes, char out[VALUE_SCALED_SIZE]);

#endif
