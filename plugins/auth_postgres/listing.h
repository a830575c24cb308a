/* listing - lists the names of all clients in PostgreSQL, and lets each be looked up. For one
 * worker. */
#ifndef LISTING_H
#define LISTING_H

#include "../common/store/changes.h"
#include "asker.h"

struct listing;

struct listing_order {
	struct asker *asker;
	struct changes *changes;
	const char *query; /* its rows have one column, the name */
	/* Called when the list is complete or has failed, but not after listing_stop(). [worker] */
	void (*on_end)(void *arg, bool is_complete);
	void *arg;
};

/* NULL: it cannot begin. The texts are borrowed. [worker] */
struct listing *listing_start(const struct listing_order *order);
/* Ends the listing without on_end(), which must not have been called yet. Accepts NULL. [worker] */
void listing_stop(struct listing *listing);

#endif
