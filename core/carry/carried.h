/* carried - a visitor of the client that a relay carries: what is counted and logged about it.
 * [worker] */
#ifndef CORE_CARRY_CARRIED_H
#define CORE_CARRY_CARRIED_H

#include <spore/base.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "way/servers.h"

struct ahead_pool;
struct relay_end;

/* A visitor that the server has announced. */
struct announced {
	struct uuid id;
	spore_addr from; /* of family 0: the server has not told the address */
	spore_addr to;   /* where the visitor connected to, as struct ahead_grant has it */
	struct server_place server; /* the one that has announced it */
	bool reads_claim;           /* that server reads Claim */
};

/* The same visitor, as a relay and the log know it. */
struct carried {
	struct ahead_pool *pool; /* of its tunnel, on this worker */
	struct uuid id;
	spore_addr from;  /* of family 0: the server has not told the address */
	int64_t since_ms; /* when the server announced it */
};

/* A copy for a relay, which keeps the tunnel in use. NULL: out of memory. */
struct carried *carried_new(const struct carried *visitor);
/* The relay does not start. Accepts NULL. */
void carried_free(struct carried *carried);
/* For relay_start. Counts and logs the end, and frees the carried visitor, which is `arg`. */
void carried_on_end(const struct relay_end *end, void *arg);
/* For worker->relays.on_moved. */
bool carried_count(const uint64_t bytes[2], void *arg);
/* Writes the line of a visitor that no relay has carried, if the operator wants such lines. */
void carried_log_failure(const struct carried *carried, const char *reason);

#endif
