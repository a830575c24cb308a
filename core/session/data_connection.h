/* data_connection - a session that takes over one visitor: its client sends Accept, Claim or Carry,
 * at once or after it has waited for a visitor (Ahead), or Opened for a visitor that it was handed.
 * It ends in a relay. After Carry and Opened, another session begins on the same stream when the
 * relay has ended in order, and waits for the next visitor. [worker] */
#ifndef CORE_DATA_CONNECTION_H
#define CORE_DATA_CONNECTION_H

#include "base/uuid.h"
#include "session/server_session.h"

struct instance;
struct login;
struct message;
struct visitor;

/* Does this message ask for a visitor: Accept, Claim or Carry? */
bool data_connection_is_accept(const struct message *message);

/* The following functions take over a newcomer on its Accept, Claim, Carry or Ahead. The session
 * may be over afterwards. */

/* What has let the client in. */
struct data_proof {
	const struct instance *by;
	uint64_t session;
	/* As the client has said it, for an elder (keep/elders); NULL: nothing was asked for. An
	 * answer of NULL was wiped. */
	const struct uuid *challenge;
	const char *answer;
};

/* READY: takes the visitor if its tunnel belongs to this instance and session. */
void data_connection_accept(struct server_session *s, const struct message *accept,
                            const struct data_proof *proof);
/* UNCHALLENGED or ANSWERED: asks for the verdict first. Takes what the login holds. */
void data_connection_judge(struct server_session *s, struct login *login,
                           const struct message *accept);
/* Waits for an Accept, if this pass lets it. Takes what the login holds. */
void data_connection_wait(struct server_session *s, struct login *login, const struct uuid *pass);

/* Hands the visitor of the pass's tunnel to its client, on a connection that waits for a visitor
 * (session/offer). tells_address: the client is told the visitor's. True: takes the visitor. False:
 * no connection is free, or memory is out. [worker] of the tunnel */
bool data_connection_offer(struct server_worker *worker, struct ahead_pass *pass,
                           struct visitor *visitor, bool tells_address);

#endif
