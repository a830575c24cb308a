/* scan - lists the names of all clients in Redis, and lets each be looked up. For one worker. */
#ifndef SCAN_H
#define SCAN_H

#include "../common/store/changes.h"
#include "asker.h"

struct scan;

struct scan_order {
	struct asker *asker;
	struct changes *changes;
	const char *prefix;  /* of the keys */
	const char *pattern; /* of Redis, for the keys */
	/* Called when the list is complete or has failed, but not after scan_stop(). [worker] */
	void (*on_end)(void *arg, bool is_complete);
	void *arg;
};

/* NULL: it cannot begin. The texts are borrowed. [worker] */
struct scan *scan_start(const struct scan_order *order);
/* Ends the scan without on_end(), which must not have been called yet. Accepts NULL. [worker] */
void scan_stop(struct scan *scan);
/* Escapes a text, so that it stands for itself in a pattern of Redis. `size` must be more than
 * twice the text's length. [any] */
void scan_escape(const char *text, char *out, size_t size);

#endif
