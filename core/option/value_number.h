/* value_number - whole numbers, ports, durations and sizes: from JSON, and back to text. [main] */
#ifndef CORE_VALUE_NUMBER_H
#define CORE_VALUE_NUMBER_H

#include <spore/option.h>

#include "option/scope.h"

/* Each reads `node` as the row's type, within the row's bounds. False after adding the mistake to
 * the diag. A duration is in milliseconds, a size in bytes. */
bool value_read_int(const struct option_scope *scope, const spore_option *row,
                    const struct json *node, int64_t *out);
/* A row of the type NUMBER has no bounds. */
bool value_read_number(const struct option_scope *scope, const struct json *node, double *out);
bool value_read_duration(const struct option_scope *scope, const spore_option *row,
                         const struct json *node, int64_t *out);
bool value_read_size(const struct option_scope *scope, const spore_option *row,
                     const struct json *node, int64_t *out);

#define VALUE_SCALED_SIZE 32
/* Writes the value in the largest unit that divides it: "90s", "1d", "64k". Returns `out`. [any] */
const char *value_format_duration(int64_t ms, char out[VALUE_SCALED_SIZE]);
const char *value_format_size(int64_t bytes, char out[VALUE_SCALED_SIZE]);

#endif
