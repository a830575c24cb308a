/* good_verdict - what an auth instance's earlier ALLOWs decide while it cannot ("on_error":
 * "last_good"), and when they end. [worker] */
#ifndef CORE_GOOD_VERDICT_H
#define CORE_GOOD_VERDICT_H

#include <spore/auth.h>
#include <stdbool.h>

#include "verdict/auth_request.h"

struct grant;
struct revision_stamp;

/* The instance could not decide, with this status. True: it has let this client in before, and lets
 * it in again, which is logged and counted. *allowance_out: the ALLOW; unchanged for a data
 * connection, whose ALLOW has no end. */
bool good_verdict_find(const struct auth_question *question, struct instance *instance,
                       int32_t status, struct allowance **allowance_out);
/* The instance has said DENY or NEXT: an earlier ALLOW for the same proof counts no more. */
void good_verdict_forget(const struct auth_question *question, struct instance *instance);
/* The instance has allowed a data connection, for which it was asked at this time. grant: NULL, or
 * what it has said of the client; its verifier is taken if the back-end stands for it. */
void good_verdict_confirm(const struct auth_question *question, struct instance *instance,
                          struct grant *grant, const struct revision_stamp *asked);

#endif
