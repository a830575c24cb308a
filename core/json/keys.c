#include "json/keys.h"

#include <stdlib.h>
#include <string.h>

bool keys_init(struct keys *keys, size_t most, uint64_t seed)
{
	*keys = (struct keys){ .n_slots = 1, .seed = seed };
	while (keys->n_slots < 2 * most)
		keys->n_slots *= 2;
	keys->slots = calloc(keys->n_slots, sizeof *keys->slots);
	return keys->slots != NULL;
}

void keys_fini(struct keys *keys)
{
	free(keys->slots);
}

/* FNV-1a, from a random start. */
static uint64_t hash_key(const struct keys *keys, const char *key)
{
	uint64_t hash = keys->seed;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 0x100000001B3;
	return hash ^ hash >> 32;
}

bool keys_add(struct keys *keys, const char *key)
{
	size_t at = hash_key(keys, key) & (keys->n_slots - 1);

	while (keys->slots[at]) {
		if (strcmp(keys->slots[at], key) == 0)
			return false;
		at = (at + 1) & (keys->n_slots - 1);
	}
	keys->slots[at] = key;
	return true;
}
