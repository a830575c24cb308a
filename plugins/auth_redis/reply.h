/* reply - what Redis says of one client: the reply to HGETALL. */
#ifndef REPLY_H
#define REPLY_H

#include <hiredis/hiredis.h>

#include "../common/store/store.h"

enum { REPLY_WRONG_MAX = 200 };

/* Reads the reply into *record, which the caller wipes. STORE_FAILED: Redis has refused the
 * command, or the reply is of another kind. With STORE_WRONG and STORE_FAILED, `wrong` says why. It
 * contains at most the name of a field and an error of Redis. [any] */
enum store_reply reply_read(const redisReply *reply, const spore_host *host, struct record *record,
                            char wrong[REPLY_WRONG_MAX]);

#endif
