#include "quota/pending.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/list.h"
#include "base/zeroed.h"
#include "net/stream.h"
#include "quota/account.h"
#include "quota/gate.h"
#include "quota/source.h"

enum { SHARDS = 16, BUCKETS = 256 };

/* Freed once its visitor is taken and every result of pending_find was given back. */
struct pending_entry {
	struct list by_age;          /* in shard->by_age */
	struct pending_entry **link; /* what points to this entry; NULL: the visitor is taken */
	struct pending_entry *next;  /* in its bucket */
	unsigned finds; /* results of pending_find in use; each holds a ref of the account */
	struct visitor visitor;
};

struct shard {
	pthread_mutex_t lock;
	struct list by_age; /* oldest first. All wait equally long, so the oldest expires first */
	struct pending_entry *buckets[BUCKETS];
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

static struct pending_entry **bucket_of(struct shard *shard, const struct uuid *id)
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

/* The caller holds the lock. NULL: no such visitor waits. */
static struct pending_entry *find_entry(struct shard *shard, const struct uuid *id)
{
	struct pending_entry *entry = *bucket_of(shard, id);

	while (entry && !uuid_equal(&entry->visitor.id, id))
		entry = entry->next;
	return entry;
}

/* The caller holds the lock. Frees the entry unless a result of pending_find is in use. */
static void take_out(struct pending *pending, struct pending_entry *entry,
                     struct visitor *visitor_out)
{
	*entry->link = entry->next;
	if (entry->next)
		entry->next->link = entry->link;
	entry->link = NULL;
	list_remove(&entry->by_age);
	*visitor_out = entry->visitor;
	source_unannounce(entry->visitor.account->source);
	gate_leave(pending->gate, &entry->visitor.account->pending);
	if (entry->finds == 0)
		free(entry);
}

bool pending_add(struct pending *pending, const struct visitor *visitor)
{
	struct shard *shard = shard_of(pending, &visitor->id);
	struct pending_entry *entry = zeroed_new(sizeof *entry);
	struct pending_entry **bucket = bucket_of(shard, &visitor->id);

	if (!entry)
		return false;
	entry->visitor = *visitor;
	entry->link = bucket;
	pthread_mutex_lock(&shard->lock);
	entry->next = *bucket;
	if (entry->next)
		entry->next->link = &entry->next;
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
	struct pending_entry *entry;
	bool found;

	pthread_mutex_lock(&shard->lock);
	entry = find_entry(shard, id);
	found = entry != NULL;
	if (found)
		take_out(pending, entry, visitor_out);
	pthread_mutex_unlock(&shard->lock);
	if (found)
		gate_pass_on(pending->gate, limits);
	return found;
}

static enum pending_result take_own(struct pending *pending, const struct uuid *id,
                                    const struct instance *by, uint64_t session, bool only_lost,
                                    const struct limits *limits, struct visitor *visitor_out)
{
	struct shard *shard = shard_of(pending, id);
	enum pending_result result = PENDING_UNKNOWN;
	struct pending_entry *entry;

	pthread_mutex_lock(&shard->lock);
	entry = find_entry(shard, id);
	if (entry && !account_belongs_to(entry->visitor.account, by, session)) {
		result = PENDING_FOREIGN;
	} else if (entry && (!only_lost || entry->visitor.offer == OFFER_LOST)) {
		result = PENDING_TAKEN;
		take_out(pending, entry, visitor_out);
	}
	pthread_mutex_unlock(&shard->lock);
	if (result == PENDING_TAKEN)
		gate_pass_on(pending->gate, limits);
	return result;
}

enum pending_result pending_take_own(struct pending *pending, const struct uuid *id,
                                     const struct instance *by, uint64_t session,
                                     const struct limits *limits, struct visitor *visitor_out)
{
	return take_own(pending, id, by, session, false, limits, visitor_out);
}

enum pending_result pending_take_lost(struct pending *pending, const struct uuid *id,
                                      const struct instance *by, uint64_t session,
                                      const struct limits *limits, struct visitor *visitor_out)
{
	return take_own(pending, id, by, session, true, limits, visitor_out);
}

bool pending_lose_offer(struct pending *pending, const struct uuid *id)
{
	struct shard *shard = shard_of(pending, id);
	struct pending_entry *entry;

	pthread_mutex_lock(&shard->lock);
	entry = find_entry(shard, id);
	if (entry)
		entry->visitor.offer = OFFER_LOST;
	pthread_mutex_unlock(&shard->lock);
	return entry != NULL;
}

/* ---- for an owner that has its port again ---- */

static bool is_stray(const struct account *now, const struct visitor *visitor)
{
	const struct account *then = visitor->account;

	return then != now && then->principal == now->principal && then->port == now->port &&
	       visitor->offer == OFFER_NONE && (!account_share(now) || account_is_closed(then));
}

static bool is_waiting_for(const struct account *account, const struct visitor *visitor)
{
	return visitor->offer == OFFER_NONE && account_is_of_tunnel_of(visitor->account, account);
}

static bool is_lost(const struct account *account, const struct visitor *visitor)
{
	return visitor->offer == OFFER_LOST && account_is_of_tunnel_of(visitor->account, account);
}

static size_t find_all(struct pending *pending, const struct account *account,
                       bool (*is_meant)(const struct account *account,
                                        const struct visitor *visitor),
                       struct pending_stray *out, size_t most)
{
	size_t n = 0;

	for (struct shard *shard = pending->shards; shard < pending->shards + SHARDS; shard++) {
		pthread_mutex_lock(&shard->lock);
		for (struct list *i = shard->by_age.next; i != &shard->by_age && n < most;
		     i = i->next) {
			const struct visitor
				*visitor = &CONTAINER_OF(i, struct pending_entry, by_age)->visitor;

			if (is_meant(account, visitor))
				out[n++] = (struct pending_stray){ visitor->id, visitor->peer,
					                           visitor->name, visitor->tried };
		}
		pthread_mutex_unlock(&shard->lock);
	}
	return n;
}

size_t pending_find_strays(struct pending *pending, const struct account *account,
                           struct pending_stray *out, size_t most)
{
	return find_all(pending, account, is_stray, out, most);
}

size_t pending_find_waiting(struct pending *pending, const struct account *account,
                            struct pending_stray *out, size_t most)
{
	return find_all(pending, account, is_waiting_for, out, most);
}

size_t pending_find_lost(struct pending *pending, const struct account *account,
                         struct pending_stray *out, size_t most)
{
	return find_all(pending, account, is_lost, out, most);
}

/* ---- for a client that is not authenticated yet ---- */

struct pending_entry *pending_find(struct pending *pending, const struct uuid *id)
{
	struct shard *shard = shard_of(pending, id);
	struct pending_entry *entry;

	pthread_mutex_lock(&shard->lock);
	entry = find_entry(shard, id);
	if (entry) {
		entry->finds++;
		account_ref(entry->visitor.account);
	}
	pthread_mutex_unlock(&shard->lock);
	return entry;
}

const struct account *pending_entry_account(const struct pending_entry *entry)
{
	return entry->visitor.account;
}

/* Gives the entry back, and takes the visitor out unless visitor_out is NULL. False: the visitor
 * waits no longer. */
static bool end_find(struct pending *pending, struct pending_entry *entry,
                     struct visitor *visitor_out)
{
	struct shard *shard = shard_of(pending, &entry->visitor.id);
	struct account *account = entry->visitor.account;
	bool waits;

	pthread_mutex_lock(&shard->lock);
	entry->finds--;
	waits = entry->link != NULL;
	if (waits && visitor_out)
		take_out(pending, entry, visitor_out);
	else if (!waits && entry->finds == 0)
		free(entry);
	pthread_mutex_unlock(&shard->lock);
	account_unref(account);
	return waits;
}

bool pending_claim(struct pending *pending, struct pending_entry *entry,
                   const struct limits *limits, struct visitor *visitor_out)
{
	bool taken = end_find(pending, entry, visitor_out);

	if (taken)
		gate_pass_on(pending->gate, limits);
	return taken;
}

void pending_forget(struct pending *pending, struct pending_entry *entry)
{
	if (entry)
		end_find(pending, entry, NULL);
}

/* ---- expiry ---- */

static bool take_oldest(struct pending *pending, struct shard *shard, int64_t now_ms,
                        struct visitor *visitor_out)
{
	struct pending_entry *oldest;
	bool expired = false;

	pthread_mutex_lock(&shard->lock);
	if (!list_is_empty(&shard->by_age)) {
		oldest = CONTAINER_OF(shard->by_age.next, struct pending_entry, by_age);
		expired = oldest->visitor.deadline_ms <= now_ms;
		if (expired)
			take_out(pending, oldest, visitor_out);
	}
	pthread_mutex_unlock(&shard->lock);
	return expired;
}

static bool take_one_expired(struct pending *pending, int64_t now_ms, struct visitor *visitor_out)
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
	bool taken = take_one_expired(pending, now_ms, visitor_out);

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
	if (visitor->stream)
		stream_close(visitor->stream, false);
	else
		close(visitor->fd);
	if (!visitor->account)
		return;
	account_leave(visitor->account, visitor->source);
	account_unref(visitor->account);
}

void pending_free(struct pending *pending)
{
	struct visitor visitor;

	if (!pending)
		return;
	while (take_one_expired(pending, INT64_MAX, &visitor))
		visitor_drop(&visitor);
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_destroy(&pending->shards[i].lock);
	free(pending);
}
