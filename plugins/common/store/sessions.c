#include "sessions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_BUCKETS = 1024 };

struct entry {
	struct entry *next;          /* of its number's bucket */
	struct entry *next_named;    /* of its name's bucket */
	struct entry *older, *newer; /* of those who have left */
	size_t n;                    /* ALLOWs that have not ended; 0: it has left */
	bool is_revoked;
	struct session session;
};

struct sessions {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct entry *numbers[N_BUCKETS], *names[N_BUCKETS];
	struct entry *oldest, *newest; /* of those who have left */
	size_t n_left;
	bool remembers;
	struct sessions *successor;  /* ref, or NULL */
	uint64_t now;                /* a clock that moves on with each touch */
	uint64_t touched[N_BUCKETS]; /* when a name of this bucket was touched last */
};

/* ---- numbers ---- */

/* What the record has for a form; "" if it has nothing. */
static spore_str proof_of(enum evidence_form form, const struct record *record)
{
	if (form == EVIDENCE_HMAC && record->has & RECORD_HAS_KEY)
		return (spore_str){ (const char *)record->key, sizeof record->key };
	if (form == EVIDENCE_SIGNATURE && record->has & RECORD_HAS_PUBKEY)
		return (spore_str){ (const char *)record->pubkey, record->pubkey_len };
	if (form == EVIDENCE_PASSWORD && record->has & RECORD_HAS_HASH)
		return spore_cstr(record->hash);
	return (spore_str){ NULL, 0 };
}

uint64_t session_number(const spore_host *host, enum evidence_form form,
                        const struct record *record, const char *identity)
{
	spore_str proof = proof_of(form, record);
	char text[1 + SPORE_IDENTITY_MAX + 1 + HASH_MAX + 1];
	size_t len = strlen(identity) + 1;
	uint8_t digest[32];
	uint64_t number;

	if (!proof.len)
		return 0;
	text[0] = (char)form;
	memcpy(text + 1, identity, len);
	memcpy(text + 1 + len, proof.ptr, proof.len);
	host->sha256(text, 1 + len + proof.len, digest);
	explicit_bzero(text, sizeof text);
	memcpy(&number, digest, sizeof number);
	return number ? number : 1;
}

void session_digest(const spore_host *host, const struct terms *terms, uint8_t out[32])
{
	const struct policy *policy = &terms->policy;
	int64_t numbers[POLICY_NUMBERS + 1];
	uint8_t bytes[sizeof numbers + sizeof terms->ports] = { 0 };

	policy_numbers(policy, numbers);
	numbers[POLICY_NUMBERS] = terms->n_ports;
	memcpy(bytes, numbers, sizeof numbers);
	memcpy(bytes + sizeof numbers, terms->ports, terms->n_ports * sizeof *terms->ports);
	host->sha256(bytes, sizeof bytes, out);
}

/* ---- the table ---- */

struct sessions *sessions_new(bool remembers)
{
	struct sessions *sessions = calloc(1, sizeof *sessions);

	if (!sessions)
		return NULL;
	atomic_init(&sessions->refs, 1);
	pthread_mutex_init(&sessions->lock, NULL);
	sessions->remembers = remembers;
	return sessions;
}

struct sessions *sessions_ref(struct sessions *sessions)
{
	atomic_fetch_add(&sessions->refs, 1);
	return sessions;
}

static void free_entry(struct entry *entry)
{
	explicit_bzero(entry, sizeof *entry);
	free(entry);
}

void sessions_unref(struct sessions *sessions)
{
	if (!sessions || atomic_fetch_sub(&sessions->refs, 1) > 1)
		return;
	for (size_t i = 0; i < N_BUCKETS; i++) {
		for (struct entry *entry = sessions->numbers[i], *next; entry; entry = next) {
			next = entry->next;
			free_entry(entry);
		}
	}
	sessions_unref(sessions->successor);
	pthread_mutex_destroy(&sessions->lock);
	free(sessions);
}

static size_t bucket_of(const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return (hash ^ hash >> 16) % N_BUCKETS;
}

/* The pointer to the entry of this number, or to the NULL where it would be. */
static struct entry **find(struct sessions *sessions, uint64_t number)
{
	struct entry **at = &sessions->numbers[number % N_BUCKETS];

	while (*at && (*at)->session.number != number)
		at = &(*at)->next;
	return at;
}

static void unlink_name(struct sessions *sessions, struct entry *entry)
{
	struct entry **at = &sessions->names[bucket_of(entry->session.name)];

	while (*at != entry)
		at = &(*at)->next_named;
	*at = entry->next_named;
}

static void link_name(struct sessions *sessions, struct entry *entry)
{
	struct entry **at = &sessions->names[bucket_of(entry->session.name)];

	entry->next_named = *at;
	*at = entry;
}

/* NULL: out of memory. */
static struct entry *add(struct sessions *sessions, const struct session *session)
{
	struct entry *entry = calloc(1, sizeof *entry);

	if (!entry)
		return NULL;
	entry->session = *session;
	*find(sessions, session->number) = entry;
	link_name(sessions, entry);
	return entry;
}

static void drop(struct sessions *sessions, struct entry *entry)
{
	*find(sessions, entry->session.number) = entry->next;
	unlink_name(sessions, entry);
	free_entry(entry);
}

/* ---- those who have left ---- */

/* Takes an entry out of the list of those who have left. */
static void unlink_left(struct sessions *sessions, struct entry *entry)
{
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		sessions->oldest = entry->newer;
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		sessions->newest = entry->older;
	entry->older = entry->newer = NULL;
	sessions->n_left--;
}

static void forget(struct sessions *sessions, struct entry *entry)
{
	unlink_left(sessions, entry);
	drop(sessions, entry);
}

/* Adds an entry to those who have left. It verifies nothing any more, so its credential is
 * wiped. */
static void remember(struct sessions *sessions, struct entry *entry)
{
	explicit_bzero(&entry->session.credential, sizeof entry->session.credential);
	entry->older = sessions->newest;
	if (entry->older)
		entry->older->newer = entry;
	else
		sessions->oldest = entry;
	sessions->newest = entry;
	if (++sessions->n_left > SESSIONS_LEFT_MAX)
		forget(sessions, sessions->oldest);
}

/* Remembers a session of an older table, here and in the tables that follow. The older table's lock
 * is held: locks are always taken from the oldest table to the newest. False: out of memory. */
static bool learn(struct sessions *sessions, const struct session *session)
{
	struct entry *entry;
	bool good = true;

	pthread_mutex_lock(&sessions->lock);
	if (!*find(sessions, session->number)) {
		entry = add(sessions, session);
		if (entry)
			remember(sessions, entry);
		good = entry != NULL;
	}
	if (good && sessions->successor)
		good = learn(sessions->successor, session);
	pthread_mutex_unlock(&sessions->lock);
	return good;
}

bool sessions_succeed(struct sessions *sessions, struct sessions *old)
{
	bool good = true;

	if (!sessions->remembers)
		return true;
	pthread_mutex_lock(&old->lock);
	sessions_unref(old->successor); /* left from a reload that has failed */
	old->successor = sessions_ref(sessions);
	for (struct entry *entry = old->oldest; entry && good; entry = entry->newer)
		good = learn(sessions, &entry->session);
	for (size_t i = 0; i < N_BUCKETS; i++) {
		for (struct entry *entry = old->numbers[i]; entry && good; entry = entry->next)
			good = learn(sessions, &entry->session);
	}
	pthread_mutex_unlock(&old->lock);
	return good;
}

/* ---- changes of the store ---- */

uint64_t sessions_stamp(struct sessions *sessions)
{
	uint64_t stamp;

	pthread_mutex_lock(&sessions->lock);
	stamp = sessions->now;
	pthread_mutex_unlock(&sessions->lock);
	return stamp;
}

void sessions_touch(struct sessions *sessions, const char *name)
{
	pthread_mutex_lock(&sessions->lock);
	sessions->now++;
	if (name) {
		sessions->touched[bucket_of(name)] = sessions->now;
	} else {
		for (size_t i = 0; i < N_BUCKETS; i++)
			sessions->touched[i] = sessions->now;
	}
	pthread_mutex_unlock(&sessions->lock);
}

/* ---- sessions ---- */

/* Gives the entry one more ALLOW. */
static void add_allow(struct sessions *sessions, struct entry *entry, const struct session *session)
{
	/* Older tunnels of the session still have the old limits, and so has the verdict that the
	 * host remembers. If the limits count as unknown, the next look renews all of them. */
	bool has_other_limits = memcmp(entry->session.limits, session->limits,
	                               sizeof session->limits) != 0;

	unlink_name(sessions, entry);
	entry->session = *session;
	link_name(sessions, entry);
	if (has_other_limits)
		memset(entry->session.limits, 0, sizeof entry->session.limits);
	entry->is_revoked = false;
	entry->n++;
}

static enum sessions_begun begin(struct sessions *sessions, const struct session *session,
                                 uint64_t stamp)
{
	struct entry *entry;

	if (sessions->touched[bucket_of(session->name)] > stamp)
		return SESSIONS_STALE;
	if (sessions->successor && !learn(sessions->successor, session))
		return SESSIONS_NO_MEMORY;
	entry = *find(sessions, session->number);
	if (entry && entry->n == 0)
		unlink_left(sessions, entry);
	if (!entry)
		entry = add(sessions, session);
	if (!entry)
		return SESSIONS_NO_MEMORY;
	add_allow(sessions, entry, session);
	return SESSIONS_BEGUN;
}

enum sessions_begun sessions_begin(struct sessions *sessions, const struct session *session,
                                   uint64_t stamp)
{
	enum sessions_begun begun;

	pthread_mutex_lock(&sessions->lock);
	begun = begin(sessions, session, stamp);
	pthread_mutex_unlock(&sessions->lock);
	return begun;
}

void sessions_end(struct sessions *sessions, uint64_t number)
{
	struct entry *entry;

	pthread_mutex_lock(&sessions->lock);
	entry = *find(sessions, number);
	if (entry && entry->n > 0 && --entry->n == 0) {
		if (sessions->remembers && !entry->is_revoked)
			remember(sessions, entry);
		else
			drop(sessions, entry);
	}
	pthread_mutex_unlock(&sessions->lock);
}

bool sessions_find(struct sessions *sessions, uint64_t number, struct session *out)
{
	struct entry *entry;
	bool found;

	pthread_mutex_lock(&sessions->lock);
	entry = *find(sessions, number);
	found = entry && entry->n > 0 && !entry->is_revoked;
	if (found)
		*out = entry->session;
	pthread_mutex_unlock(&sessions->lock);
	return found;
}

void sessions_set_credential(struct sessions *sessions, uint64_t number,
                             const struct credential *credential)
{
	struct entry *entry;

	pthread_mutex_lock(&sessions->lock);
	entry = *find(sessions, number);
	if (entry && entry->n > 0)
		entry->session.credential = *credential;
	pthread_mutex_unlock(&sessions->lock);
}

/* ---- visits ---- */

void sessions_visit(struct sessions *sessions, const char *name,
                    bool (*visit)(void *arg, struct session *session, bool is_news), void *arg)
{
	struct entry *next;

	pthread_mutex_lock(&sessions->lock);
	for (struct entry *entry = sessions->names[bucket_of(name)]; entry; entry = next) {
		next = entry->next_named;
		if (strcmp(entry->session.name, name) != 0)
			continue;
		entry->is_revoked = !visit(arg, &entry->session, !entry->is_revoked);
		if (entry->is_revoked && entry->n == 0)
			forget(sessions, entry);
	}
	pthread_mutex_unlock(&sessions->lock);
}

bool sessions_have(struct sessions *sessions, const char *name)
{
	struct entry *entry;

	pthread_mutex_lock(&sessions->lock);
	entry = sessions->names[bucket_of(name)];
	while (entry && strcmp(entry->session.name, name) != 0)
		entry = entry->next_named;
	pthread_mutex_unlock(&sessions->lock);
	return entry != NULL;
}

void sessions_each_name(struct sessions *sessions, void (*visit)(void *arg, const char *name),
                        void *arg)
{
	pthread_mutex_lock(&sessions->lock);
	for (size_t i = 0; i < N_BUCKETS; i++) {
		for (struct entry *entry = sessions->numbers[i]; entry; entry = entry->next)
			visit(arg, entry->session.name);
	}
	pthread_mutex_unlock(&sessions->lock);
}
