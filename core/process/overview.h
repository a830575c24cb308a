/* overview - the effective value of every option of a process: those of the core and, at their
 * places, those of its plugin instances. */
#ifndef CORE_OVERVIEW_H
#define CORE_OVERVIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "config/effective.h"

struct config;
struct plugin_set;

/* The set was made from the config, which has no mistakes, and still has all its chains. False: out
 * of memory. Call effective_fini in any case. [main] */
bool overview_make(const struct config *config, const struct plugin_set *set,
                   struct effective *effective_out);
/* Prints a line for each value: "POINTER = VALUE  # SOURCE". */
void overview_print(const struct effective *effective, FILE *out);

#endif
