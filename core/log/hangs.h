/* hangs - the log of calls into plugins that are slow or hang, and of workers that make no turn.
 *
 *   plugin blocked a worker   a call took longer than plugins.slow_after; once a second for each
 *                             plugin and call, with the longest of them
 *   plugin hangs              a call outside the pools runs for more than a second; again after 2,
 *                             4, 8, ... seconds
 *   plugin returned           such a call has ended
 *   worker hangs, returned    the same for a turn that is long although no single call is
 *   reading a file hangs      a file of the configuration is read for more than a second; again
 *                             after 2, 4, 8, ... seconds */
#ifndef CORE_HANGS_H
#define CORE_HANGS_H

#include <stdint.h>

/* Looks at all threads once and logs what is new. Once a second, and before the log ends. [any] */
void hangs_look(void);
/* Logs what may hold up the end of the process: every call that has lasted for at least `for_ns`,
 * every turn of a worker that has, although its call, if any, has not, and the
 * reading of a file. [any] */
void hangs_log_all(int64_t for_ns);

#endif
