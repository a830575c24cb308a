/* identity_doubts - identities in options of plugins, such as those of an access list, that no auth
 * instance can have. */
#ifndef CORE_IDENTITY_DOUBTS_H
#define CORE_IDENTITY_DOUBTS_H

struct instance;
struct plugin_set;

/* Adds a doubt for each identity that an option of this instance names and that nobody has.
 * [control] */
void identity_doubts_find(struct plugin_set *set, const struct instance *instance);

#endif
