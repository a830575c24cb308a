/* decline - what a client does about the visitors of one tunnel that it cannot carry. It tells a
 * Spore server, which ends them at once; at another server they wait until they expire. It writes
 * at most one line in DECLINE_LOG_MS, which says how many visitors had no line since the last one.
 * After a pause, a further line tells of the visitors that still had none. A service that is not
 * reached has a line at once, others after pauses that grow, and one when it is reached again. */
#ifndef CORE_CARRY_DECLINE_H
#define CORE_CARRY_DECLINE_H

#include <ev.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "log/pace.h"
#include "net/shortage.h"
#include "thread/users.h"

struct link;
struct loop;

enum { DECLINE_LOG_MS = 1000 };

/* What a server reads of visitors that are not carried. */
enum decline_reads { DECLINE_READS_NOTHING, DECLINE_READS_DECLINE, DECLINE_READS_BOTH };

struct decliner {
	struct loop *loop;        /* of the tunnel's session */
	const char *tunnel;       /* its name; borrowed; a reload replaces it on that loop */
	struct users *users;      /* of the tunnel, with the decliner */
	struct trouble unreached; /* its local service is not reached; [any] */
	/* Used on that loop only. */
	/* To servers that read Decline, or NULL. During a move a tunnel has two servers, and each
	 * ignores the ids of the other. */
	struct link *links[2];
	atomic_int reads[2];  /* enum decline_reads: those servers; [any] */
	int64_t logged_ms;    /* the time of the last line; 0: none yet */
	unsigned n_unlogged;  /* visitors without a line since then */
	const char *unlogged; /* the event of the last of them */
	ev_timer quiet;       /* runs while there are such visitors */
};

/* A visitor that is not carried, or not to the local service. */
struct declined {
	const struct uuid *id;
	bool is_ended;       /* it ends without the server being told */
	bool is_unserved;    /* its service cannot be reached: the server is told this reason */
	enum shortage lacks; /* what this machine lacks for it */
	const char *event;   /* of the line in the log; a constant */
	const char *error;
};

/* [main] */
void decline_init(struct decliner *decliner, struct loop *loop, const char *tunnel,
                  struct users *users);
/* Writes a line about the visitors that had none. Visitors that are declined later get no such
 * line. [worker]: of its loop */
void decline_stop(struct decliner *decliner);
/* Nothing uses it any more. */
void decline_fini(struct decliner *decliner);
/* From now on, visitors are declined on this link of one of the tunnel's two sessions. This and
 * decline_no_more_on: [worker] of the sessions */
void decline_on(struct decliner *decliner, struct link *link, bool reads_unserved);
/* From now on, no visitor is declined on this link. Does nothing if none was. */
void decline_no_more_on(struct decliner *decliner, const struct link *link);
/* Does a server read Decline, or Unserved (DECLINE_READS_BOTH)? [any] */
bool decline_is_read(const struct decliner *decliner, enum decline_reads least);
/* Copies what it needs. [worker] */
void decline_visitor(struct decliner *decliner, const struct declined *declined);
/* The tunnel of this name has reached its local service. [any] */
void decline_heed_service(struct decliner *decliner, const char *tunnel);

#endif
