#include "tunnels.h"

#include <stdlib.h>

enum { BUCKETS = 4096 };

struct tunnel {
	uint64_t session;
	unsigned allows; /* that have begun and not ended */
	char name[DIRECTORY_NAME_SIZE];
	struct facts facts;
	unsigned n_macs; /* the latest first */
	uint8_t macs[TUNNELS_MACS_MAX][TUNNELS_MAC_SIZE];
	int64_t looked_ms;
	struct tunnel *next_in_bucket;
	struct tunnel *next, *previous; /* in the order of looked_ms */
};

struct tunnels {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct tunnel *buckets[BUCKETS];
	struct tunnel *first, *last;
};

struct tunnels *tunnels_new(void)
{
	struct tunnels *tunnels = calloc(1, sizeof *tunnels);

	if (!tunnels)
		return NULL;
	atomic_init(&tunnels->refs, 1);
	pthread_mutex_init(&tunnels->lock, NULL);
	return tunnels;
}

struct tunnels *tunnels_ref(struct tunnels *tunnels)
{
	atomic_fetch_add_explicit(&tunnels->refs, 1, memory_order_relaxed);
	return tunnels;
}

/* ---- the list and the table; the lock is held ---- */

static void append(struct tunnels *tunnels, struct tunnel *tunnel)
{
	tunnel->next = NULL;
	tunnel->previous = tunnels->last;
	*(tunnels->last ? &tunnels->last->next : &tunnels->first) = tunnel;
	tunnels->last = tunnel;
}

static void take_out(struct tunnels *tunnels, struct tunnel *tunnel)
{
	*(tunnel->previous ? &tunnel->previous->next : &tunnels->first) = tunnel->next;
	*(tunnel->next ? &tunnel->next->previous : &tunnels->last) = tunnel->previous;
}

static struct tunnel **place_of(struct tunnels *tunnels, uint64_t session)
{
	struct tunnel **at = &tunnels->buckets[session % BUCKETS];

	while (*at && (*at)->session != session)
		at = &(*at)->next_in_bucket;
	return at;
}

static struct tunnel *add(struct tunnels *tunnels, uint64_t session, int64_t now_ms)
{
	struct tunnel *tunnel = calloc(1, sizeof *tunnel);

	if (!tunnel)
		return NULL;
	tunnel->session = session;
	tunnel->looked_ms = now_ms;
	*place_of(tunnels, session) = tunnel;
	append(tunnels, tunnel);
	return tunnel;
}

static void drop(struct tunnels *tunnels, struct tunnel *tunnel)
{
	*place_of(tunnels, tunnel->session) = tunnel->next_in_bucket;
	take_out(tunnels, tunnel);
	explicit_bzero(tunnel, sizeof *tunnel);
	free(tunnel);
}

void tunnels_unref(struct tunnels *tunnels)
{
	if (!tunnels || atomic_fetch_sub_explicit(&tunnels->refs, 1, memory_order_acq_rel) > 1)
		return;
	while (tunnels->first)
		drop(tunnels, tunnels->first);
	pthread_mutex_destroy(&tunnels->lock);
	free(tunnels);
}

/* ---- passwords ---- */

/* The oldest goes if there are too many. */
static void learn(struct tunnel *tunnel, const uint8_t *mac)
{
	unsigned n = tunnel->n_macs;

	for (unsigned i = 0; i < n; i++) {
		if (memcmp(tunnel->macs[i], mac, TUNNELS_MAC_SIZE) == 0)
			return;
	}
	if (n == TUNNELS_MACS_MAX)
		n--;
	memmove(tunnel->macs[1], tunnel->macs[0], (size_t)n * TUNNELS_MAC_SIZE);
	memcpy(tunnel->macs[0], mac, TUNNELS_MAC_SIZE);
	tunnel->n_macs = n + 1;
}

void tunnels_learn(struct tunnels *tunnels, uint64_t session, const uint8_t mac[TUNNELS_MAC_SIZE])
{
	struct tunnel *tunnel;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, session);
	if (tunnel)
		learn(tunnel, mac);
	pthread_mutex_unlock(&tunnels->lock);
}

/* Copies the passwords of a session. Returns how many. */
static unsigned copy_macs(struct tunnels *tunnels, uint64_t session,
                          uint8_t out[TUNNELS_MACS_MAX][TUNNELS_MAC_SIZE])
{
	const struct tunnel *tunnel;
	unsigned n = 0;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, session);
	if (tunnel) {
		n = tunnel->n_macs;
		memcpy(out, tunnel->macs, sizeof tunnel->macs);
	}
	pthread_mutex_unlock(&tunnels->lock);
	return n;
}

enum tunnels_says tunnels_check(struct tunnels *tunnels, const spore_host *host, uint64_t session,
                                const uint8_t mac[TUNNELS_MAC_SIZE])
{
	uint8_t macs[TUNNELS_MACS_MAX][TUNNELS_MAC_SIZE];
	unsigned n = copy_macs(tunnels, session, macs);
	enum tunnels_says says = n ? TUNNELS_WRONG : TUNNELS_UNKNOWN;

	for (unsigned i = 0; i < n; i++) {
		if (host->equal(macs[i], mac, TUNNELS_MAC_SIZE))
			says = TUNNELS_RIGHT;
	}
	return says;
}

/* ---- begin and end ---- */

/* What other tunnels of the session were given stays, until a look finds what has changed. */
static void set_facts(struct tunnel *tunnel, const struct tunnels_entry *entry)
{
	if (!*tunnel->name)
		snprintf(tunnel->name, sizeof tunnel->name, "%s", entry->name);
	if (!*tunnel->facts.dn)
		tunnel->facts = *entry->facts;
}

bool tunnels_begin(struct tunnels *tunnels, uint64_t session, const struct tunnels_entry *entry,
                   int64_t now_ms)
{
	uint8_t macs[TUNNELS_MACS_MAX][TUNNELS_MAC_SIZE];
	unsigned n = entry->inherits ? copy_macs(entry->inherits, session, macs) : 0;
	struct tunnel *tunnel;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, session);
	if (!tunnel)
		tunnel = add(tunnels, session, now_ms);
	if (tunnel) {
		tunnel->allows++;
		set_facts(tunnel, entry);
		while (n > 0)
			learn(tunnel, macs[--n]);
		if (entry->mac)
			learn(tunnel, entry->mac);
	}
	pthread_mutex_unlock(&tunnels->lock);
	return tunnel != NULL;
}

void tunnels_end(struct tunnels *tunnels, uint64_t session)
{
	struct tunnel *tunnel;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, session);
	if (tunnel && --tunnel->allows == 0)
		drop(tunnels, tunnel);
	pthread_mutex_unlock(&tunnels->lock);
}

bool tunnels_name(struct tunnels *tunnels, uint64_t session, char name_out[DIRECTORY_NAME_SIZE])
{
	const struct tunnel *tunnel;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, session);
	if (tunnel)
		memcpy(name_out, tunnel->name, DIRECTORY_NAME_SIZE);
	pthread_mutex_unlock(&tunnels->lock);
	return tunnel != NULL;
}

/* ---- looks ---- */

size_t tunnels_due(struct tunnels *tunnels, int64_t before_ms, int64_t now_ms, struct look *looks,
                   size_t max)
{
	struct tunnel *tunnel;
	size_t n = 0;

	pthread_mutex_lock(&tunnels->lock);
	while (n < max && (tunnel = tunnels->first) != NULL && tunnel->looked_ms <= before_ms) {
		take_out(tunnels, tunnel);
		append(tunnels, tunnel);
		tunnel->looked_ms = now_ms;
		looks[n].session = tunnel->session;
		looks[n].known = tunnel->facts;
		memcpy(looks[n].name, tunnel->name, sizeof looks[n].name);
		n++;
	}
	pthread_mutex_unlock(&tunnels->lock);
	return n;
}

void tunnels_update(struct tunnels *tunnels, uint64_t session, const struct facts *facts)
{
	struct tunnel *tunnel;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, session);
	if (tunnel)
		tunnel->facts = *facts;
	pthread_mutex_unlock(&tunnels->lock);
}
