/* usage_doubts - limits on bytes without a file that keeps their counts, and such a file without
 * limits. */
#ifndef CORE_USAGE_DOUBTS_H
#define CORE_USAGE_DOUBTS_H

struct plugin_set;

/* [control] */
void usage_doubts_find(struct plugin_set *set);

#endif
