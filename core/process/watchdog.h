/* watchdog - the end of the process has a deadline.
 *
 * A thread of its own hears TERM and INT and keeps the time, so that both hold also while main
 * waits for a worker that hangs in a plugin, or hangs in one itself. It is never stopped: exit
 * handlers hang, too.
 */
#ifndef CORE_WATCHDOG_H
#define CORE_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

/* What an end may take: jobs are waited for for two seconds, look-ups and the log for one each. */
#define WATCHDOG_END_MS 5000

/* False: out of descriptors or threads. [main] */
bool watchdog_start(void);
/* The process ends within so long, or it is ended: what hangs is named, the log is written, and the
 * status is 1. A further call can only shorten that. [any] */
void watchdog_end_within(int64_t ms);

/* Takes TERM and INT over. Each is told, on the watchdog's own thread, until watchdog_ignore. The
 * second one, and one that there is nobody to tell, leaves the process a second; the third, none.
 * [main] */
void watchdog_listen(void (*on_signal)(int number, void *arg), void *arg);
/* on_signal does not run, and will not run, once it has returned. [main] */
void watchdog_ignore(void);

#endif
