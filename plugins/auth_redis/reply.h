/* reply - what Redis says of one client: the reply to HGETALL. */
#ifndef REPLY_H
#define REPLY_H

#include <hiredis/hiredis.h>

#include "../common/store/store.h"

enum { REPLY_WRONG_MAX = 200 };

/* Reads it into *record, which the caller wipes. With STORE_WRONG and STORE_FAILED, `wrong` gets a
 * text, which contains at most the name of a field and an error of Redis. FAILED: Redis has refused
 * the command, or the reply is of another kind. [any] */
enum store_reply reply_read(const redisReply *reply, const spore_host *host, struct record *record,
                            char wrong[REPLY_WRONG_MAX]);

#endif
