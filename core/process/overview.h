/* overview - all that a process's configuration comes to: the core's own options and, in their
 * places, those of the plugin instances that it has made. */
#ifndef CORE_OVERVIEW_H
#define CORE_OVERVIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "config/effective.h"

struct config;
struct plugin_set;

/* The set has been made from the config, which has no mistakes, and has all its chains still.
 * False: out of memory; effective_fini is fine in any case. [main] */
bool overview_make(const struct config *config, const struct plugin_set *set,
                   struct effective *effective_out);
/* A line for each value: "POINTER = VALUE  # SOURCE". */
void overview_print(const struct effective *effective, FILE *out);

#endif
