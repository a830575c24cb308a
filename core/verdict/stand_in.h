/* stand_in - a connection that does not exist, for auth instances that are asked without a client
 * or a server at the other end. It has the facts of a connection and carries no byte.
 *
 * A secure one has a channel binding that both ends compute from the Challenge, as if a TLS session
 * joined them. */
#ifndef CORE_STAND_IN_H
#define CORE_STAND_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/uuid.h"
#include "net/conn.h"

struct loop;
struct plugin_set;
struct stream;

/* Embedded in its owner. */
struct stand_in {
	struct stream *stream; /* owned; NULL: not open */
	struct conn_fact fact;
	uint8_t binding[CRYPTO_SHA256_SIZE];
};

struct stand_in_facts {
	spore_addr peer, local;
	bool secure;
	struct uuid challenge; /* zero: none was sent */
};

/* A challenge as the server of this set makes it for such a connection. False: no random bytes are
 * available. [any] */
bool stand_in_challenge(const struct plugin_set *set, bool secure, struct uuid *challenge_out);
/* False: out of memory or descriptors. [worker] */
bool stand_in_open(struct stand_in *stand_in, struct loop *loop,
                   const struct stand_in_facts *facts);
/* Harmless if it is not open. [worker] */
void stand_in_close(struct stand_in *stand_in);

#endif
