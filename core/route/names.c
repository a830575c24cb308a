#include "route/names.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "quota/account.h"

enum { FIRST_BUCKETS = 64 };

struct name {
	struct name *next;
	struct names_claim *claim;
	size_t len;
	char text[]; /* NUL-ended */
};

struct names_claim {
	struct names *names;     /* borrowed: outlives it */
	struct account *account; /* ref */
	uint64_t *keys;          /* owned; of all names, also of those that have moved */
	uint64_t *losers;        /* owned; the tunnels that have lost the names to it; 0: none */
	size_t n;
	struct name *items[];
};

struct names {
	pthread_rwlock_t lock; /* of everything below, and of all claims */
	uint64_t seed;         /* so that nobody can choose names with equal hashes */
	/* Owned. Several tunnels of one owner may each have an entry of a name. The newest one
	 * comes first, and holds the name; the others wait for it. */
	struct name **buckets;
	size_t n_buckets, n;
};

/* ---- the table, under the lock ---- */

static uint64_t hash(const struct names *names, const char *text)
{
	uint64_t value = names->seed;

	for (; *text; text++)
		value = (value ^ (uint8_t)*text) * UINT64_C(0x100000001B3);
	return value ^ value >> 29;
}

static uint64_t key_of(const struct names *names, const char *text)
{
	uint64_t key = hash(names, text);

	return key ? key : 1;
}

static struct name **bucket_of(const struct names *names, const char *text)
{
	return &names->buckets[hash(names, text) & (names->n_buckets - 1)];
}

static struct name *find(const struct names *names, const char *text)
{
	struct name *name = *bucket_of(names, text);

	while (name && strcmp(name->text, text) != 0)
		name = name->next;
	return name;
}

/* The exact name, or the longest pattern that covers it. */
static struct name *find_holder(const struct names *names, const char *text)
{
	struct name *name = find(names, text);
	const char *parent = text;
	char pattern[HOSTNAME_SIZE + 2];

	while (!name && (parent = hostname_parent(parent))) {
		snprintf(pattern, sizeof pattern, "*.%s", parent);
		name = find(names, pattern);
	}
	return name;
}

static void insert(struct names *names, struct name *name)
{
	struct name **bucket = bucket_of(names, name->text);

	name->next = *bucket;
	*bucket = name;
	names->n++;
}

static void drop(struct names *names, struct name *name)
{
	struct name **at = bucket_of(names, name->text);

	while (*at != name)
		at = &(*at)->next;
	*at = name->next;
	names->n--;
	free(name);
}

/* Behind the others: the order of the entries of one name stays. */
static void append(struct names *names, struct name *name)
{
	struct name **at = bucket_of(names, name->text);

	while (*at)
		at = &(*at)->next;
	name->next = NULL;
	*at = name;
	names->n++;
}

/* Without memory the table stays as it is, and is slower. */
static void grow(struct names *names, size_t room)
{
	struct names old = *names;

	while (names->n_buckets < room)
		names->n_buckets *= 2;
	if (names->n_buckets == old.n_buckets)
		return;
	names->buckets = calloc(names->n_buckets, sizeof(struct name *));
	if (!names->buckets) {
		names->buckets = old.buckets;
		names->n_buckets = old.n_buckets;
		return;
	}
	names->n = 0;
	for (size_t i = 0; i < old.n_buckets; i++) {
		for (struct name *name = old.buckets[i], *next; name; name = next) {
			next = name->next;
			append(names, name);
		}
	}
	free(old.buckets);
}

/* ---- claims ---- */

struct names *names_new(void)
{
	struct names *names = calloc(1, sizeof *names);

	if (!names)
		return NULL;
	names->n_buckets = FIRST_BUCKETS;
	names->buckets = calloc(FIRST_BUCKETS, sizeof(struct name *));
	if (!names->buckets || !crypto_random(&names->seed, sizeof names->seed)) {
		free(names->buckets);
		free(names);
		return NULL;
	}
	pthread_rwlock_init(&names->lock, NULL);
	return names;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	pthread_rwlock_destroy(&names->lock);
	free(names->buckets);
	free(names);
}

static void claim_free(struct names_claim *claim)
{
	if (claim->account)
		account_unref(claim->account);
	free(claim->keys);
	free(claim->losers);
	free(claim);
}

static struct name *name_new(struct names_claim *claim, const char *text)
{
	size_t len = strlen(text);
	struct name *name = malloc(sizeof *name + len + 1);

	if (!name)
		return NULL;
	name->next = NULL;
	name->claim = claim;
	name->len = len;
	memcpy(name->text, text, len + 1);
	return name;
}

/* With new entries for all names, so that nothing can fail under the lock. NULL: out of memory. */
static struct names_claim *claim_new(struct names *names, struct account *account,
                                     const char *const *texts, size_t n)
{
	struct names_claim *claim = calloc(1, sizeof *claim + n * sizeof(struct name *));
	bool good = claim && (claim->keys = calloc(n, sizeof *claim->keys)) &&
	            (claim->losers = calloc(n, sizeof *claim->losers));

	for (size_t i = 0; good && i < n; i++) {
		claim->keys[i] = key_of(names, texts[i]);
		claim->items[i] = name_new(claim, texts[i]);
		good = claim->items[i] != NULL;
	}
	if (good) {
		claim->names = names;
		claim->account = account_ref(account);
		claim->n = n;
		return claim;
	}
	for (size_t i = 0; claim && i < n; i++)
		free(claim->items[i]);
	if (claim)
		claim_free(claim);
	return NULL;
}

/* Tunnels that serve one port together have names together, too. */
static bool has_it_too(const struct account *account, const struct name *held)
{
	const struct share *share = account_share(account);

	return share && share == account_share(held->claim->account);
}

/* May the account take a name from its holder? */
static bool may_take(const struct account *account, const struct name *held)
{
	const struct principal *principal = account->principal;

	return principal->by && principal == held->claim->account->principal;
}

/* The first name that somebody else holds; NULL: there is none. */
static const struct name *find_clash(const struct names *names, const struct names_claim *claim)
{
	for (size_t i = 0; i < claim->n; i++) {
		const struct name *held = find(names, claim->items[i]->text);

		if (held && !has_it_too(claim->account, held) && !may_take(claim->account, held))
			return held;
	}
	return NULL;
}

static void describe(const struct name *held, struct names_clash *out)
{
	const struct account *account = held->claim->account;

	memcpy(out->name, held->text, held->len + 1);
	snprintf(out->holder, sizeof out->holder, "%s", account_identity(account));
	out->tunnel = account->id;
}

static void insert_all(struct names *names, struct names_claim *claim)
{
	grow(names, names->n + claim->n);
	for (size_t i = 0; i < claim->n; i++) {
		const struct name *held = find(names, claim->items[i]->text);

		if (held && held->claim != claim && !has_it_too(claim->account, held))
			claim->losers[i] = held->claim->account->id;
		insert(names, claim->items[i]);
	}
}

enum names_result names_claim(struct names *names, struct account *account,
                              const char *const *texts, size_t n, struct names_claim **claim_out,
                              struct names_clash *clash_out)
{
	struct names_claim *claim = claim_new(names, account, texts, n);
	const struct name *clash;

	*claim_out = NULL;
	if (!claim)
		return NAMES_NO_MEMORY;
	pthread_rwlock_wrlock(&names->lock);
	clash = find_clash(names, claim);
	if (clash)
		describe(clash, clash_out);
	else
		insert_all(names, claim);
	pthread_rwlock_unlock(&names->lock);
	if (!clash) {
		*claim_out = claim;
		return NAMES_CLAIMED;
	}
	for (size_t i = 0; i < n; i++)
		free(claim->items[i]);
	claim_free(claim);
	return NAMES_CLASH;
}

void names_claim_change(struct names_claim *claim, struct account *account)
{
	struct names *names = claim ? claim->names : NULL;
	struct account *old;

	if (!claim)
		return;
	account_ref(account);
	pthread_rwlock_wrlock(&names->lock);
	old = claim->account;
	claim->account = account;
	pthread_rwlock_unlock(&names->lock);
	account_unref(old);
}

const uint64_t *names_claim_keys(const struct names_claim *claim, size_t *n_out)
{
	*n_out = claim ? claim->n : 0;
	return claim ? claim->keys : NULL;
}

uint64_t names_claim_loser(const struct names_claim *claim, size_t i)
{
	return claim->losers[i];
}

/* Does the tunnel of the claim hold its name number i, perhaps together with others? Under the
 * lock. */
static bool holds(const struct names_claim *claim, size_t i)
{
	const struct name *held = find(claim->names, claim->items[i]->text);

	return held->claim == claim || has_it_too(claim->account, held);
}

size_t names_claim_list(const struct names_claim *claim, char out[NAMES_LIST_SIZE])
{
	size_t n = 0, at = 0;

	out[0] = '\0';
	if (!claim)
		return 0;
	pthread_rwlock_rdlock(&claim->names->lock);
	for (size_t i = 0; i < claim->n; i++) {
		const struct name *name = claim->items[i];

		if (!holds(claim, i) || at + name->len + 2 > NAMES_LIST_SIZE)
			continue;
		memcpy(out + at, name->text, name->len + 1);
		at += name->len + 1;
		n++;
	}
	pthread_rwlock_unlock(&claim->names->lock);
	out[at] = '\0';
	return n;
}

/* Is it the first one that its tunnel holds? Under the lock. */
static bool is_first_of_tunnel(const struct name *name)
{
	const struct names_claim *claim = name->claim;
	size_t i = 0;

	while (i < claim->n && !holds(claim, i))
		i++;
	return i < claim->n && claim->items[i] == name;
}

struct names_number names_count(struct names *names)
{
	struct names_number number = { 0 };

	pthread_rwlock_rdlock(&names->lock);
	for (size_t i = 0; i < names->n_buckets; i++) {
		for (const struct name *name = names->buckets[i]; name; name = name->next) {
			number.names += find(names, name->text) == name;
			number.tunnels += is_first_of_tunnel(name);
		}
	}
	pthread_rwlock_unlock(&names->lock);
	return number;
}

void names_release(struct names_claim *claim)
{
	struct names *names = claim ? claim->names : NULL;

	if (!claim)
		return;
	pthread_rwlock_wrlock(&names->lock);
	for (size_t i = 0; i < claim->n; i++)
		drop(names, claim->items[i]);
	pthread_rwlock_unlock(&names->lock);
	claim_free(claim);
}

struct account *names_find(struct names *names, const char *name, uint64_t *key_out)
{
	struct account *account = NULL;
	const struct name *found;

	pthread_rwlock_rdlock(&names->lock);
	found = find_holder(names, name);
	if (found) {
		account = account_ref(found->claim->account);
		*key_out = key_of(names, found->text);
	}
	pthread_rwlock_unlock(&names->lock);
	return account;
}
