/* option - fills a struct from a JSON object, checked against an option table. [main] */
#ifndef CORE_OPTION_H
#define CORE_OPTION_H

#include "option/scope.h"
#include "option/table.h"

/* Fills `conf` (zeroed by the caller) from `object` (NULL: all defaults). Adds every mistake to the
 * diag and keeps the default there. Returns true if there was no mistake. */
bool option_fill(const struct option_scope *scope, const struct option_table *table,
                 const struct json *object, void *conf);
/* The object "*" of a map, from which the other objects take what they leave out
 * (SPORE_OPTF_INHERITS). NULL: there is none. `map` may be NULL. */
const struct json *option_fallback(const spore_option *row, const struct json *map);

#endif
