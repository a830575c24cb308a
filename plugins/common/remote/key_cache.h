/* key_cache - keeps the keys and limits of clients that a back-end has told, each for as long as
 * the back-end said. It also knows which names the back-end is being asked for, so that it is asked
 * for a name once, however many clients wait.
 *
 * A cache belongs to one worker. It holds a bounded number of keys, and forgets the one that was
 * used least recently. It never remembers that a name is unknown, or that the back-end failed. This
 * code is compiled into each plugin that uses it. */
#ifndef COMMON_KEY_CACHE_H
#define COMMON_KEY_CACHE_H

#include "../client/terms.h"

enum { KEY_CACHE_KEY_SIZE = 32, KEY_CACHE_NAME_MAX = SPORE_IDENTITY_MAX };

struct known_key {
	char identity[SPORE_IDENTITY_MAX + 1];
	uint8_t key[KEY_CACHE_KEY_SIZE];
	struct terms terms;
};

enum key_answer { KEY_FOUND, KEY_UNKNOWN, KEY_FAILED };

struct key_entry;

/* A client that waits for a key. The caller's memory. */
struct key_wait {
	/* Called once, from key_cache_answer(), and then forgotten. `known` is NULL unless the
	 * answer is KEY_FOUND, and valid until return. May call key_cache_find() and _join() for
	 * other names. [worker] */
	void (*on_answer)(struct key_wait *wait, enum key_answer answer,
	                  const struct known_key *known);
	struct key_wait *next;   /* the cache's */
	struct key_entry *entry; /* the cache's; NULL: it does not wait */
};

struct key_cache;

/* max_keys >= 1. NULL: out of memory. [worker] */
struct key_cache *key_cache_new(size_t max_keys);
/* Wipes and frees. Nobody may wait. Accepts NULL. [worker] */
void key_cache_free(struct key_cache *cache);
/* The key of a name of 1 to KEY_CACHE_NAME_MAX bytes, if it is known and its life is not over.
 * Valid until the next call of another function of the cache. [worker] */
const struct known_key *key_cache_find(struct key_cache *cache, const char *name, int64_t now_ms);

enum key_joined { KEY_ASK, KEY_WAIT, KEY_NO_MEMORY };

/* Waits for the key of a name. KEY_ASK: the caller asks the back-end and calls key_cache_answer().
 * KEY_WAIT: another caller has asked. KEY_NO_MEMORY: `wait` does not wait. [worker] */
enum key_joined key_cache_join(struct key_cache *cache, const char *name, struct key_wait *wait);
/* Ends the waiting. Does nothing if `wait` does not wait. [worker] */
void key_cache_leave(struct key_wait *wait);
/* Tells all that wait what the back-end has said about a name. With KEY_FOUND, keeps a copy of
 * `known` for life_ms; otherwise `known` may be NULL. [worker] */
void key_cache_answer(struct key_cache *cache, const char *name, enum key_answer answer,
                      const struct known_key *known, int64_t life_ms, int64_t now_ms);
/* Forgets the key of a name. [worker] */
void key_cache_forget(struct key_cache *cache, const char *name);
/* The number of keys. [worker] */
size_t key_cache_count(const struct key_cache *cache);

#endif
