/* offer - a visitor that was handed to a client on a connection that waits for a visitor, until the
 * client has taken it.
 *
 *      server                                   client
 *        │ Open id address, then DATA              │ connects to the service
 *        ├────────────────────────────────────────▶│ and passes the visitor's bytes on
 *        │                Opened, often with DATA  │
 *        │◀────────────────────────────────────────┤
 *
 * DATA (lane/lane.h) holds the visitor's first bytes, LANE_FIRST_MOST at most. The server only
 * looks at them: they stay in the visitor's socket until Opened comes. So if the connection is lost
 * before that, the visitor is announced (Again) with all of its bytes. A client that got Open has
 * taken the visitor, whether or not the server has heard so, and answers Again with Taken. If the
 * server puts a header in front of the visitor's bytes, no bytes follow Open. Embedded in its
 * owner. [worker] */
#ifndef CORE_OFFER_H
#define CORE_OFFER_H

#include <ev.h>

#include "quota/pending.h"
#include "session/context.h"

struct link;

struct offer {
	struct server_worker *worker;
	struct link *link; /* borrowed */
	struct visitor visitor;
	struct account *account; /* ref; of the tunnel, which counts the offer; NULL: it is over */
	bool is_held;            /* the visitor has not been taken or announced */
	bool is_doubted;         /* the visitor waits in the table, and may still be taken here */
	size_t shown;            /* bytes that were sent, and are still in the socket */
	ev_io first;             /* runs until the first bytes have come */
};

/* Takes the visitor, which its account and shared->offered count as offered, and whose address the
 * client is told if `tells_address` is set. `offer` is zeroed memory. */
void offer_begin(struct offer *offer, struct server_worker *worker, struct link *link,
                 struct visitor *visitor, bool tells_address);
/* The client has not answered yet: announces the visitor, too. */
void offer_doubt(struct offer *offer);
/* The client has taken it. *shown_out: how many bytes it has already. False: the visitor has left,
 * or was taken elsewhere; close the connection with a reset. */
bool offer_take(struct offer *offer, struct visitor *visitor_out, size_t *shown_out);
/* The connection is over: announces a visitor that was not taken. Idempotent. */
void offer_lose(struct offer *offer);
/* The server ends: a visitor that was not taken ends with those that wait. Idempotent. */
void offer_drop(struct offer *offer);

#endif
