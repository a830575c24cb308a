/* plugin_options - a component's table of options, for people and as JSON. All of its texts are the
 * plugin's, so they may hold any bytes. Pure. [any] */
#ifndef CORE_PLUGIN_OPTIONS_H
#define CORE_PLUGIN_OPTIONS_H

#include "base/columns.h"
#include "option/table.h"
#include "json/jsonout.h"

enum { PLUGIN_OPTIONS_COLUMNS = 4 }; /* name, type, default or "required", doc */

/* A row for each option; those of an object stand behind it, set in. */
void plugin_options_add(struct columns *columns, const struct option_table *table);
/* An array of objects. */
void plugin_options_write(struct jsonout *json, const char *key, const struct option_table *table);

#endif
