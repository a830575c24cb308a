/* held - the keys of the tunnels that this instance has allowed, by session, so that a data
 * connection on any worker is verified without the service. Shared by all workers; its lock is
 * held for one look-up. */
#ifndef HELD_H
#define HELD_H

#include "../common/client/claim.h"

struct held;

/* NULL: out of memory. [main] */
struct held *held_new(void);
/* Wipes and frees. Accepts NULL. [main] */
void held_free(struct held *held);
/* An ALLOW of a session has begun, with a key or NULL. The key of the latest one holds. If
 * memory is used up, the session has no key. [any] */
void held_begin(struct held *held, uint64_t session, const uint8_t *key);
/* An ALLOW of a session has ended. The last one takes the key with it. [any] */
void held_end(struct held *held, uint64_t session);
/* Copies the key of a session. False: there is none. The caller wipes the copy. [any] */
bool held_find(struct held *held, uint64_t session, uint8_t key_out[CLAIM_KEY_SIZE]);

#endif
