/* container - gets the struct that embeds a member from a pointer to the member. */
#ifndef CORE_CONTAINER_H
#define CORE_CONTAINER_H

#include <stddef.h>

/* A pointer to the `type` whose `member` is at `pointer`, which must not be NULL. */
#define CONTAINER_OF(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
