/* auth - asks the auth chain for a verdict (server), or answers a challenge (client).
 *
 * A struct auth_run is embedded in the session that asks. A verdict comes at once, later through a
 * ticket, or from a blocking instance on its pool. auth_cancel drops a pending one. [worker] */
#ifndef CORE_AUTH_H
#define CORE_AUTH_H

#include <spore/auth.h>

#include "base/uuid.h"
#include "chain/plugin_set.h"
#include "verdict/allowance.h"
#include "verdict/auth_request.h"

struct auth_run;
struct spore_conn;

/* verdict: SPORE_ALLOW, SPORE_DENY, SPORE_UNBOUND (a denial of a correct answer), or a SPORE_E* if
 * no instance could decide. */
typedef void (*auth_fn)(struct auth_run *run, int32_t verdict);
/* One instance of the chain has given its verdict, which may be any value. run->asked_ns: when it
 * was asked. Must not touch the run. */
typedef void (*auth_step_fn)(struct auth_run *run, const struct instance *by, int32_t verdict);

struct auth_run {
	struct auth_question question;
	size_t at;                   /* index of the current instance in the chain */
	int64_t asked_ns;            /* when it was asked, by clock_ns() */
	struct revision_stamp asked; /* when it was asked, for revisions */
	unsigned repeats;    /* how often a question was repeated because an ALLOW was old */
	spore_ticket ticket; /* of the pending verdict or answer; 0: none is pending */
	auth_fn on_verdict;
	auth_step_fn on_step;          /* set by who asks, before auth_judge; may be NULL */
	int32_t failure;               /* the last SPORE_E* of the chain */
	const struct instance *failed; /* and whose it was */
	bool is_unbound;               /* an instance has said SPORE_UNBOUND */
	struct instance *by;           /* the instance that decided or answers */
	/* Owned: of the instance that is being asked, and given on ALLOW. Set it to NULL to take
	 * it. NULL for SPORE_AUTH_DATA, whose ALLOW has no end. */
	struct allowance *allowance;
	char answer[SPORE_AUTH_ANSWER_MAX + 1]; /* client: valid if the verdict is SPORE_OK */
};

/* Makes a challenge for the peer of this connection. False: no random bytes are available. */
bool auth_challenge(const struct plugin_set *set, const struct spore_conn *conn,
                    struct uuid *challenge_out);
/* Returns the verdict; or SPORE_EPENDING, and on_verdict gets it later. */
int32_t auth_judge(struct auth_run *run, const struct auth_question *question, auth_fn on_verdict);
/* Client: asks the first instance for an answer. Returns SPORE_EPENDING, and on_verdict later gets
 * SPORE_OK (the answer is run->answer) or a SPORE_E*. Any other value is the reason why there will
 * be no answer. */
spore_status auth_answer(struct auth_run *run, const struct auth_question *question,
                         auth_fn on_verdict);
/* The instance renews an ALLOW of its own without the client's answer. */
bool auth_renews_by_session(const struct instance *instance);
/* Who could not decide, and why: SPORE_ETIMEOUT while a verdict is pending. The name is permanent.
 * NULL: nobody. */
const char *auth_failure(const struct auth_run *run, int32_t *status_out);
/* Logs which plugin has given no verdict when the time is up. */
void auth_log_late(const struct auth_run *run);
/* The time for a pending verdict is up. Returns SPORE_ALLOW if its instance has let this client in
 * before ("on_error": "last_good"). The run is then as if auth_judge had returned SPORE_ALLOW.
 * Otherwise returns SPORE_ETIMEOUT. In both cases on_verdict is not called any more. */
int32_t auth_give_up(struct auth_run *run);
/* Drops a pending verdict, and ends an ALLOW that was not taken, even if it still comes. reason:
 * SPORE_END_*. Harmless if none is pending or the run is zeroed. */
void auth_cancel(struct auth_run *run, uint32_t reason);

#endif
