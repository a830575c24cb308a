/* sessions - who is in: the sessions that this instance has allowed and that have not ended, each
 * with the credential that verifies its data connections on any worker, and the name under which
 * the store knows it, so that a change of that name finds it.
 *
 * A session stands for an identity and what proved it, so another secret is another session, and so
 * is another record that gives the same identity. The host keeps the tunnels, limits and verifiers
 * of sessions apart.
 *
 * The host may let a client in by an earlier verdict after its session has ended. So the table also
 * remembers who has left: such a session verifies nothing, but a change of its name finds it.
 *
 * Shared by all workers; its lock is held for one look-up. The instance that replaces this one
 * reads it, too. This code is compiled into each plugin that uses it. */
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

/* The number of the session of an identity with what the record has for this form; 0: nothing.
 * The same on every worker and after a reload. [any] */
uint64_t session_number(const spore_host *host, enum evidence_form form,
                        const struct record *record, const char *identity);
/* The digest of limits. [any] */
void session_digest(const spore_host *host, const struct terms *terms, uint8_t out[32]);

struct sessions;

/* As many of those who have left are remembered as the host has verifiers of an instance. */
enum { SESSIONS_LEFT_MAX = 10256 };

/* One reference. remembers: whether those who have left are remembered. NULL: out of memory. [main]
 */
struct sessions *sessions_new(bool remembers);
/* The table of the instance that replaces that of `old`, before it is used: it remembers whom the
 * old one knows, and whom it still lets in, since the host may go on with what the old instance has
 * said. False: out of memory. [main] */
bool sessions_succeed(struct sessions *sessions, struct sessions *old);
struct sessions *sessions_ref(struct sessions *sessions);
/* The last one wipes and frees. Accepts NULL. [main] */
void sessions_unref(struct sessions *sessions);

/* A moment: take it before the store, or what the host remembers of it, is asked about any name.
 * [any] */
uint64_t sessions_stamp(struct sessions *sessions);
/* The store has changed a name; NULL: it may have changed any. [any] */
void sessions_touch(struct sessions *sessions, const char *name);

enum sessions_begun { SESSIONS_BEGUN, SESSIONS_STALE, SESSIONS_NO_MEMORY };

/* An ALLOW of a session begins, unless its name was touched after the stamp, or perhaps another one
 * was: what the store said is old then. What the latest ALLOW has said of a session holds. [any] */
enum sessions_begun sessions_begin(struct sessions *sessions, const struct session *session,
                                   uint64_t stamp);
/* An ALLOW of a session has ended. After the last one the session has left; a revoked one is gone.
 * [any] */
void sessions_end(struct sessions *sessions, uint64_t number);
/* Copies a session that has neither left nor been revoked. False: there is none. The caller wipes
 * the copy. [any] */
bool sessions_find(struct sessions *sessions, uint64_t number, struct session *out);
/* Sets the credential of a session, if it is there. [any] */
void sessions_set_credential(struct sessions *sessions, uint64_t number,
                             const struct credential *credential);

/* Calls `visit` for each session with this name, also of those who have left, under the lock: it
 * may change the limits and must call no other function of this table. If it returns false, the
 * session is revoked: it verifies nothing any more. It is visited again until its last ALLOW has
 * ended, so that a denial that the host could not take is repeated. is_news: it is not
 * revoked yet. [any] */
void sessions_visit(struct sessions *sessions, const char *name,
                    bool (*visit)(void *arg, struct session *session, bool is_news),
                    void *arg);
/* True: a session with this name is there, or has left. [any] */
bool sessions_have(struct sessions *sessions, const char *name);
/* Calls `visit` with the name of each of these sessions, as sessions_visit() does. A name may come
 * more than once. [any] */
void sessions_each_name(struct sessions *sessions, void (*visit)(void *arg, const char *name),
                        void *arg);

#endif
