/* plugin_options - shows the option table of a component, for people and as JSON. The texts come
 * from the plugin and may contain any bytes. Pure. [any] */
#ifndef CORE_PLUGIN_OPTIONS_H
#define CORE_PLUGIN_OPTIONS_H

#include "base/columns.h"
#include "option/table.h"
#include "json/jsonout.h"

enum { PLUGIN_OPTIONS_COLUMNS = 4 }; /* name, type, default or "required", doc */

/* Adds a row for each option. The options inside an object follow it, indented. */
void plugin_options_add(struct columns *columns, const struct option_table *table);
/* Writes an array with one object for each option. */
void plugin_options_write(struct jsonout *json, const char *key, const struct option_table *table);

#endif
