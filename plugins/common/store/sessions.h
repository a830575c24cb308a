/* sessions - the table of the sessions that this instance has allowed and that have not ended. Each
 * has the credential that verifies its data connections on any worker. Each has the name under
 * which the store knows it, so that a change of that name finds it.
 *
 * A session stands for an identity together with what proved it. So another secret makes another
 * session. Another record with the same identity makes another session, too. The host keeps the
 * tunnels, limits and verifiers of sessions apart.
 *
 * A session has left when its last ALLOW has ended. The host may still let its client in by an
 * earlier verdict. So the table remembers sessions that have left. Such a session verifies
 * nothing, but a change of its name finds it.
 *
 * All workers share the table, whose lock is held for one look-up. The instance that replaces this
 * one reads it, too. This code is compiled into each plugin that uses it. */
#ifndef COMMON_SESSIONS_H
#define COMMON_SESSIONS_H

#include "evidence.h"

struct session {
	uint64_t number;                       /* of spore_auth_result */
	char name[SPORE_IDENTITY_MAX + 1];     /* in the store */
	char identity[SPORE_IDENTITY_MAX + 1]; /* for the host */
	enum evidence_form form;
	struct credential credential; /* EVIDENCE_NONE: data connections ask the store */
	/* A digest of the limits that its tunnels have. All zero: not known. */
	uint8_t limits[32];
};

/* The number of the session of this identity, proved by what the record has for this form; 0: the
 * record has nothing for it. The number is the same on every worker and after a reload. [any] */
uint64_t session_number(const spore_host *host, enum evidence_form form,
                        const struct record *record, const char *identity);
/* The digest of limits. [any] */
void session_digest(const spore_host *host, const struct terms *terms, uint8_t out[32]);

struct sessions;

/* The most sessions that have left and are remembered: as many as the host keeps verifiers of an
 * instance. */
enum { SESSIONS_LEFT_MAX = 10256 };

/* An empty table with one reference. remembers: whether it keeps sessions that have left. NULL: out
 * of memory. [main] */
struct sessions *sessions_new(bool remembers);
/* Makes `sessions`, which is not in use yet, the successor of `old`: it remembers whom `old` knows,
 * and whom `old` still lets in, because the host may go on with verdicts of the old instance.
 * False: out of memory. [main] */
bool sessions_succeed(struct sessions *sessions, struct sessions *old);
struct sessions *sessions_ref(struct sessions *sessions);
/* Wipes and frees with the last reference. Accepts NULL. [main] */
void sessions_unref(struct sessions *sessions);

/* The present moment, for sessions_begin(). Take it before you ask the store, or what the host
 * remembers of it, about a name. [any] */
uint64_t sessions_stamp(struct sessions *sessions);
/* The store has changed a name; NULL: it may have changed any. [any] */
void sessions_touch(struct sessions *sessions, const char *name);

enum sessions_begun { SESSIONS_BEGUN, SESSIONS_STALE, SESSIONS_NO_MEMORY };

/* An ALLOW of a session begins, and replaces what earlier ALLOWs have said of the session.
 * SESSIONS_STALE: the name was touched after the stamp, so what the store said may be old. Another
 * name of the same bucket can cause this, too. [any] */
enum sessions_begun sessions_begin(struct sessions *sessions, const struct session *session,
                                   uint64_t stamp);
/* An ALLOW of a session has ended. After the last one the session has left, or is forgotten if it
 * was revoked. [any] */
void sessions_end(struct sessions *sessions, uint64_t number);
/* Copies a session that has neither left nor been revoked. False: there is none. The caller wipes
 * the copy. [any] */
bool sessions_find(struct sessions *sessions, uint64_t number, struct session *out);
/* Sets the credential of a session, if it is there. [any] */
void sessions_set_credential(struct sessions *sessions, uint64_t number,
                             const struct credential *credential);

/* Calls `visit` under the lock for each session with this name, also if it has left. `visit` may
 * change the limits, and must call no other function of this table. If it returns false, the
 * session is revoked, and verifies nothing any more. A revoked session is visited again until its
 * last ALLOW has ended, so that a denial that the host could not take is repeated.
 * is_news: the session was not revoked before this visit. [any] */
void sessions_visit(struct sessions *sessions, const char *name,
                    bool (*visit)(void *arg, struct session *session, bool is_news), void *arg);
/* True: a session with this name is there, or has left. [any] */
bool sessions_have(struct sessions *sessions, const char *name);
/* Calls `visit` under the lock with the name of each session, also if it has left. A name may come
 * more than once. [any] */
void sessions_each_name(struct sessions *sessions, void (*visit)(void *arg, const char *name),
                        void *arg);

#endif
