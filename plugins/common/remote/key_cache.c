#include "key_cache.h"

#include <stdlib.h>

enum { N_BUCKETS = 1024 };

/* What is known of one name: its key, or that the back-end is being asked for it, or both. */
struct key_entry {
	struct key_entry *next;          /* in its bucket */
	struct key_entry *newer, *older; /* by use, if it has a key */
	struct key_wait *waits;          /* in the order in which they came */
	bool is_asked, has_key;
	int64_t end_ms; /* of the key's life */
	struct known_key known;
	char name[KEY_CACHE_NAME_MAX + 1];
};

struct key_cache {
	struct key_entry *buckets[N_BUCKETS];
	struct key_entry *newest, *oldest;
	size_t n, max;
};

static struct key_entry **bucket_of(struct key_cache *cache, const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return &cache->buckets[(hash ^ hash >> 16) % N_BUCKETS];
}

/* The pointer to the entry of this name, or to the NULL where it would be. */
static struct key_entry **find_entry(struct key_cache *cache, const char *name)
{
	struct key_entry **at = bucket_of(cache, name);

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

/* ---- keys in the order of their use ---- */

static void unlink_key(struct key_cache *cache, struct key_entry *entry)
{
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		cache->newest = entry->older;
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		cache->oldest = entry->newer;
}

static void link_newest(struct key_cache *cache, struct key_entry *entry)
{
	entry->newer = NULL;
	entry->older = cache->newest;
	if (cache->newest)
		cache->newest->newer = entry;
	else
		cache->oldest = entry;
	cache->newest = entry;
}

static void drop_key(struct key_cache *cache, struct key_entry *entry)
{
	if (!entry->has_key)
		return;
	unlink_key(cache, entry);
	explicit_bzero(&entry->known, sizeof entry->known);
	entry->has_key = false;
	cache->n--;
}

/* Frees the entry of a name if it has no key and is not being asked for. */
static void free_if_idle(struct key_cache *cache, const char *name)
{
	struct key_entry **at = find_entry(cache, name), *entry = *at;

	if (!entry || entry->has_key || entry->is_asked)
		return;
	*at = entry->next;
	free(entry);
}

static void forget(struct key_cache *cache, struct key_entry *entry)
{
	drop_key(cache, entry);
	free_if_idle(cache, entry->name);
}

static void keep_key(struct key_cache *cache, struct key_entry *entry,
                     const struct known_key *known, int64_t end_ms)
{
	drop_key(cache, entry);
	if (cache->n == cache->max)
		forget(cache, cache->oldest);
	entry->known = *known;
	entry->end_ms = end_ms;
	entry->has_key = true;
	link_newest(cache, entry);
	cache->n++;
}

/* ---- the cache ---- */

struct key_cache *key_cache_new(size_t max_keys)
{
	struct key_cache *cache = calloc(1, sizeof *cache);

	if (cache)
		cache->max = max_keys;
	return cache;
}

void key_cache_free(struct key_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < N_BUCKETS; i++) {
		for (struct key_entry *entry = cache->buckets[i], *next; entry; entry = next) {
			next = entry->next;
			explicit_bzero(entry, sizeof *entry);
			free(entry);
		}
	}
	free(cache);
}

const struct known_key *key_cache_find(struct key_cache *cache, const char *name, int64_t now_ms)
{
	struct key_entry *entry = *find_entry(cache, name);

	if (!entry || !entry->has_key)
		return NULL;
	if (now_ms >= entry->end_ms) {
		forget(cache, entry);
		return NULL;
	}
	unlink_key(cache, entry);
	link_newest(cache, entry);
	return &entry->known;
}

/* The entry of a name, which is added if need be. NULL: out of memory. */
static struct key_entry *need_entry(struct key_cache *cache, const char *name)
{
	struct key_entry **at = find_entry(cache, name);
	size_t len = strlen(name);

	if (*at || len > KEY_CACHE_NAME_MAX)
		return *at;
	*at = calloc(1, sizeof **at);
	if (*at)
		memcpy((*at)->name, name, len + 1);
	return *at;
}

enum key_joined key_cache_join(struct key_cache *cache, const char *name, struct key_wait *wait)
{
	struct key_entry *entry = need_entry(cache, name);
	struct key_wait **last;

	wait->entry = NULL;
	if (!entry)
		return KEY_NO_MEMORY;
	for (last = &entry->waits; *last; last = &(*last)->next)
		;
	*last = wait;
	wait->next = NULL;
	wait->entry = entry;
	if (entry->is_asked)
		return KEY_WAIT;
	entry->is_asked = true;
	return KEY_ASK;
}

void key_cache_leave(struct key_wait *wait)
{
	struct key_wait **at;

	if (!wait->entry)
		return;
	for (at = &wait->entry->waits; *at != wait; at = &(*at)->next)
		;
	*at = wait->next;
	wait->entry = NULL;
}

static void tell_waits(struct key_wait *waits, enum key_answer answer,
                       const struct known_key *known)
{
	for (struct key_wait *wait = waits, *next; wait; wait = next) {
		next = wait->next;
		wait->entry = NULL;
		wait->on_answer(wait, answer, answer == KEY_FOUND ? known : NULL);
	}
}

void key_cache_answer(struct key_cache *cache, const char *name, enum key_answer answer,
                      const struct known_key *known, int64_t life_ms, int64_t now_ms)
{
	struct key_entry *entry = *find_entry(cache, name);
	struct key_wait *waits;

	if (!entry)
		return;
	waits = entry->waits;
	entry->waits = NULL;
	entry->is_asked = false;
	if (answer == KEY_FOUND && life_ms > 0)
		keep_key(cache, entry, known, now_ms + life_ms);
	else if (answer != KEY_FAILED)
		drop_key(cache, entry);
	free_if_idle(cache, entry->name);
	tell_waits(waits, answer, known);
}

void key_cache_forget(struct key_cache *cache, const char *name)
{
	struct key_entry *entry = *find_entry(cache, name);

	if (entry)
		forget(cache, entry);
}

size_t key_cache_count(const struct key_cache *cache)
{
	return cache->n;
}
