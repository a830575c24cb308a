/* use_doubts - limits on the bytes of a day or month, and the file that keeps their counts, which
 * do not fit each other. */
#ifndef CORE_USE_DOUBTS_H
#define CORE_USE_DOUBTS_H

struct plugin_set;

/* Adds each of them to set->doubts. [control] */
void use_doubts_find(struct plugin_set *set);

#endif
