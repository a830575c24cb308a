/* lookup - looks up the hash of a client in Redis. These are the functions of a store that
 * plugins/common/store calls. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "../common/store/store.h"
#include "asker.h"

enum { LOOKUP_PREFIX_MAX = 100 };

/* The state of a worker. */
struct lookup_state {
	struct asker *asker;
	const char *prefix; /* of the keys, with the last colon */
};

/* The `backend` of these functions is a struct lookup_state. */
extern const struct store_ops lookup_ops;

#endif
