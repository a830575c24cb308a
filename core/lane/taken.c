#include "lane/taken.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"

struct taken_entry {
	struct list by_age;
	struct taken_entry *next; /* in its bucket */
	struct uuid id;
	enum taken_as as;
	int64_t until_ms;
};

void taken_init(struct taken *taken)
{
	*taken = (struct taken){ 0 };
	pthread_mutex_init(&taken->lock, NULL);
	list_init(&taken->by_age);
}

/* What points to the entry of this id, or to NULL. Ids are random, so their bytes are a hash. */
static struct taken_entry **find_link(struct taken *taken, const struct uuid *id)
{
	unsigned hash = (unsigned)id->bytes[0] << 8 | id->bytes[1];
	struct taken_entry **link = &taken->buckets[hash % TAKEN_BUCKETS];

	while (*link && !uuid_equal(&(*link)->id, id))
		link = &(*link)->next;
	return link;
}

static void remove_entry(struct taken *taken, struct taken_entry **link)
{
	struct taken_entry *entry = *link;

	*link = entry->next;
	list_remove(&entry->by_age);
	taken->n--;
	free(entry);
}

static void remove_old(struct taken *taken, int64_t now_ms)
{
	while (!list_is_empty(&taken->by_age)) {
		struct taken_entry *oldest = CONTAINER_OF(taken->by_age.next, struct taken_entry,
		                                          by_age);

		if (oldest->until_ms > now_ms)
			return;
		remove_entry(taken, find_link(taken, &oldest->id));
	}
}

static enum taken_as add_entry(struct taken *taken, struct taken_entry **link,
                               const struct uuid *id, enum taken_as as, int64_t now_ms)
{
	struct taken_entry *entry = taken->n < TAKEN_MOST ? malloc(sizeof *entry) : NULL;

	if (!entry)
		return TAKEN_UNSURE;
	*entry = (struct taken_entry){ .id = *id, .as = as, .until_ms = now_ms + TAKEN_MS };
	*link = entry;
	list_append(&taken->by_age, &entry->by_age);
	taken->n++;
	return TAKEN_NOT;
}

enum taken_as taken_note(struct taken *taken, const struct uuid *id, enum taken_as as,
                         int64_t now_ms)
{
	struct taken_entry **link;
	enum taken_as before;

	pthread_mutex_lock(&taken->lock);
	remove_old(taken, now_ms);
	link = find_link(taken, id);
	before = *link ? (*link)->as : add_entry(taken, link, id, as, now_ms);
	pthread_mutex_unlock(&taken->lock);
	return before;
}

void taken_forget(struct taken *taken, const struct uuid *id)
{
	struct taken_entry **link;

	pthread_mutex_lock(&taken->lock);
	link = find_link(taken, id);
	if (*link)
		remove_entry(taken, link);
	pthread_mutex_unlock(&taken->lock);
}

void taken_fini(struct taken *taken)
{
	remove_old(taken, INT64_MAX);
	pthread_mutex_destroy(&taken->lock);
}
