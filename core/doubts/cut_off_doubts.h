/* cut_off_doubts - a reload after which connected clients cannot open data connections. */
#ifndef CORE_CUT_OFF_DOUBTS_H
#define CORE_CUT_OFF_DOUBTS_H

struct plugin_set;

/* Adds a doubt if clients that are connected now cannot open data connections to this set. before:
 * the set that this one replaces; NULL at the start. [control] */
void cut_off_doubts_find(struct plugin_set *set, const struct plugin_set *before);

#endif
