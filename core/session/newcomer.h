/* newcomer - a session whose client has not yet authenticated or made a request: from accept to the
 * first Hello, Accept or Ahead. Then it becomes a tunnel_session or a data_connection. [worker] */
#ifndef CORE_NEWCOMER_H
#define CORE_NEWCOMER_H

#include "session/server_session.h"

/* Takes the accepted fd. If it may become a session (session/entry), its transports open. */
void newcomer_start(struct server_worker *worker, int fd, const spore_addr *peer,
                    const spore_addr *local);
/* Takes the fd of a connection that the next process has sent to this one, which goes on behind
 * what was said there: see keep/elders. */
void newcomer_resume(struct server_worker *worker, int fd, const void *said, size_t len);

#endif
