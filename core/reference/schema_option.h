/* schema_option - writes options as JSON Schema (draft 7): which values an option accepts, as far
 * as a schema can express it. Texts of plugins may contain any bytes. Pure. [any] */
#ifndef CORE_SCHEMA_OPTION_H
#define CORE_SCHEMA_OPTION_H

#include "option/table.h"
#include "json/jsonout.h"

/* Writes the types that options refer to, as members of "definitions". */
void schema_option_write_types(struct jsonout *json);
/* Writes the keywords of a row (description, type, default, bounds) into an object that was begun.
 * `doc`: the description; NULL: that of the row. */
void schema_option_write_body(struct jsonout *json, const spore_option *row, const char *doc);
/* Writes all rows of a table as members of "properties". */
void schema_option_write_rows(struct jsonout *json, const struct option_table *table);
/* Writes the keyword "required" if a row is required. `place`: of the object, as in the target of a
 * shorthand ("/client"). A row that a flag or a variable may set is not required in the file.
 * `place` is NULL if there are no flags for the object. */
void schema_option_write_required(struct jsonout *json, const struct option_table *table,
                                  const char *place);

#endif
