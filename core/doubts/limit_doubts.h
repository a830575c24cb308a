/* limit_doubts - limits that have no effect because a lower one is reached first, and bans that
 * nobody can get. */
#ifndef CORE_LIMIT_DOUBTS_H
#define CORE_LIMIT_DOUBTS_H

struct instance;
struct plugin_set;

/* Limits of the server. [control] */
void limit_doubts_find(struct plugin_set *set);
/* Limits that an auth instance has for single clients. [control] */
void limit_doubts_find_of_clients(struct plugin_set *set, const struct instance *instance);

#endif
