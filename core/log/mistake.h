/* mistake - names a plugin that calls a function of the host wrongly, without flooding the log. */
#ifndef CORE_MISTAKE_H
#define CORE_MISTAKE_H

#include <spore/base.h>

/* Logs that the plugin passed a bad argument to the function `call`, and returns SPORE_EINVAL. Each
 * mistake of a plugin is logged once in ten seconds; the line says how often it was withheld. All
 * texts must be permanent. plugin: NULL if it is unknown; then it is the plugin whose code the
 * calling thread runs. [any] */
spore_status mistake(const char *plugin, const char *call, const char *argument);

#endif
