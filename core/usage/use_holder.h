/* use_holder - which running server has a file of counts (usage/ledger): it keeps a lock on the
 * file that it has written last. The kernel gives the lock back when the process ends, however it
 * ends. The lock keeps nobody out: it only tells. [any] */
#ifndef CORE_USAGE_USE_HOLDER_H
#define CORE_USAGE_USE_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

/* This server has the open file, until the descriptor is closed or it says otherwise. */
void use_holder_mark(int fd);
void use_holder_unmark(int fd);
/* Has another descriptor than this one marked the file? *pid_out: the process that has marked it;
 * 0: the system does not say. */
bool use_holder_find(int fd, int64_t *pid_out);

#endif
