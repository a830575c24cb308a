/* doubts - probable mistakes in a valid configuration. The host accepts the configuration
 * anyway. The log names the doubts at each start, reload and check. The reply to a request for a
 * reload names them, too. */
#ifndef CORE_DOUBTS_H
#define CORE_DOUBTS_H

#include <stdio.h>

struct plugin_set;

/* Adds to set->doubts each probable mistake that concerns several parts of the configuration, such
 * as an identity that no auth instance can have. Call it once, before the set is used. [control] */
void doubts_find(struct plugin_set *set);
/* Adds a doubt if clients that are connected now cannot open data connections to this set. before:
 * the set that this one replaces; NULL at the start. [control] */
void doubts_find_cut_off(struct plugin_set *set, const struct plugin_set *before);
/* [main] */
void doubts_log(const struct plugin_set *set);
/* Writes one printable line for each. [main] */
void doubts_print(const struct plugin_set *set, FILE *out);

#endif
