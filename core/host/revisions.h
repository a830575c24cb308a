/* revisions - what an auth instance says later of clients that it has let in (auth_revalidate), and
 * when it has last done so for an identity. A verdict that was asked for before that is old.
 *
 * If the thread that gave the verdict has made the revision itself, just before, the verdict is the
 * newer one: a plugin may end the older tunnels of a client and then let it in.
 *
 * Identities share buckets, so a verdict may seem old because of another identity. Whoever finds an
 * old verdict therefore asks again. A zeroed struct is empty. */
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
	const struct grant *grant; /* what they may do now; NULL: they are denied */
};

static inline bool revision_has_identity(const struct revision *revision, const char *identity)
{
	size_t len = revision->identity.len;

	if (strlen(identity) != len)
		return false;
	return len == 0 || memcmp(identity, revision->identity.ptr, len) == 0;
}

/* Does it concern what this instance has granted to this identity and session? [any] */
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

/* From now on, verdicts on this identity that were asked for before are old. [any] */
static inline void revisions_add(struct revisions *revisions, spore_str identity)
{
	atomic_uint_fast64_t *last = revisions_bucket(revisions, identity);
	uint_fast64_t now = ticks_add(), before = atomic_load(last);

	/* Another thread may have stored a later tick meanwhile, which stays. */
	while (before < now && !atomic_compare_exchange_weak(last, &before, now))
		;
}

/* Take it before a verdict is asked for. [any] */
static inline struct revision_stamp revisions_stamp(struct revisions *revisions)
{
	return (struct revision_stamp){ revisions, ticks_now() };
}

/* The verdict was given by a thread that had made these revisions itself. They do not make it old,
 * if no other thread's revision came between. [any] */
static inline void revision_stamp_pass(struct revision_stamp *stamp, struct ticks_run made)
{
	stamp->at = ticks_pass(stamp->at, made);
}

/* Has the identity been revised since the moment of the stamp? [any] */
static inline bool revision_stamp_is_old(const struct revision_stamp *stamp, spore_str identity)
{
	return atomic_load(revisions_bucket(stamp->of, identity)) > stamp->at;
}

#endif
