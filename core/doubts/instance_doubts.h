/* instance_doubts - names that two instances have, and `on_error` where nothing uses it. */
#ifndef CORE_INSTANCE_DOUBTS_H
#define CORE_INSTANCE_DOUBTS_H

#include <stddef.h>

struct plugin_set;

/* Instances of the chain with this index. [control] */
void instance_doubts_find(struct plugin_set *set, size_t id);

#endif
