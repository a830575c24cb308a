/* state - what a server passes to the next one besides sockets: bans, the addresses that have
 * tunnels, and what identities use if no file keeps it. A JSON text in a file in memory, a NUL, and
 * the use:
 *
 *   { "format": 2, "bans": ["192.0.2.1 250000 3"], "tunnels": ["192.0.2.2"] } NUL spore use 1...
 *
 * A ban: the address, for how many milliseconds it lasts, and the tries that were counted.
 * [main] */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include <stdbool.h>

#include "base/err.h"

struct source_table;
struct usage_table;

/* usage: NULL if a file keeps it. Returns a descriptor of the file. -1 and *err: it cannot be
 * made. */
int state_write(struct source_table *sources, struct usage_table *usage, struct err *err);
/* Adds what the file says. Does not close it. False and *err: it has another format, and nothing,
 * or not all, was added. */
bool state_read(int fd, struct source_table *sources, struct usage_table *usage, struct err *err);

#endif
