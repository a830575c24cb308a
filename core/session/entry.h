/* entry - admission to the control port: which connections become sessions. [worker] */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include <spore/base.h>

struct server_worker;

/* Takes the accepted fd. */
void entry_start(struct server_worker *worker, int fd, const spore_addr *peer,
                 const spore_addr *local);

#endif
