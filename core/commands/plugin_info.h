/* plugin_info - `spore plugin info`: all that one plugin's file says of itself. [main] */
#ifndef CORE_PLUGIN_INFO_H
#define CORE_PLUGIN_INFO_H

#include <stdbool.h>
#include <stdio.h>

struct plugin_view;

/* False: memory was out. */
bool plugin_info_print(const struct plugin_view *view, FILE *out);
void plugin_info_write_json(const struct plugin_view *view, FILE *out);

#endif
