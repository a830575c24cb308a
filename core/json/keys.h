/* keys - a set of the keys of one object, to find those that are repeated. */
#ifndef CORE_KEYS_H
#define CORE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct keys {
	const char **slots; /* owned; a power of two of them, at least half of which are NULL */
	size_t n_slots;
	uint64_t seed;
};

/* An empty set for at most `most` keys. seed: a random number, so that a sender cannot choose keys
 * that make the set slow. False: out of memory. */
bool keys_init(struct keys *keys, size_t most, uint64_t seed);
void keys_fini(struct keys *keys);
/* Adds a key, which is borrowed. False: the set contains it already. */
bool keys_add(struct keys *keys, const char *key);

#endif
