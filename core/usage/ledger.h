/* ledger - the file in which a server keeps what identities have used, so that a restart does not
 * forget it. It is replaced as a whole now and then, by a thread of its own, and at the end.
 *
 *   spore use 1
 *   20261130                                   the day of the counts, in UTC
 *   5242880 104857600 alice                    bytes of the day, bytes of the month, identity
 *   end 1
 *
 * When another server has replaced the file, such as the next server during a drain, this one
 * leaves the file alone. If this one does not drain, that is a mistake of the operator: the logs of
 * both warn, the newer one's at its start (usage/use_holder), and ledger_fails tells of it. The
 * newer server has the file, since a server that starts cannot know whether the one before it is
 * about to end. A lock on PATH.lock, which stays empty, keeps servers from replacing the file at
 * the same time. [main] */
#ifndef CORE_LEDGER_H
#define CORE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "usage/usage.h"

struct ledger;

/* Reads the file, and writes it for the first time: another server that had it loses it. So the
 * caller must be ready to serve. Others may use the table meanwhile. If the file is
 * missing, the counts are those that the server before has passed on (`inherited`, as for
 * usage_table_inherit; NULL: none). Otherwise these do not count.
 * A file that is not valid is renamed to PATH.bad, and the log says so, if its first line is that
 * of a file of counts, or it is empty; any other file stays as it is. NULL and *err: it is such a
 * file, it
 * cannot be read or written, or memory is out. */
struct ledger *ledger_open(const char *path, const char *inherited, struct usage_table *table,
                           struct err *err);
/* Writes what has changed or could not be written, if the last time is long ago. now_ms:
 * monotonic. */
void ledger_tick(struct ledger *ledger, struct usage_table *table, int64_t now_ms);
/* The server drains: from now on the next server may take the file. NULL is fine. */
void ledger_leave(struct ledger *ledger);
/* The next ledger_tick writes what has changed, as soon as it can. The next server may take the
 * file from now on. */
void ledger_hurry(struct ledger *ledger);
/* Nothing waits to be written since ledger_hurry, and nothing is being written. True, too, if
 * writing fails. */
bool ledger_is_settled(const struct ledger *ledger);
/* Another server has had the file in vain: this one counts on, and writes its counts again. Call it
 * once the other one has ended, and only while nothing is being written. */
void ledger_reclaim(struct ledger *ledger);
/* For how many milliseconds the file could not be written, and in *why_out the permanent text of
 * the error; 0: it can be written, or need not be. */
int64_t ledger_fails(const struct ledger *ledger, const char **why_out);
/* Writes the counts and frees the ledger. NULL is fine. */
void ledger_close(struct ledger *ledger, struct usage_table *table);

#endif
