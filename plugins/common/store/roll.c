#include "roll.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct roll {
	pthread_rwlock_t lock;
	struct roll_entry **entries; /* room for `max`; each is owned */
	size_t n, max;
	bool is_current;
};

/* There may be many readers, and each tries all keys. They must not keep a writer waiting for ever,
 * so writers come first. This kind of lock demands that no reader locks it twice. */
static void init_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attributes;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

struct roll *roll_new(size_t max)
{
	struct roll *roll = calloc(1, sizeof *roll);

	if (!roll)
		return NULL;
	roll->max = max;
	roll->entries = calloc(max, sizeof *roll->entries);
	if (!roll->entries) {
		free(roll);
		return NULL;
	}
	init_lock(&roll->lock);
	return roll;
}

static void free_entry(struct roll_entry *entry)
{
	explicit_bzero(entry, sizeof *entry);
	free(entry);
}

void roll_free(struct roll *roll)
{
	if (!roll)
		return;
	for (size_t i = 0; i < roll->n; i++)
		free_entry(roll->entries[i]);
	free(roll->entries);
	pthread_rwlock_destroy(&roll->lock);
	free(roll);
}

/* The index of a name, or n. */
static size_t find_name(const struct roll *roll, const char *name)
{
	size_t i = 0;

	while (i < roll->n && strcmp(roll->entries[i]->name, name) != 0)
		i++;
	return i;
}

static size_t find_key(const struct roll *roll, const struct evidence *evidence,
                       const struct evidence_rules *rules)
{
	size_t i = 0;

	while (i < roll->n &&
	       !claim_is_proved(&evidence->claim, rules->host, roll->entries[i]->key))
		i++;
	return i;
}

enum roll_says roll_find(struct roll *roll, const struct evidence *evidence,
                         const struct evidence_rules *rules, struct roll_entry *out)
{
	enum roll_says says = ROLL_NOT_CURRENT;
	size_t i;

	pthread_rwlock_rdlock(&roll->lock);
	if (roll->is_current) {
		i = find_key(roll, evidence, rules);
		says = i < roll->n ? ROLL_RIGHT : ROLL_WRONG;
		if (i < roll->n)
			*out = *roll->entries[i];
	}
	pthread_rwlock_unlock(&roll->lock);
	return says;
}

static void take_out(struct roll *roll, size_t i)
{
	if (i == roll->n)
		return;
	free_entry(roll->entries[i]);
	roll->entries[i] = roll->entries[--roll->n];
}

static bool put(struct roll *roll, const char *name, const struct record *record)
{
	size_t i = find_name(roll, name);

	if (!record || !(record->has & RECORD_HAS_KEY)) {
		take_out(roll, i);
		return true;
	}
	if (i == roll->n) {
		struct roll_entry *entry = i < roll->max ? calloc(1, sizeof *entry) : NULL;

		if (!entry)
			return false;
		snprintf(entry->name, sizeof entry->name, "%s", name);
		roll->entries[roll->n++] = entry;
	}
	memcpy(roll->entries[i]->key, record->key, sizeof record->key);
	roll->entries[i]->terms = record->terms;
	return true;
}

bool roll_put(struct roll *roll, const char *name, const struct record *record)
{
	bool good;

	pthread_rwlock_wrlock(&roll->lock);
	good = put(roll, name, record);
	pthread_rwlock_unlock(&roll->lock);
	return good;
}

void roll_set_current(struct roll *roll, bool is_current)
{
	pthread_rwlock_wrlock(&roll->lock);
	roll->is_current = is_current;
	pthread_rwlock_unlock(&roll->lock);
}

void roll_each_name(struct roll *roll, void (*visit)(void *arg, const char *name), void *arg)
{
	pthread_rwlock_rdlock(&roll->lock);
	for (size_t i = 0; i < roll->n; i++)
		visit(arg, roll->entries[i]->name);
	pthread_rwlock_unlock(&roll->lock);
}

size_t roll_count(struct roll *roll)
{
	size_t n;

	pthread_rwlock_rdlock(&roll->lock);
	n = roll->n;
	pthread_rwlock_unlock(&roll->lock);
	return n;
}
