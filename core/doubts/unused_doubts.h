/* unused_doubts - instances that are never asked, because an instance in front of them decides. */
#ifndef CORE_UNUSED_DOUBTS_H
#define CORE_UNUSED_DOUBTS_H

#include <stddef.h>

struct plugin_set;

/* Instances of the chain with this index. [control] */
void unused_doubts_find(struct plugin_set *set, size_t id);

#endif
