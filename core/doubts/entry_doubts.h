/* entry_doubts - entries of the section "public" without effect. */
#ifndef CORE_ENTRY_DOUBTS_H
#define CORE_ENTRY_DOUBTS_H

struct plugin_set;

/* Entries whose ports no tunnel gets or earlier entries have, and entries that change nothing.
 * [control] */
void entry_doubts_find(struct plugin_set *set);

#endif
