/* good_verdict - lets clients in by earlier ALLOWs of an auth instance while the instance cannot
 * decide ("on_error": "last_good"), and ends what these ALLOWs are good for. [worker] */
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
/* The instance has given a verdict on a data connection. asked: when it was asked. grant: what came
 * with an ALLOW, or NULL. If it has a verifier, and the session of the tunnel, the client can get
 * in by this ALLOW later. */
void good_verdict_confirm(const struct auth_question *question, struct instance *instance,
                          struct grant *grant, const struct revision_stamp *asked);

#endif
