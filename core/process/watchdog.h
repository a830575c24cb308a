/* watchdog - enforces a deadline on the end of the process, and reports calls that hang
 * (log/hangs).
 *
 * A separate thread receives TERM and INT, keeps the deadline, and looks for such calls once a
 * second. So all of this works even if main hangs in a plugin, or waits for a worker that does. At
 * the end of the process the thread goes on, because exit handlers can hang as well. There is one
 * watchdog per process, as signals and the end of the process are process-wide. */
#ifndef CORE_WATCHDOG_H
#define CORE_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The time that the end may take: two seconds for plugins' jobs, one for look-ups, one for the log,
 * and a reserve. */
#define WATCHDOG_END_MS 5000

/* Starts the thread, unless it runs already. False and *err: what the system refused. [main] */
bool watchdog_start(struct err *err);
/* Ends the thread, if it runs, so that this process can fork; the child has no other thread than
 * its own. Afterwards watchdog_start starts it again, in either process. Deadlines and signals that
 * have come are kept. [main] */
void watchdog_stop(void);
/* Sets the deadline. When it passes, the watchdog logs what hangs, writes the log, and exits with
 * status 1. A further call can only make the deadline earlier. [any] */
void watchdog_end_within(int64_t ms);

/* Handles TERM and INT from now on, also before watchdog_listen. [main] */
void watchdog_catch(void);
/* TERM or INT has arrived. [any] */
bool watchdog_has_signal(void);
/* Handles TERM and INT. on_signal runs for each, on the watchdog's thread, until watchdog_ignore.
 * If a signal has arrived before this call, on_signal runs for the latest one on the caller's
 * thread, before this returns. The only function of the watchdog that on_signal may call is
 * watchdog_end_within.
 * Signals of one kind within half a second count as one. The second signal, and any signal without
 * a listener, sets the deadline to one second; the third ends the process at once. [main] */
void watchdog_listen(void (*on_signal)(int number, void *arg), void *arg);
/* When this returns, on_signal is not running and will not run. [main] */
void watchdog_ignore(void);

#endif
