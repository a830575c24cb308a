/* announce - tells the client of a tunnel, on its control connection, that a visitor has come. */
#ifndef CORE_ANNOUNCE_H
#define CORE_ANNOUNCE_H

#include "quota/pending.h"
#include "session/context.h"
#include "wire/message.h"

/* Sends Connection, Visitor or Again. False: the client does not read. [worker] of the tunnel */
bool announce(const struct announcer *announcer, enum message_type type, const struct uuid *id,
              const spore_addr *peer);

/* Lets the visitor wait in the table. Takes the visitor. False: memory is out, and it has ended.
 * [worker] */
bool announce_hold(struct server_worker *worker, struct visitor *visitor);

/* The two functions below reach the tunnel from any worker. If it is gone, or if its client does
 * not read, the visitor goes to another tunnel of the share if it was not handed over; otherwise it
 * is ended. */

/* Lets the visitor wait in the table, and tells the client of its tunnel. Takes the visitor.
 * [worker] */
void announce_from(struct server_worker *worker, enum message_type type, struct visitor *visitor);
/* Announces a visitor that waits in the table already. [worker] */
void announce_again(struct server_worker *worker, struct account *account, const struct uuid *id,
                    const spore_addr *peer);

#endif
