/* hand_on - the bytes that an instance hands on to the instance that replaces it on a reload.
 *
 * Each instance has a store of its own. A new instance begins with a copy of the store of the one
 * that it replaces, so what the old one puts later does not disturb it, and nothing is changed if
 * the reload fails. Bytes are wiped before they are freed. */
#ifndef CORE_HAND_ON_H
#define CORE_HAND_ON_H

#include <pthread.h>
#include <spore/base.h>
#include <stdatomic.h>
#include <stdbool.h>

struct hand_on_entry;

enum { HAND_ON_MAX_KEY = 63, HAND_ON_MAX_BYTES = 1 << 20 };

struct hand_on {
	pthread_mutex_t lock; /* for all below */
	struct hand_on_entry *first;
	size_t size;          /* of all keys and bytes */
	atomic_bool readable; /* by the plugin: its instance is being created */
};

void hand_on_init(struct hand_on *store);
void hand_on_fini(struct hand_on *store);
/* Copies all of `from` to a store that is empty. False: out of memory. [any] */
bool hand_on_copy(struct hand_on *store, struct hand_on *from);
/* Like spore_host.state_put. [any] */
spore_status hand_on_put(struct hand_on *store, const char *key, spore_str bytes);
/* Like spore_host.state_get, but also outside of create(). The result is valid until the key is put
 * again. [any] */
uint32_t hand_on_get(struct hand_on *store, const char *key, spore_str *out);

#endif
