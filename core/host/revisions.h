/* revisions - changes of the rights of clients that an auth instance has let in (auth_revalidate).
 * The struct holds the time of each identity's last revision. A verdict is old if the instance
 * was asked for it before the last revision.
 *
 * There is one exception. If a thread makes a revision and then gives a verdict, the verdict is not
 * old. So a plugin may end the older tunnels of a client and then let it in.
 *
 * Identities share buckets, so a verdict may seem old because of another identity. The caller asks
 * again for an old verdict, so this does no harm. A zeroed struct is empty. */
#ifndef CORE_REVISIONS_H
#define CORE_REVISIONS_H

#include <spore/base.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "thread/ticks.h"

struct grant;
struct instance;

/* A change of rights. Borrowed. */
struct revision {
	const struct instance *by; /* compared, never dereferenced */
	spore_str identity;
	const uint64_t *session;   /* NULL: all sessions of the identity */
	const struct grant *grant; /* the new rights; NULL: the clients are denied */
};

static inline bool revision_has_identity(const struct revision *revision, const char *identity)
{
	size_t len = revision->identity.len;

	if (strlen(identity) != len)
		return false;
	return len == 0 || memcmp(identity, revision->identity.ptr, len) == 0;
}

/* True if the revision concerns a grant of this instance to this identity and session. [any] */
static inline bool revision_concerns(const struct revision *revision, const struct instance *by,
                                     const char *identity, uint64_t session)
{
	return revision->by == by && revision_has_identity(revision, identity) &&
	       (!revision->session || *revision->session == session);
}

enum { REVISIONS_BUCKETS = 256 };

struct revisions {
	atomic_uint_fast64_t last[REVISIONS_BUCKETS]; /* ticks; 0: none */
};

/* A moment in the order of all revisions (thread/ticks). Borrows the revisions. */
struct revision_stamp {
	struct revisions *of;
	uint64_t at;
};

static inline atomic_uint_fast64_t *revisions_bucket(struct revisions *revisions,
                                                     spore_str identity)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < identity.len; i++)
		hash = (hash ^ (uint8_t)identity.ptr[i]) * 16777619u;
	return &revisions->last[(hash ^ hash >> 16) % REVISIONS_BUCKETS];
}

/* Makes all verdicts on this identity old that have been asked for until now. [any] */
static inline void revisions_add(struct revisions *revisions, spore_str identity)
{
	atomic_uint_fast64_t *last = revisions_bucket(revisions, identity);
	uint_fast64_t now = ticks_add(), before = atomic_load(last);

	/* If another thread has stored a later tick meanwhile, that tick stays. */
	while (before < now && !atomic_compare_exchange_weak(last, &before, now))
		;
}

/* Take it before a verdict is asked for. [any] */
static inline struct revision_stamp revisions_stamp(struct revisions *revisions)
{
	return (struct revision_stamp){ revisions, ticks_now() };
}

/* The thread that gave the verdict had made these revisions before. They do not make the verdict
 * old, unless another thread has made a revision in between. [any] */
static inline void revision_stamp_pass(struct revision_stamp *stamp, struct ticks_run made)
{
	stamp->at = ticks_pass(stamp->at, made);
}

/* True if the identity has been revised since the moment of the stamp. [any] */
static inline bool revision_stamp_is_old(const struct revision_stamp *stamp, spore_str identity)
{
	return atomic_load(revisions_bucket(stamp->of, identity)) > stamp->at;
}

#endif
