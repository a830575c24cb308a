/* newcomer - a session whose client has not yet authenticated or made a request: from accept to the
 * first Hello, Accept or Ahead. Then it becomes a tunnel_session or a data_connection. [worker] */
#ifndef CORE_NEWCOMER_H
#define CORE_NEWCOMER_H

#include "session/server_session.h"

/* A session in OPENING with the stream of fd, which it takes. Events are awaited from
 * newcomer_open on. NULL: out of memory, nothing is taken. */
struct server_session *newcomer_new(struct server_worker *worker, struct source *source, int fd,
                                    const spore_addr *peer, const spore_addr *local);
/* Opens the transports of the worker's configuration. The session may be over afterwards. */
void newcomer_open(struct server_session *s);

#endif
