/* value_describe - the messages about a value of the wrong type or outside of its range. [main] */
#ifndef CORE_VALUE_DESCRIBE_H
#define CORE_VALUE_DESCRIBE_H

#include "option/scope.h"

/* Shows the value for a message: "\"x\"", "5", "an object". Not for secrets. Returns `out`. */
const char *value_describe(const struct json *node, char *out, size_t size);
/* Adds "expected ..., found ..." to the diag. Always returns false. */
bool value_mismatch(const struct option_scope *scope, const struct json *node,
                    const char *expected);

#endif
