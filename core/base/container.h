/* container - from a pointer to a member back to the struct that embeds it. */
#ifndef CORE_CONTAINER_H
#define CORE_CONTAINER_H

#include <stddef.h>

/* The `type` whose `member` is at `pointer`, which must not be NULL. */
#define CONTAINER_OF(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
