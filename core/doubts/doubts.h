/* doubts - probable mistakes in a valid configuration. The host accepts the configuration
 * anyway. The log names the doubts at each start, reload and check. The reply to a request for a
 * reload names them, too. */
#ifndef CORE_DOUBTS_H
#define CORE_DOUBTS_H

#include <stdio.h>

struct plugin_set;

/* Adds each of them to set->doubts, except those of a reload (cut_off_doubts). Call it once, before
 * the set is used. [control] */
void doubts_find(struct plugin_set *set);
/* A warning for each. [main] */
void doubts_log(const struct plugin_set *set);
/* Writes one printable line for each. [main] */
void doubts_print(const struct plugin_set *set, FILE *out);

#endif
