/* allowance - an ALLOW of an auth instance for a control connection. The host asks for it, the
 * instance may give it, and it ends exactly once.
 *
 * An allowance is made before the instance is asked, so that no step after the ALLOW needs memory.
 * It has one owner at a time, which hands it on: first the question (verdict/auth), then
 * the newcomer, then the tunnel. Only allowance_end ends it, and calls session_end() if the ALLOW
 * was given. It holds a reference to the instance, which therefore stops after the end of its last
 * ALLOW. */
#ifndef CORE_ALLOWANCE_H
#define CORE_ALLOWANCE_H

#include <spore/auth.h>
#include <stdatomic.h>

#include "host/grant.h"
#include "host/revisions.h"
#include "loop/loop.h"

struct instance;

struct allowance {
	struct instance *by;         /* ref */
	spore_ticket ticket;         /* of its verify() */
	struct revision_stamp asked; /* taken before its verify() */
	struct grant *grant;         /* owned; NULL: not given, or out of memory */
	struct good_entry *good;     /* ref; stays good while this ALLOW lasts; NULL: none */
	/* Private. */
	struct loop *loop;
	bool given;
	atomic_bool completed; /* the ticket has been completed */
	int64_t since_ms;
	uint32_t reason;
	atomic_uint holders;          /* the owner, and the pool's call */
	struct loop_task late;        /* posted if the ALLOW came too late for the ticket */
	struct spore_worker *entered; /* the pool's call is in this worker; `late` leaves it */
};

/* The instance will be asked on this loop with this ticket. NULL: out of memory. [worker] */
struct allowance *allowance_new(struct instance *by, struct loop *loop, spore_ticket ticket);
/* The instance has said ALLOW. made: the last revisions that the thread of this ALLOW has made.
 * Takes the grant; NULL: an empty grant. Moves the grant's verifier to host/last_good, or wipes it.
 * False: out of memory, and the caller ends the allowance. [worker] */
bool allowance_give(struct allowance *allowance, struct grant *grant, struct ticks_run made);
/* True: it was given, but the instance has revised the identity after it was asked. So the ALLOW
 * may be older than the revision. False: the worker will hear of each later revision. [worker] */
bool allowance_is_old(const struct allowance *allowance);
/* True: it was given, and the revision concerns it. The allowance may be NULL. [worker] */
bool allowance_is_concerned(const struct allowance *allowance, const struct revision *revision);
/* Gives it the policy of this grant; identity and session stay. False: there is no policy (NULL),
 * or no memory. Then the caller ends the allowance. [worker] */
bool allowance_change(struct allowance *allowance, const struct grant *policy);
/* The instance that gave it, and the session value; NULL and 0 without authentication. */
static inline struct instance *allowance_by(const struct allowance *allowance)
{
	return allowance ? allowance->by : NULL;
}

static inline uint64_t allowance_session(const struct allowance *allowance)
{
	return allowance ? allowance->grant->session : 0;
}

/* Tells the instance that the ALLOW has ended, and frees the allowance, which may be NULL. reason:
 * SPORE_END_*. used: the port, what the tunnel has used and what the client has said; this function
 * fills in the rest. NULL: no tunnel was opened, and nothing is known of the client. [worker] */
void allowance_end(struct allowance *allowance, uint32_t reason, const spore_session_end *used);

/* ---- a verify() on the pool, which may go on after the allowance has ended ---- */

/* Keeps the allowance's memory until the call has returned. A hold is not a reference to the
 * instance, since a reference would keep the instance from draining while the call blocks. The call
 * has entered the instance's worker, and the instance does not stop before the call leaves it.
 * [worker] */
void allowance_hold(struct allowance *allowance);
/* The call has returned, and the ticket got the verdict if it was still open. allowed: the verdict
 * was ALLOW. Gives the hold back and leaves the worker that the call has entered. If the ALLOW came
 * too late for the ticket, the instance is first told that it has ended. allowance: may be NULL.
 * [any] */
void allowance_settle(struct allowance *allowance, bool allowed, struct spore_worker *entered);

#endif
