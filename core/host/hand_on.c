#include "host/hand_on.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"

struct hand_on_entry {
	struct hand_on_entry *next;
	char key[HAND_ON_MAX_KEY + 1];
	size_t len;
	char bytes[];
};

static size_t size_of(const struct hand_on_entry *entry)
{
	return sizeof *entry + entry->len;
}

static void free_entry(struct hand_on_entry *entry)
{
	crypto_wipe(entry->bytes, entry->len);
	free(entry);
}

void hand_on_init(struct hand_on *store)
{
	*store = (struct hand_on){ .first = NULL };
	pthread_mutex_init(&store->lock, NULL);
}

void hand_on_fini(struct hand_on *store)
{
	while (store->first) {
		struct hand_on_entry *entry = store->first;

		store->first = entry->next;
		free_entry(entry);
	}
	pthread_mutex_destroy(&store->lock);
}

/* NULL: out of memory. */
static struct hand_on_entry *make_entry(const char *key, spore_str bytes)
{
	struct hand_on_entry *entry = calloc(1, sizeof *entry + bytes.len);

	if (!entry)
		return NULL;
	strcpy(entry->key, key);
	entry->len = bytes.len;
	if (bytes.len)
		memcpy(entry->bytes, bytes.ptr, bytes.len);
	return entry;
}

/* The caller holds the lock. Returns the link that points to the entry of the key, or to NULL. */
static struct hand_on_entry **find_link(struct hand_on *store, const char *key)
{
	struct hand_on_entry **link = &store->first;

	while (*link && strcmp((*link)->key, key) != 0)
		link = &(*link)->next;
	return link;
}

/* The caller holds the lock. Takes the entry. */
static void add_entry(struct hand_on *store, struct hand_on_entry *entry)
{
	entry->next = store->first;
	store->first = entry;
	store->size += size_of(entry);
}

/* The caller holds the lock. */
static void remove_entry(struct hand_on *store, struct hand_on_entry **link)
{
	struct hand_on_entry *entry = *link;

	if (!entry)
		return;
	*link = entry->next;
	store->size -= size_of(entry);
	free_entry(entry);
}

bool hand_on_copy(struct hand_on *store, struct hand_on *from)
{
	struct hand_on_entry *copy = NULL;
	bool copied = true;

	pthread_mutex_lock(&from->lock);
	for (const struct hand_on_entry *i = from->first; i && copied; i = i->next) {
		copy = make_entry(i->key, (spore_str){ i->bytes, i->len });
		copied = copy != NULL;
		if (copied)
			add_entry(store, copy);
	}
	pthread_mutex_unlock(&from->lock);
	return copied;
}

static bool is_good_key(const char *key)
{
	return key && *key && strnlen(key, HAND_ON_MAX_KEY + 1) <= HAND_ON_MAX_KEY;
}

/* The caller holds the lock. Replaces the key's old entry, and takes the new one; NULL: only
 * removes the old one. SPORE_EBUSY: the store would be too large, and nothing has changed. */
static spore_status replace_entry(struct hand_on *store, const char *key,
                                  struct hand_on_entry *entry)
{
	struct hand_on_entry **link = find_link(store, key);
	size_t others = store->size - (*link ? size_of(*link) : 0);

	if (entry && others + size_of(entry) > HAND_ON_MAX_BYTES)
		return SPORE_EBUSY;
	remove_entry(store, link);
	if (entry)
		add_entry(store, entry);
	return SPORE_OK;
}

spore_status hand_on_put(struct hand_on *store, const char *key, spore_str bytes)
{
	struct hand_on_entry *entry = NULL;
	spore_status status;

	if (!is_good_key(key) || (bytes.len && !bytes.ptr))
		return SPORE_EINVAL;
	if (bytes.len > HAND_ON_MAX_BYTES)
		return SPORE_EBUSY;
	if (bytes.len && !(entry = make_entry(key, bytes)))
		return SPORE_ENOMEM;
	pthread_mutex_lock(&store->lock);
	status = replace_entry(store, key, entry);
	pthread_mutex_unlock(&store->lock);
	if (entry && status != SPORE_OK)
		free_entry(entry);
	return status;
}

uint32_t hand_on_get(struct hand_on *store, const char *key, spore_str *out)
{
	const struct hand_on_entry *entry;

	*out = (spore_str){ NULL, 0 };
	if (!key)
		return 0;
	pthread_mutex_lock(&store->lock);
	entry = *find_link(store, key);
	if (entry)
		*out = (spore_str){ entry->bytes, entry->len };
	pthread_mutex_unlock(&store->lock);
	return entry != NULL;
}
