#include "quota/source.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/crypto.h"
#include "base/list.h"
#include "net/addr.h"
#include "quota/limits.h"

/* An entry takes about 200 bytes, a full table about 12 MiB. */
enum { SHARDS = 16, BUCKETS = 512, MAX_PER_SHARD = 4096 };
/* An address, and 1 for a proxy at this address, of whose connections the clients are not known. */
enum { KEY_SIZE = 17, KEY_OF_PROXY = 16 };
/* How often a banned source may hear of its ban: HEAR_RATE times a second, and HEAR_BURST times at
 * once, since a client connects once for each of its tunnels. */
enum { HEAR_RATE = 1, HEAR_BURST = 10 };
/* So many connections of a source with tunnels at elders may be expected there. */
enum { EXPECTED_BY_ELDERS = 128 };

/* A token bucket: at most `burst` tokens, and `rate` new ones a second. */
struct bucket {
	double tokens;
	int64_t at_ms; /* last use; 0: never used, so the bucket is full */
};

struct source {
	struct source *next; /* in its bucket */
	struct list idle;    /* in shard->idle while it has no references */
	struct shard *shard;
	uint8_t key[KEY_SIZE];
	uint8_t ip[16]; /* the first address that connected */
	uint8_t family; /* 4 or 6 */
	/* The shard's lock protects everything from here on, except the atomic counts. */
	unsigned refs;
	struct bucket secrets, visits, hearings;
	double wrong; /* wrong answers; decreases with time */
	int64_t wrong_at_ms;
	int64_t banned_until_ms;
	uint64_t banned_tries;  /* connections that were turned away during the ban */
	int64_t turned_away_ms; /* the last one that was turned away, banned or not; 0: none */
	atomic_uint unexpected; /* unauthenticated connections that were not expected */
	atomic_uint announced;  /* data connections that are expected */
	atomic_uint arriving;   /* unauthenticated connections that count as expected */
	atomic_uint tunnels, visitors, ahead, handshakes;
	atomic_uint elders; /* table->elders when the source had a tunnel at one of them; 0: none */
};

struct shard {
	pthread_mutex_t lock;
	struct source_table *table;
	struct source *buckets[BUCKETS];
	struct list idle; /* oldest first, which is forgotten first */
	unsigned count;
};

struct source_table {
	uint64_t seed[2];
	atomic_uint elders; /* their number, which changes when all have ended; never 0 */
	struct shard shards[SHARDS];
};

/* ---- the table ---- */

static void key_of(const spore_addr *addr, bool of_proxy, uint8_t key[KEY_SIZE])
{
	memcpy(key, addr->ip, 16);
	key[KEY_OF_PROXY] = of_proxy;
	if (addr->family == 6)
		memset(key + 8, 0, 8); /* one host usually has a whole /64 */
}

/* The seed prevents a peer from choosing addresses that share a bucket. */
static uint64_t hash_key(const struct source_table *table, const uint8_t key[KEY_SIZE])
{
	uint64_t a, b;
	unsigned __int128 product;

	memcpy(&a, key, 8);
	memcpy(&b, key + 8, 8);
	product = (unsigned __int128)(a ^ table->seed[0]) * (b ^ table->seed[1]);
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

struct source_table *source_table_new(void)
{
	struct source_table *table = calloc(1, sizeof *table);

	if (!table || !crypto_random(table->seed, sizeof table->seed)) {
		free(table);
		return NULL;
	}
	atomic_store(&table->elders, 1);
	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&table->shards[i].lock, NULL);
		table->shards[i].table = table;
		list_init(&table->shards[i].idle);
	}
	return table;
}

/* The caller holds the lock. Returns the link that points to the source, or to NULL. */
static struct source **find_source(struct shard *shard, uint64_t hash, const uint8_t key[KEY_SIZE])
{
	struct source **link = &shard->buckets[hash / SHARDS % BUCKETS];

	while (*link && memcmp((*link)->key, key, KEY_SIZE) != 0)
		link = &(*link)->next;
	return link;
}

/* The caller holds the lock. The source must have no references. */
static void forget_source(struct shard *shard, struct source *source)
{
	*find_source(shard, hash_key(shard->table, source->key), source->key) = source->next;
	list_remove(&source->idle);
	shard->count--;
	free(source);
}

void source_table_free(struct source_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &table->shards[i];

		while (!list_is_empty(&shard->idle))
			forget_source(shard, CONTAINER_OF(shard->idle.next, struct source, idle));
		pthread_mutex_destroy(&shard->lock);
	}
	free(table);
}

static bool is_exempt(const struct limits *limits, const uint8_t ip[16])
{
	const spore_cidr *list = limits->settings.ban_exempt.items;

	for (size_t i = 0; i < limits->settings.ban_exempt.count; i++) {
		if (addr_in_cidr(ip, &list[i]))
			return true;
	}
	return false;
}

static struct source *add_source(struct shard *shard, struct source **link, const spore_addr *addr,
                                 const uint8_t key[KEY_SIZE])
{
	struct source *source = calloc(1, sizeof *source);

	if (!source)
		return NULL;
	memcpy(source->key, key, KEY_SIZE);
	memcpy(source->ip, addr->ip, sizeof source->ip);
	source->family = addr->family;
	source->shard = shard;
	list_init(&source->idle);
	*link = source;
	shard->count++;
	return source;
}

static struct source *get_source(struct source_table *table, const spore_addr *addr, bool of_proxy)
{
	struct source *source, **link;
	struct shard *shard;
	uint8_t key[KEY_SIZE];
	uint64_t hash;

	key_of(addr, of_proxy, key);
	hash = hash_key(table, key);
	shard = &table->shards[hash % SHARDS];
	pthread_mutex_lock(&shard->lock);
	link = find_source(shard, hash, key);
	source = *link;
	if (!source && shard->count >= MAX_PER_SHARD && !list_is_empty(&shard->idle)) {
		forget_source(shard, CONTAINER_OF(shard->idle.next, struct source, idle));
		link = find_source(shard, hash, key);
	}
	if (!source)
		source = add_source(shard, link, addr, key);
	if (source) {
		source->refs++;
		list_remove(&source->idle);
	}
	pthread_mutex_unlock(&shard->lock);
	return source;
}

struct source *source_get(struct source_table *table, const spore_addr *addr)
{
	return get_source(table, addr, false);
}

struct source *source_get_proxy(struct source_table *table, const spore_addr *addr)
{
	return get_source(table, addr, true);
}

bool source_is_proxy(const struct source *source)
{
	return source->key[KEY_OF_PROXY];
}

struct source *source_ref(struct source *source)
{
	pthread_mutex_lock(&source->shard->lock);
	source->refs++;
	pthread_mutex_unlock(&source->shard->lock);
	return source;
}

void source_unref(struct source *source)
{
	struct shard *shard;

	if (!source)
		return;
	shard = source->shard;
	pthread_mutex_lock(&shard->lock);
	if (--source->refs == 0) {
		list_append(&shard->idle, &source->idle);
		/* Without a ban, wrong answers, used tokens or elders there is nothing to
		 * remember. */
		if (source->wrong == 0 && source->banned_until_ms == 0 &&
		    source->secrets.at_ms == 0 && source->visits.at_ms == 0 &&
		    !source_has_elder(source))
			forget_source(shard, source);
	}
	pthread_mutex_unlock(&shard->lock);
}

/* The caller holds the lock. */
static bool bucket_take(struct bucket *bucket, int64_t rate, int64_t burst, int64_t now_ms)
{
	if (bucket->at_ms)
		bucket->tokens += (double)(now_ms - bucket->at_ms) / 1000.0 * (double)rate;
	if (!bucket->at_ms || bucket->tokens > (double)burst)
		bucket->tokens = (double)burst;
	bucket->at_ms = now_ms;
	if (bucket->tokens < 1)
		return false;
	bucket->tokens -= 1;
	return true;
}

/* ---- connections ---- */

void source_announce(struct source *source)
{
	atomic_fetch_add(&source->announced, 1);
}

void source_unannounce(struct source *source)
{
	atomic_fetch_sub(&source->announced, 1);
}

bool source_enter(struct source *source)
{
	unsigned expected = atomic_load(&source->announced);

	if (source_has_elder(source))
		expected += EXPECTED_BY_ELDERS;
	if (atomic_fetch_add(&source->arriving, 1) < expected)
		return true;
	atomic_fetch_sub(&source->arriving, 1);
	atomic_fetch_add(&source->unexpected, 1);
	return false;
}

void source_leave(struct source *source, bool was_asked_for)
{
	atomic_fetch_sub(was_asked_for ? &source->arriving : &source->unexpected, 1);
}

bool source_is_over(const struct source *source, const struct limits *limits)
{
	uint64_t most = source_is_proxy(source)
	                        ? limits_of_proxy(limits)
	                        : (uint64_t)limits->settings.max_unauthenticated_per_ip;

	return atomic_load(&source->unexpected) > most;
}

/* The caller holds the lock. */
static int64_t ban_left(const struct source *source, int64_t now_ms)
{
	return source->banned_until_ms > now_ms ? source->banned_until_ms - now_ms : 0;
}

bool source_may_be_banned(const struct source *source, const struct limits *limits)
{
	return limits->settings.ban_after > 0 && !source_is_proxy(source) &&
	       !is_exempt(limits, source->ip);
}

int64_t source_ban_left(struct source *source, int64_t now_ms)
{
	int64_t left_ms;

	pthread_mutex_lock(&source->shard->lock);
	left_ms = ban_left(source, now_ms);
	pthread_mutex_unlock(&source->shard->lock);
	return left_ms;
}

bool source_may_hear(struct source *source, int64_t now_ms)
{
	bool may;

	if (source_has_tunnel(source))
		return true;
	pthread_mutex_lock(&source->shard->lock);
	may = bucket_take(&source->hearings, HEAR_RATE, HEAR_BURST, now_ms);
	pthread_mutex_unlock(&source->shard->lock);
	return may;
}

void source_turn_away(struct source *source, int64_t now_ms)
{
	pthread_mutex_lock(&source->shard->lock);
	source->turned_away_ms = now_ms;
	if (ban_left(source, now_ms) > 0)
		source->banned_tries++;
	pthread_mutex_unlock(&source->shard->lock);
}

bool source_was_turned_away(struct source *source, int64_t since_ms)
{
	bool was;

	pthread_mutex_lock(&source->shard->lock);
	was = source->turned_away_ms && source->turned_away_ms >= since_ms;
	pthread_mutex_unlock(&source->shard->lock);
	return was;
}

/* ---- tunnels and visitors ---- */

bool source_add_tunnel(struct source *source, const struct limits *limits)
{
	return limit_take(&source->tunnels, limit_of(limits->settings.max_conns_per_ip));
}

void source_remove_tunnel(struct source *source)
{
	atomic_fetch_sub(&source->tunnels, 1);
}

bool source_has_tunnel(const struct source *source)
{
	return atomic_load(&source->tunnels) > 0 || source_has_elder(source);
}

void source_set_elder(struct source_table *table, const spore_addr *addr)
{
	struct source *source = source_get(table, addr);

	if (!source)
		return;
	atomic_store(&source->elders, atomic_load(&table->elders));
	source_unref(source);
}

void source_forget_elders(struct source_table *table)
{
	unsigned next = atomic_load(&table->elders) + 1;

	atomic_store(&table->elders, next > 0 ? next : 1);
}

bool source_has_elder(const struct source *source)
{
	return atomic_load(&source->elders) == atomic_load(&source->shard->table->elders);
}

/* The caller holds the lock. Fills `out` from index n on, and returns the new number. */
static size_t list_tunnels(const struct shard *shard, spore_addr *out, size_t most, size_t n)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		for (const struct source *s = shard->buckets[i]; s && n < most; s = s->next) {
			if (source_is_proxy(s) || !source_has_tunnel(s))
				continue;
			out[n] = (spore_addr){ .family = s->family };
			memcpy(out[n++].ip, s->key, sizeof out->ip);
		}
	}
	return n;
}

size_t source_list_tunnels(struct source_table *table, spore_addr *out, size_t most)
{
	size_t n = 0;

	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &table->shards[i];

		pthread_mutex_lock(&shard->lock);
		n = list_tunnels(shard, out, most, n);
		pthread_mutex_unlock(&shard->lock);
	}
	return n;
}

bool source_add_ahead(struct source *source, unsigned most)
{
	return limit_take(&source->ahead, most);
}

void source_remove_ahead(struct source *source)
{
	atomic_fetch_sub(&source->ahead, 1);
}

bool source_add_visitor(struct source *source, const struct limits *limits, int64_t now_ms,
                        enum refusal *why_out)
{
	bool in_time = true;

	if (!limit_take(&source->visitors, limit_of(limits->settings.max_visitors_per_ip))) {
		*why_out = REFUSED_SOURCE_FULL;
		return false;
	}
	pthread_mutex_lock(&source->shard->lock);
	if (limits->settings.visitor_rate)
		in_time = bucket_take(&source->visits, limits->settings.visitor_rate,
		                      limits->settings.visitor_burst, now_ms);
	pthread_mutex_unlock(&source->shard->lock);
	if (in_time)
		return true;
	atomic_fetch_sub(&source->visitors, 1);
	*why_out = REFUSED_SOURCE_PACE;
	return false;
}

void source_remove_visitor(struct source *source)
{
	if (source)
		atomic_fetch_sub(&source->visitors, 1);
}

bool source_add_handshake(struct source *source, const struct limits *limits,
                          struct limit_hit *hit_out)
{
	*hit_out = source_is_proxy(source)
	                   ? limits_of_handshakes(limits, limits->handshakes / 2 + 1)
	                   : limits_of_source(limits, REFUSED_HANDSHAKES);
	return limit_take(&source->handshakes, (unsigned)hit_out->most);
}

void source_remove_handshake(struct source *source)
{
	atomic_fetch_sub(&source->handshakes, 1);
}

/* ---- secrets ---- */

bool source_may_try(struct source *source, const struct limits *limits, int64_t now_ms)
{
	bool may;

	pthread_mutex_lock(&source->shard->lock);
	may = is_exempt(limits, source->ip) ||
	      bucket_take(&source->secrets, limits->settings.secret_rate,
	                  limits->settings.secret_burst, now_ms);
	pthread_mutex_unlock(&source->shard->lock);
	return may;
}

void source_return_try(struct source *source)
{
	pthread_mutex_lock(&source->shard->lock);
	source->secrets.tokens += 1;
	pthread_mutex_unlock(&source->shard->lock);
}

bool source_was_wrong(struct source *source, const struct limits *limits, int64_t now_ms)
{
	double faded;
	bool banned = false;

	if (!source_may_be_banned(source, limits))
		return false;
	pthread_mutex_lock(&source->shard->lock);
	/* The answer was given before the ban began, so it does not prolong the ban. */
	if (ban_left(source, now_ms)) {
		pthread_mutex_unlock(&source->shard->lock);
		return false;
	}
	/* One wrong answer is forgotten in each tenth of the ban's time. */
	faded = (double)(now_ms - source->wrong_at_ms) /
	        ((double)limits->settings.ban_time / 10.0 + 1.0);
	source->wrong = source->wrong > faded ? source->wrong - faded + 1 : 1;
	source->wrong_at_ms = now_ms;
	/* If answers are wrong in quick succession, the sum of ban_after of them is a little less
	 * than ban_after, since the earlier ones have faded a little. */
	if (source->wrong > (double)(limits->settings.ban_after - 1)) {
		source->banned_until_ms = now_ms + limits->settings.ban_time;
		source->banned_tries = 0;
		source->wrong = 0;
		banned = true;
	}
	pthread_mutex_unlock(&source->shard->lock);
	return banned;
}

void source_was_right(struct source *source)
{
	pthread_mutex_lock(&source->shard->lock);
	source->wrong = 0;
	pthread_mutex_unlock(&source->shard->lock);
}

/* ---- for the operator ---- */

/* The caller holds the lock. Addresses have 16 bytes here, also those of IPv4 (::ffff:ADDRESS). So
 * the prefix of an IPv4 source is all 128 bits, and the prefix of an IPv6 source is its /64. */
static struct source_ban describe_ban(const struct source *source, int64_t now_ms)
{
	struct source_ban ban = { .left_ms = ban_left(source, now_ms),
		                  .tries = source->banned_tries,
		                  .has_tunnel = atomic_load(&source->tunnels) > 0 };

	memcpy(ban.source.ip, source->key, sizeof ban.source.ip);
	ban.source.family = source->family;
	ban.source.prefix_len = source->family == 6 ? 64 : 128;
	return ban;
}

/* The caller holds the lock. Fills `out` from index n on, and returns the new number of bans. */
static size_t list_shard(const struct shard *shard, int64_t now_ms, struct source_ban *out,
                         size_t most, size_t n)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		for (const struct source *s = shard->buckets[i]; s; s = s->next) {
			if (!ban_left(s, now_ms))
				continue;
			if (n < most)
				out[n] = describe_ban(s, now_ms);
			n++;
		}
	}
	return n;
}

size_t source_list_bans(struct source_table *table, int64_t now_ms, struct source_ban *out,
                        size_t most)
{
	size_t n = 0;

	for (size_t i = 0; i < SHARDS; i++) {
		struct shard *shard = &table->shards[i];

		pthread_mutex_lock(&shard->lock);
		n = list_shard(shard, now_ms, out, most, n);
		pthread_mutex_unlock(&shard->lock);
	}
	return n;
}

void source_ban(struct source_table *table, const spore_addr *addr, int64_t left_ms, uint64_t tries,
                int64_t now_ms)
{
	struct source *source = source_get(table, addr);

	if (!source)
		return;
	pthread_mutex_lock(&source->shard->lock);
	if (left_ms > ban_left(source, now_ms)) {
		source->banned_until_ms = now_ms + left_ms;
		source->banned_tries = tries;
	}
	pthread_mutex_unlock(&source->shard->lock);
	source_unref(source);
}

/* The caller holds the lock. True: there was something to forgive. */
static bool forgive(struct source *source, int64_t now_ms)
{
	bool was_wrong = ban_left(source, now_ms) > 0 || source->wrong > 0;

	source->banned_until_ms = 0;
	source->wrong = 0;
	source->secrets = source->hearings = (struct bucket){ 0 };
	return was_wrong;
}

bool source_forgive(struct source_table *table, const spore_addr *addr, int64_t now_ms)
{
	struct source *source;
	struct shard *shard;
	bool was_wrong;
	uint8_t key[KEY_SIZE];
	uint64_t hash;

	key_of(addr, false, key);
	hash = hash_key(table, key);
	shard = &table->shards[hash % SHARDS];
	pthread_mutex_lock(&shard->lock);
	source = *find_source(shard, hash, key);
	was_wrong = source && forgive(source, now_ms);
	pthread_mutex_unlock(&shard->lock);
	return was_wrong;
}
