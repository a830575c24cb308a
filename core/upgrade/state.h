/* state - what a server passes to the next one besides sockets: bans, the addresses that have
 * tunnels, and what identities use. A file in memory with a JSON text, a NUL and the text of
 * usage_table_write:
 *
 *   { "format": 2, "bans": ["192.0.2.1 250000 3"], "tunnels": ["192.0.2.2"] }
 *
 * A ban: the address, for how many milliseconds it lasts, and the tries that were counted.
 * [main] */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include <stdbool.h>

#include "base/err.h"

struct source_table;
struct usage_table;

/* Returns a descriptor of the file. -1 and *err: it cannot be made. */
int state_write(struct source_table *sources, struct usage_table *usage, struct err *err);
/* Adds the bans. Does not close the file. False and *err: it has another format, and nothing was
 * added. */
bool state_read_bans(int fd, struct source_table *sources, struct err *err);
/* What identities use, as a text for usage_table_read that the caller frees. Does not close the
 * file. NULL and *err: it has none, or cannot be read. */
char *state_read_use(int fd, struct err *err);

#endif
