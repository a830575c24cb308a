/* schema_option - an option as JSON Schema (draft 7): what its reader takes, as far as a schema can
 * say it. All of its texts are the table's, so those of a plugin may hold any bytes. Pure. [any] */
#ifndef CORE_SCHEMA_OPTION_H
#define CORE_SCHEMA_OPTION_H

#include "option/table.h"
#include "json/jsonout.h"

/* What several options refer to, as members of "definitions". */
void schema_option_write_types(struct jsonout *json);
/* The keywords of a row, into an object that was begun: its type, default and bounds; `doc` NULL:
 * its own. */
void schema_option_write_body(struct jsonout *json, const spore_option *row, const char *doc);
/* All rows of a table, as members of "properties". */
void schema_option_write_rows(struct jsonout *json, const struct option_table *table);
/* The keyword "required", if a row is. `place` is the object's, as in a shorthand's target
 * ("/client"): what a flag or a variable may bring, a file may lack. NULL: none may. */
void schema_option_write_required(struct jsonout *json, const struct option_table *table,
                                  const char *place);

#endif
