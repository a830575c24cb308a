/* transport_doubts - transports in an order that does not work with most peers. */
#ifndef CORE_TRANSPORT_DOUBTS_H
#define CORE_TRANSPORT_DOUBTS_H

struct plugin_set;

/* All chains of transports. [control] */
void transport_doubts_find(struct plugin_set *set);

#endif
