/* host_doubts - routed ports at which no tunnel can have a name, and names without such a port. */
#ifndef CORE_HOST_DOUBTS_H
#define CORE_HOST_DOUBTS_H

struct plugin_set;

/* [control] */
void host_doubts_find(struct plugin_set *set);

#endif
