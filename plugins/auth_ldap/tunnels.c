#include "tunnels.h"

#include <stdlib.h>

enum { BUCKETS = 4096 };

/* A client with at least one tunnel. */
struct tunnel {
	uint64_t session;
	unsigned allows; /* ALLOWs that have begun and not ended */
	uint64_t begun;  /* the number of the latest ALLOW */
	bool is_uneven;  /* some ALLOWs gave other rights than `facts` say */
	char name[LOOKS_NAME_SIZE];
	struct facts facts; /* its identity never changes */
	unsigned n_macs;
	uint8_t macs[TUNNELS_MACS_MAX][TUNNELS_MAC_SIZE]; /* the latest first */
	int64_t looked_ms;
	struct tunnel *next_in_bucket;
	struct tunnel *next, *previous; /* in the order of looked_ms */
};

struct tunnels {
	atomic_uint refs;
	pthread_mutex_t lock;
	uint64_t begun; /* the number of ALLOWs so far */
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
	if (tunnels->last)
		tunnels->last->next = tunnel;
	else
		tunnels->first = tunnel;
	tunnels->last = tunnel;
}

static void take_out(struct tunnels *tunnels, struct tunnel *tunnel)
{
	if (tunnel->previous)
		tunnel->previous->next = tunnel->next;
	else
		tunnels->first = tunnel->next;
	if (tunnel->next)
		tunnel->next->previous = tunnel->previous;
	else
		tunnels->last = tunnel->previous;
}

static bool is_of(const struct tunnel *tunnel, uint64_t session, const char *identity)
{
	return tunnel->session == session && strcmp(tunnel->facts.identity, identity) == 0;
}

/* The pointer to the tunnel of this client, or to the NULL where it would be. */
static struct tunnel **place_of(struct tunnels *tunnels, uint64_t session, const char *identity)
{
	struct tunnel **at = &tunnels->buckets[session % BUCKETS];

	while (*at && !is_of(*at, session, identity))
		at = &(*at)->next_in_bucket;
	return at;
}

/* The next tunnel of a session, whatever its identity; NULL: there is none. */
static struct tunnel *find_from(struct tunnel *tunnel, uint64_t session)
{
	while (tunnel && tunnel->session != session)
		tunnel = tunnel->next_in_bucket;
	return tunnel;
}

static struct tunnel *first_of(const struct tunnels *tunnels, uint64_t session)
{
	return find_from(tunnels->buckets[session % BUCKETS], session);
}

static struct tunnel *add(struct tunnels *tunnels, uint64_t session,
                          const struct tunnels_entry *entry, int64_t now_ms)
{
	struct tunnel *tunnel = calloc(1, sizeof *tunnel);

	if (!tunnel)
		return NULL;
	tunnel->session = session;
	tunnel->facts = *entry->facts;
	snprintf(tunnel->name, sizeof tunnel->name, "%s", entry->name);
	tunnel->looked_ms = now_ms;
	*place_of(tunnels, session, tunnel->facts.identity) = tunnel;
	append(tunnels, tunnel);
	return tunnel;
}

static void drop(struct tunnels *tunnels, struct tunnel *tunnel)
{
	*place_of(tunnels, tunnel->session, tunnel->facts.identity) = tunnel->next_in_bucket;
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

/* Adds the MAC of a password. If there are too many, the oldest one goes. */
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
	tunnel = first_of(tunnels, session);
	if (tunnel)
		learn(tunnel, mac);
	pthread_mutex_unlock(&tunnels->lock);
}

/* Copies the MACs of a client's passwords. Returns how many there are. */
static unsigned copy_macs(struct tunnels *tunnels, uint64_t session, const char *identity,
                          uint8_t out[TUNNELS_MACS_MAX][TUNNELS_MAC_SIZE])
{
	const struct tunnel *tunnel;
	unsigned n = 0;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, session, identity);
	if (tunnel) {
		n = tunnel->n_macs;
		memcpy(out, tunnel->macs, sizeof tunnel->macs);
	}
	pthread_mutex_unlock(&tunnels->lock);
	return n;
}

static bool fits(const struct tunnel *tunnel, const spore_host *host,
                 const uint8_t mac[TUNNELS_MAC_SIZE])
{
	bool is_right = false;

	for (unsigned i = 0; i < tunnel->n_macs; i++)
		is_right |= host->equal(tunnel->macs[i], mac, TUNNELS_MAC_SIZE) != 0;
	return is_right;
}

enum tunnels_says tunnels_check(struct tunnels *tunnels, const spore_host *host, uint64_t session,
                                const uint8_t mac[TUNNELS_MAC_SIZE])
{
	enum tunnels_says says = TUNNELS_UNKNOWN;

	pthread_mutex_lock(&tunnels->lock);
	for (struct tunnel *tunnel = first_of(tunnels, session); tunnel;
	     tunnel = find_from(tunnel->next_in_bucket, session)) {
		if (fits(tunnel, host, mac))
			says = TUNNELS_RIGHT;
		else if (tunnel->n_macs && says == TUNNELS_UNKNOWN)
			says = TUNNELS_WRONG;
	}
	pthread_mutex_unlock(&tunnels->lock);
	return says;
}

/* ---- begin and end ---- */

/* Notes an ALLOW with these facts. The facts that are known stay. If the new ones differ, the next
 * look tells all tunnels of the client what holds. */
static void note_allow(struct tunnels *tunnels, struct tunnel *tunnel, const struct facts *facts)
{
	tunnel->allows++;
	tunnel->begun = ++tunnels->begun;
	tunnel->is_uneven = tunnel->is_uneven || !entry_is_same(&tunnel->facts, facts);
	if (!*tunnel->facts.dn)
		tunnel->facts = *facts;
}

bool tunnels_begin(struct tunnels *tunnels, uint64_t session, const struct tunnels_entry *entry,
                   int64_t now_ms)
{
	const char *identity = entry->facts->identity;
	uint8_t macs[TUNNELS_MACS_MAX][TUNNELS_MAC_SIZE];
	unsigned n = entry->inherits ? copy_macs(entry->inherits, session, identity, macs) : 0;
	struct tunnel *tunnel;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, session, identity);
	if (!tunnel)
		tunnel = add(tunnels, session, entry, now_ms);
	if (tunnel) {
		note_allow(tunnels, tunnel, entry->facts);
		while (n > 0) /* the oldest first */
			learn(tunnel, macs[--n]);
		if (entry->mac)
			learn(tunnel, entry->mac);
	}
	pthread_mutex_unlock(&tunnels->lock);
	explicit_bzero(macs, sizeof macs);
	return tunnel != NULL;
}

void tunnels_end(struct tunnels *tunnels, uint64_t session, const char *identity)
{
	struct tunnel *tunnel;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, session, identity);
	if (tunnel && --tunnel->allows == 0)
		drop(tunnels, tunnel);
	pthread_mutex_unlock(&tunnels->lock);
}

bool tunnels_name(struct tunnels *tunnels, uint64_t session, const char *identity,
                  char name_out[LOOKS_NAME_SIZE])
{
	const struct tunnel *tunnel;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, session, identity);
	if (tunnel)
		memcpy(name_out, tunnel->name, LOOKS_NAME_SIZE);
	pthread_mutex_unlock(&tunnels->lock);
	return tunnel != NULL;
}

/* ---- looks ---- */

int64_t tunnels_wait(struct tunnels *tunnels, int64_t now_ms)
{
	int64_t wait_ms = -1;

	pthread_mutex_lock(&tunnels->lock);
	if (tunnels->first)
		wait_ms = now_ms - tunnels->first->looked_ms;
	pthread_mutex_unlock(&tunnels->lock);
	return wait_ms;
}

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
		looks[n].begun = tunnel->begun;
		looks[n].is_uneven = tunnel->is_uneven;
		memcpy(looks[n].name, tunnel->name, sizeof looks[n].name);
		n++;
	}
	pthread_mutex_unlock(&tunnels->lock);
	return n;
}

void tunnels_update(struct tunnels *tunnels, const struct look *look)
{
	struct tunnel *tunnel;

	pthread_mutex_lock(&tunnels->lock);
	tunnel = *place_of(tunnels, look->session, look->known.identity);
	if (tunnel) {
		tunnel->facts = look->facts;
		tunnel->is_uneven = tunnel->begun != look->begun;
	}
	pthread_mutex_unlock(&tunnels->lock);
}
