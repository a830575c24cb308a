/* login - what a client has answered to the server's Challenge, what it has said about itself, and
 * the verdict on it. Embedded in the part of a session's role, and moved with the session to its
 * next role. [worker] */
#ifndef CORE_LOGIN_H
#define CORE_LOGIN_H

#include "base/uuid.h"
#include "verdict/auth.h"
#include "wire/about.h"

struct account;
struct login_verdict;
struct stream;

struct login {
	struct uuid challenge;
	char *answer;           /* owned; NULL: none was asked for, it has not come, or was wiped */
	struct about about;     /* what the client has said about itself and its tunnel */
	struct plugin_set *set; /* ref; its chain decides. NULL: no verdict is needed any more */
	struct login_verdict *verdict; /* owned; NULL: none was asked for */
};

/* Who asks for a verdict. */
struct login_asker {
	struct stream *stream; /* of the client */
	int64_t deadline_ms;   /* when the verdict must be there, by clock_ms() */
	/* Called with `session` if the verdict comes later, as from auth_judge. */
	void (*on_verdict)(void *session, int32_t verdict);
	void *session;
};

/* The login is zeroed memory. */
void login_init(struct login *login, struct plugin_set *set);
/* Cancels a pending verdict. reason: SPORE_END_*, of an ALLOW that nobody has taken. Idempotent. */
void login_fini(struct login *login, uint32_t reason);
/* `to` is zeroed memory; `from` is empty afterwards. No verdict may be pending. */
void login_move(struct login *to, struct login *from);
/* Another set from now on. NULL: no verdict is needed any more. */
void login_change_set(struct login *login, struct plugin_set *set);
/* False: out of memory. */
bool login_answer(struct login *login, const char *answer);

/* Asks the instance that allowed the owner of this account, or the whole chain if `owner` is NULL.
 * Returns as auth_judge: on_verdict is called later only after SPORE_EPENDING. */
int32_t login_judge(struct login *login, const struct login_asker *asker,
                    const struct account *owner);
/* Asks the whole chain about the client of an open tunnel. `renews`: what it was let in with, or
 * NULL. `age_ms`: how much of its life has passed. Otherwise as login_judge. */
int32_t login_renew(struct login *login, const struct login_asker *asker,
                    const struct allowance *renews, int64_t age_ms);
/* After SPORE_ALLOW, unless an owner's instance was asked: the ALLOW, for the caller to end. Wipes
 * the answer if the instance that allowed needs none to renew it. */
struct allowance *login_take_allowance(struct login *login);
/* Does the same as auth_give_up. */
int32_t login_give_up(struct login *login);
/* Drops a pending verdict. reason: as for login_fini. */
void login_cancel(struct login *login, uint32_t reason);
/* Ends an ALLOW that was taken, of a client without a tunnel. The allowance may be NULL. */
void login_end_allowance(const struct login *login, struct allowance *allowance, uint32_t reason);
/* Does the same as auth_failure. */
const char *login_failure(const struct login *login, int32_t *status_out);
/* Logs which plugin has not given its verdict in time. */
void login_log_late(const struct login *login);
/* Whose verdict it is. NULL: nobody has decided. */
const char *login_judge_of(const struct login *login, int32_t verdict);

#endif
