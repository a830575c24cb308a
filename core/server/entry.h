/* entry - who comes to the control port: let in, or not, and its transport opened. [worker] */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include <spore/base.h>

struct worker;

/* Takes the accepted fd. */
void entry_start(struct worker *worker, int fd, const spore_addr *peer, const spore_addr *local);

#endif
