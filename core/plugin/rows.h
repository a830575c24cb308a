/* rows - checks the option table of a plugin, which is untrusted, before it is used. [main] */
#ifndef CORE_ROWS_H
#define CORE_ROWS_H

#include <stddef.h>

#include "base/err.h"
#include "option/table.h"

/* Checks a table that fills a struct of `size` bytes, and all tables below it. The rows must be
 * whole, their fields must lie within the struct and be aligned, their names and types must be
 * valid, and their defaults must be readable. A default of secrets or objects, and one that names a
 * file, is not read, but must be JSON. False and *err: what is wrong with which row. */
bool rows_check(const struct option_table *table, size_t size, struct err *err);

#endif
