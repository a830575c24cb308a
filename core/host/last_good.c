#include "host/last_good.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/crypto.h"
#include "base/list.h"
#include "metrics/metrics.h"

enum { N_BUCKETS = 1024 };

/* One of the two groups of entries: with and without a hint. */
enum { HINTED, UNHINTED, N_GROUPS };
static const size_t max_of[N_GROUPS] = { LAST_GOOD_MAX_HINTED, LAST_GOOD_MAX_UNHINTED };

struct good_entry {
	atomic_uint refs; /* of the store, the tunnels and the searches */
	/* Immutable. */
	uint64_t hint, session;
	char identity[SPORE_IDENTITY_MAX + 1];
	char *verifier; /* owned */
	size_t verifier_len;
	/* Under the store's lock. */
	struct list in_bucket, in_group; /* the latest is the last */
	struct grant *grant;             /* owned */
	unsigned tunnels;                /* open ones */
	int64_t since_ms;                /* time of the last ALLOW, or of the last tunnel's end */
	int64_t end_ms;                  /* of the verifier's life */
	bool is_held;                    /* by the store */
};

struct last_good {
	atomic_uint refs;
	pthread_mutex_t lock; /* for all below */
	struct list buckets[N_BUCKETS], groups[N_GROUPS];
	size_t n[N_GROUPS];
	struct metrics *metrics;
	uint32_t gauge;
};

/* ---- entries ---- */

static int group_of(uint64_t hint)
{
	return hint ? HINTED : UNHINTED;
}

static struct list *bucket_of(struct last_good *store, uint64_t hint)
{
	return &store->buckets[(hint ^ hint >> 32) % N_BUCKETS];
}

static struct good_entry *in_bucket(struct list *node)
{
	return CONTAINER_OF(node, struct good_entry, in_bucket);
}

static struct good_entry *in_group(struct list *node)
{
	return CONTAINER_OF(node, struct good_entry, in_group);
}

static void unref_entry(struct good_entry *entry)
{
	if (atomic_fetch_sub_explicit(&entry->refs, 1, memory_order_acq_rel) > 1)
		return;
	crypto_wipe(entry->verifier, entry->verifier_len);
	free(entry->verifier);
	grant_free(entry->grant);
	free(entry);
}

/* Takes the grant's verifier, and leaves the policy to the caller. NULL: out of memory. */
static struct good_entry *make_entry(struct grant *grant)
{
	struct good_entry *entry = calloc(1, sizeof *entry);

	if (!entry)
		return NULL;
	atomic_init(&entry->refs, 1);
	entry->hint = grant->verifier_hint;
	entry->session = grant->session;
	strcpy(entry->identity, grant->identity);
	entry->verifier = grant->verifier;
	entry->verifier_len = grant->verifier_len;
	grant->verifier = NULL;
	grant->verifier_len = 0;
	return entry;
}

static bool is_good(const struct good_entry *entry, int64_t now_ms, int64_t for_ms)
{
	return now_ms < entry->end_ms && (entry->tunnels || now_ms - entry->since_ms < for_ms);
}

/* ---- the store, with its lock held ---- */

static void add_to_gauge(const struct last_good *store, double delta)
{
	if (store->gauge)
		metrics_add(store->metrics, METRICS_SHARED, store->gauge, delta);
}

static void remove_entry(struct last_good *store, struct good_entry *entry)
{
	list_remove(&entry->in_bucket);
	list_remove(&entry->in_group);
	entry->is_held = false;
	store->n[group_of(entry->hint)]--;
	add_to_gauge(store, -1);
	unref_entry(entry);
}

static void add_entry(struct last_good *store, struct good_entry *entry)
{
	list_append(bucket_of(store, entry->hint), &entry->in_bucket);
	list_append(&store->groups[group_of(entry->hint)], &entry->in_group);
	entry->is_held = true;
	store->n[group_of(entry->hint)]++;
	add_to_gauge(store, 1);
}

/* The entry's time begins anew, and the entry becomes the latest one. */
static void touch(struct last_good *store, struct good_entry *entry, int64_t now_ms)
{
	entry->since_ms = now_ms;
	if (!entry->is_held)
		return;
	list_remove(&entry->in_bucket);
	list_remove(&entry->in_group);
	list_append(bucket_of(store, entry->hint), &entry->in_bucket);
	list_append(&store->groups[group_of(entry->hint)], &entry->in_group);
}

/* Removes the oldest entry without a tunnel if the group is full. False: there is none. */
static bool make_room(struct last_good *store, int group)
{
	struct list *all = &store->groups[group];

	if (store->n[group] < max_of[group])
		return true;
	for (struct list *node = all->next; node != all; node = node->next) {
		if (in_group(node)->tunnels)
			continue;
		remove_entry(store, in_group(node));
		return true;
	}
	return false;
}

static struct good_entry *find_entry(struct last_good *store, const struct grant *grant)
{
	struct list *bucket = bucket_of(store, grant->verifier_hint);

	for (struct list *node = bucket->prev; node != bucket; node = node->prev) {
		struct good_entry *entry = in_bucket(node);

		if (entry->hint == grant->verifier_hint &&
		    strcmp(entry->identity, grant->identity) == 0)
			return entry;
	}
	return NULL;
}

/* Has the client given the same proof as before, for the same session? */
static bool has_same_proof(const struct good_entry *entry, const struct grant *grant)
{
	return entry->session == grant->session && entry->verifier_len == grant->verifier_len &&
	       crypto_equal(entry->verifier, grant->verifier, grant->verifier_len);
}

/* The entry for this grant, which still has an earlier grant, or none if it is new. NULL: no room
 * or no memory. */
static struct good_entry *find_or_make_entry(struct last_good *store, struct grant *grant)
{
	struct good_entry *entry = find_entry(store, grant);

	if (entry && has_same_proof(entry, grant))
		return entry;
	if (entry)
		remove_entry(store, entry);
	if (!make_room(store, group_of(grant->verifier_hint)))
		return NULL;
	entry = make_entry(grant);
	if (entry)
		add_entry(store, entry);
	return entry;
}

static int64_t end_of_verifier(const struct grant *grant, int64_t now_ms)
{
	bool has_end = grant->verifier_life_ms && grant->verifier_life_ms < INT64_MAX - now_ms;

	return has_end ? now_ms + grant->verifier_life_ms : INT64_MAX;
}

static struct good_entry *put_entry(struct last_good *store, struct grant *grant, int64_t now_ms)
{
	struct good_entry *entry = find_or_make_entry(store, grant);
	struct grant *copy = entry ? grant_copy(grant) : NULL;

	if (entry && !copy) /* its old policy no longer holds */
		remove_entry(store, entry);
	if (!copy)
		return NULL;
	grant_free(entry->grant);
	entry->grant = copy;
	entry->end_ms = end_of_verifier(grant, now_ms);
	entry->tunnels++;
	atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
	touch(store, entry, now_ms);
	return entry;
}

/* ---- the store ---- */

struct last_good *last_good_new(struct metrics *metrics, uint32_t gauge)
{
	struct last_good *store = calloc(1, sizeof *store);

	if (!store)
		return NULL;
	atomic_init(&store->refs, 1);
	pthread_mutex_init(&store->lock, NULL);
	for (size_t i = 0; i < N_BUCKETS; i++)
		list_init(&store->buckets[i]);
	for (size_t i = 0; i < N_GROUPS; i++)
		list_init(&store->groups[i]);
	store->metrics = metrics;
	store->gauge = gauge;
	return store;
}

struct last_good *last_good_ref(struct last_good *store)
{
	if (store)
		atomic_fetch_add_explicit(&store->refs, 1, memory_order_relaxed);
	return store;
}

void last_good_unref(struct last_good *store)
{
	if (!store || atomic_fetch_sub_explicit(&store->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (size_t i = 0; i < N_GROUPS; i++) {
		while (!list_is_empty(&store->groups[i]))
			remove_entry(store, in_group(store->groups[i].next));
	}
	pthread_mutex_destroy(&store->lock);
	free(store);
}

struct good_entry *last_good_put(struct last_good *store, struct grant *grant,
                                 const struct revision_stamp *asked, int64_t now_ms)
{
	struct good_entry *entry = NULL;

	if (store && grant->verifier) {
		pthread_mutex_lock(&store->lock);
		/* Checked under the lock, so that a later revision finds the entry. */
		if (!revision_stamp_is_old(asked, spore_cstr(grant->identity)))
			entry = put_entry(store, grant, now_ms);
		pthread_mutex_unlock(&store->lock);
	}
	grant_drop_verifier(grant);
	return entry;
}

void last_good_release(struct last_good *store, struct good_entry *entry, int64_t now_ms)
{
	if (!entry)
		return;
	pthread_mutex_lock(&store->lock);
	if (--entry->tunnels == 0)
		touch(store, entry, now_ms);
	unref_entry(entry);
	pthread_mutex_unlock(&store->lock);
}

/* ---- searches ---- */

static bool fits(const struct good_search *search, const struct good_entry *entry)
{
	return entry->hint == search->hint && is_good(entry, search->now_ms, search->for_ms) &&
	       (!search->session || entry->session == *search->session);
}

static void drop_found(struct good_search *search)
{
	for (size_t i = 0; i < search->n; i++)
		unref_entry(search->found[i]);
	free(search->found);
	search->found = NULL;
	search->n = search->at = 0;
}

/* Collects the entries first, so that the plugin's checks run without the lock. */
static void collect_entries(struct good_search *search)
{
	struct last_good *store = search->store;
	struct list *bucket = bucket_of(store, search->hint);
	size_t room = 0;

	pthread_mutex_lock(&store->lock);
	for (struct list *node = bucket->prev; node != bucket; node = node->prev)
		room += fits(search, in_bucket(node));
	search->found = room ? calloc(room, sizeof(struct good_entry *)) : NULL;
	for (struct list *node = bucket->prev; search->found && node != bucket; node = node->prev) {
		struct good_entry *entry = in_bucket(node);

		if (!fits(search, entry))
			continue;
		atomic_fetch_add_explicit(&entry->refs, 1, memory_order_relaxed);
		search->found[search->n++] = entry;
	}
	pthread_mutex_unlock(&store->lock);
}

/* The entry that was shown last; NULL: none was. */
static struct good_entry *shown_entry(const struct good_search *search)
{
	return search->at > 0 && search->at <= search->n ? search->found[search->at - 1] : NULL;
}

bool good_search_has_shown(const struct good_search *search)
{
	return shown_entry(search) != NULL;
}

const spore_verifier *good_search_next(struct good_search *search, uint64_t hint)
{
	const struct good_entry *entry;

	if (!search->has_looked || search->hint != hint) {
		drop_found(search);
		search->hint = hint;
		search->has_looked = true;
		collect_entries(search);
	}
	if (search->at <= search->n)
		search->at++;
	entry = shown_entry(search);
	if (!entry)
		return NULL;
	search->shown = (spore_verifier){
		.struct_size = sizeof search->shown,
		.bytes = { entry->verifier, entry->verifier_len },
		.identity = spore_cstr(entry->identity),
		.session = entry->session,
	};
	return &search->shown;
}

struct grant *good_search_take(const struct good_search *search, int64_t *age_ms_out)
{
	struct good_entry *entry = shown_entry(search);
	struct grant *grant;

	pthread_mutex_lock(&search->store->lock);
	grant = grant_copy(entry->grant);
	*age_ms_out = entry->tunnels ? 0 : search->now_ms - entry->since_ms;
	pthread_mutex_unlock(&search->store->lock);
	return grant;
}

void good_search_remove(struct good_search *search)
{
	struct good_entry *entry = shown_entry(search);

	pthread_mutex_lock(&search->store->lock);
	if (entry->is_held)
		remove_entry(search->store, entry);
	pthread_mutex_unlock(&search->store->lock);
}

void good_search_fini(struct good_search *search)
{
	drop_found(search);
}

/* ---- changes ---- */

struct change {
	spore_str identity;
	const uint64_t *session;    /* NULL: all */
	const struct grant *policy; /* for change_policy */
	int64_t now_ms, for_ms;     /* for expire_entry */
};

/* Calls `fn` for each entry. It may remove that entry. */
static void each_entry(struct last_good *store, const struct change *change,
                       void (*fn)(struct last_good *store, struct good_entry *entry,
                                  const struct change *change))
{
	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < N_GROUPS; i++) {
		struct list *all = &store->groups[i];

		for (struct list *node = all->next, *next; node != all; node = next) {
			next = node->next;
			fn(store, in_group(node), change);
		}
	}
	pthread_mutex_unlock(&store->lock);
}

static bool is_meant(const struct good_entry *entry, const struct change *change)
{
	spore_str identity = change->identity;

	if (strlen(entry->identity) != identity.len)
		return false;
	if (identity.len && memcmp(entry->identity, identity.ptr, identity.len) != 0)
		return false;
	return !change->session || *change->session == entry->session;
}

static void forget_entry(struct last_good *store, struct good_entry *entry,
                         const struct change *change)
{
	if (is_meant(entry, change))
		remove_entry(store, entry);
}

static void change_policy(struct last_good *store, struct good_entry *entry,
                          const struct change *change)
{
	if (is_meant(entry, change) && !grant_renew(&entry->grant, change->policy))
		remove_entry(store, entry);
}

static void expire_entry(struct last_good *store, struct good_entry *entry,
                         const struct change *change)
{
	if (!is_good(entry, change->now_ms, change->for_ms))
		remove_entry(store, entry);
}

void last_good_forget(struct last_good *store, spore_str identity, const uint64_t *session)
{
	each_entry(store, &(struct change){ .identity = identity, .session = session },
	           forget_entry);
}

void last_good_change(struct last_good *store, spore_str identity, const uint64_t *session,
                      const struct grant *policy)
{
	each_entry(store,
	           &(struct change){ .identity = identity, .session = session, .policy = policy },
	           change_policy);
}

void last_good_expire(struct last_good *store, int64_t now_ms, int64_t for_ms)
{
	each_entry(store, &(struct change){ .now_ms = now_ms, .for_ms = for_ms }, expire_entry);
}

bool last_good_is_empty(struct last_good *store)
{
	bool is_empty;

	pthread_mutex_lock(&store->lock);
	is_empty = store->n[HINTED] + store->n[UNHINTED] == 0;
	pthread_mutex_unlock(&store->lock);
	return is_empty;
}
