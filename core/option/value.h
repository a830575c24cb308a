/* value - reads one JSON value as the C value of a scalar option type. [main] */
#ifndef CORE_VALUE_H
#define CORE_VALUE_H

#include <spore/option.h>

#include "option/scope.h"

/* Reads `node` as the row's type into `out`. False after adding the mistake to the diag. */
bool value_read(const struct option_scope *scope, const spore_option *row, const struct json *node,
                void *out);

#endif
