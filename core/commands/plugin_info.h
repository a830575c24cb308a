/* plugin_info - `spore plugin info`: prints everything that one plugin file declares. [main] */
#ifndef CORE_PLUGIN_INFO_H
#define CORE_PLUGIN_INFO_H

#include <stdbool.h>
#include <stdio.h>

struct plugin_view;

/* False: out of memory, or `out` refuses to be written. */
bool plugin_info_print(const struct plugin_view *view, FILE *out);
void plugin_info_write_json(const struct plugin_view *view, FILE *out);

#endif
