/* users - counts who still uses an object, on any thread, and tells when nobody does any more. */
#ifndef CORE_USERS_H
#define CORE_USERS_H

#include <stdatomic.h>

struct users {
	atomic_uint n;
	/* Runs once, on the thread of the last user. The object may be freed from then on. */
	void (*on_none)(struct users *users);
};

/* The object has one user, or more than one, already. NULL: nobody counts. [any] */
static inline void users_enter(struct users *users)
{
	if (users)
		atomic_fetch_add_explicit(&users->n, 1, memory_order_relaxed);
}

/* NULL: nobody counts. [any] */
static inline void users_leave(struct users *users)
{
	if (users && atomic_fetch_sub(&users->n, 1) == 1)
		users->on_none(users);
}

#endif
