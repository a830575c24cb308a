#include "quota/pending.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/list.h"
#include "quota/account.h"
#include "quota/gate.h"
#include "quota/source.h"

enum { SHARDS = 16, BUCKETS = 256 };

struct entry {
	struct list by_age; /* in shard->by_age */
	struct entry *next; /* in its bucket */
	struct visitor visitor;
};

struct shard {
	pthread_mutex_t lock;
	struct list by_age; /* oldest first. All wait equally long, so the oldest expires first */
	struct entry *buckets[BUCKETS];
};

struct pending {
	struct shard shards[SHARDS];
	struct gate *gate; /* borrowed */
};

/* Ids are random, so their bytes serve as a hash (except 6 and 8, the version and the variant). */
static struct shard *shard_of(struct pending *pending, const struct uuid *id)
{
	return &pending->shards[id->bytes[0] % SHARDS];
}

static struct entry **bucket_of(struct shard *shard, const struct uuid *id)
{
	return &shard->buckets[id->bytes[1] % BUCKETS];
}

struct pending *pending_new(struct gate *gate)
{
	struct pending *pending = calloc(1, sizeof *pending);

	if (!pending)
		return NULL;
	pending->gate = gate;
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&pending->shards[i].lock, NULL);
		list_init(&pending->shards[i].by_age);
	}
	return pending;
}

/* With the lock held: the link that points to the entry, or to NULL. */
static struct entry **find_entry(struct shard *shard, const struct uuid *id)
{
	struct entry **link = bucket_of(shard, id);

	while (*link && !uuid_equal(&(*link)->visitor.id, id))
		link = &(*link)->next;
	return link;
}

/* With the lock held. */
static void take_out(struct pending *pending, struct entry **link, struct visitor *visitor_out)
{
	struct entry *entry = *link;

	*link = entry->next;
	list_remove(&entry->by_age);
	*visitor_out = entry->visitor;
	source_unannounce(entry->visitor.account->source);
	gate_leave(pending->gate, &entry->visitor.account->pending);
	free(entry);
}

bool pending_add(struct pending *pending, const struct visitor *visitor)
{
	struct shard *shard = shard_of(pending, &visitor->id);
	struct entry *entry = calloc(1, sizeof *entry), **bucket = bucket_of(shard, &visitor->id);

	if (!entry)
		return false;
	entry->visitor = *visitor;
	pthread_mutex_lock(&shard->lock);
	entry->next = *bucket;
	*bucket = entry;
	list_append(&shard->by_age, &entry->by_age);
	source_announce(visitor->account->source);
	gate_enter(pending->gate, &visitor->account->pending);
	pthread_mutex_unlock(&shard->lock);
	return true;
}

bool pending_take(struct pending *pending, const struct uuid *id, const struct limits *limits,
                  struct visitor *visitor_out)
{
	struct shard *shard = shard_of(pending, id);
	struct entry **link;
	bool found;

	pthread_mutex_lock(&shard->lock);
	link = find_entry(shard, id);
	found = *link != NULL;
	if (found)
		take_out(pending, link, visitor_out);
	pthread_mutex_unlock(&shard->lock);
	if (found)
		gate_pass_on(pending->gate, limits);
	return found;
}

struct account *pending_account(struct pending *pending, const struct uuid *id)
{
	struct shard *shard = shard_of(pending, id);
	struct account *account = NULL;
	struct entry *entry;

	pthread_mutex_lock(&shard->lock);
	entry = *find_entry(shard, id);
	if (entry)
		account = account_ref(entry->visitor.account);
	pthread_mutex_unlock(&shard->lock);
	return account;
}

static bool take_oldest(struct pending *pending, struct shard *shard, int64_t now_ms,
                        struct visitor *visitor_out)
{
	struct entry *oldest;
	bool expired = false;

	pthread_mutex_lock(&shard->lock);
	if (!list_is_empty(&shard->by_age)) {
		oldest = CONTAINER_OF(shard->by_age.next, struct entry, by_age);
		expired = oldest->visitor.deadline_ms <= now_ms;
		if (expired)
			take_out(pending, find_entry(shard, &oldest->visitor.id), visitor_out);
	}
	pthread_mutex_unlock(&shard->lock);
	return expired;
}

static bool take_expired(struct pending *pending, int64_t now_ms, struct visitor *visitor_out)
{
	for (size_t i = 0; i < SHARDS; i++) {
		if (take_oldest(pending, &pending->shards[i], now_ms, visitor_out))
			return true;
	}
	return false;
}

bool pending_take_expired(struct pending *pending, int64_t now_ms, const struct limits *limits,
                          struct visitor *visitor_out)
{
	bool taken = take_expired(pending, now_ms, visitor_out);

	if (taken)
		gate_pass_on(pending->gate, limits);
	return taken;
}

bool pending_is_empty(struct pending *pending)
{
	bool empty = true;

	for (size_t i = 0; empty && i < SHARDS; i++) {
		pthread_mutex_lock(&pending->shards[i].lock);
		empty = list_is_empty(&pending->shards[i].by_age);
		pthread_mutex_unlock(&pending->shards[i].lock);
	}
	return empty;
}

unsigned pending_count(const struct pending *pending)
{
	return atomic_load(&pending->gate->inside);
}

void visitor_drop(struct visitor *visitor)
{
	close(visitor->fd);
	account_leave(visitor->account, visitor->source);
	account_unref(visitor->account);
}

void pending_free(struct pending *pending)
{
	struct visitor visitor;

	if (!pending)
		return;
	while (take_expired(pending, INT64_MAX, &visitor))
		visitor_drop(&visitor);
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&pending->shards[i].lock);
	free(pending);
}
