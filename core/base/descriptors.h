/* descriptors - the limit of file descriptors, and the three that every process has. */
#ifndef CORE_DESCRIPTORS_H
#define CORE_DESCRIPTORS_H

#include <stdbool.h>

/* If standard input, output or error is closed, opens /dev/null in its place, for the direction
 * that nobody uses. Otherwise the next descriptor that the process opens would get its number.
 * False and errno: this failed. Call it before anything is opened. [main] */
bool descriptors_hold_standard(void);
/* How many descriptors are open; at most SEEN of them are counted, which may be all that there may
 * be. Needs none itself. [any] */
enum { DESCRIPTORS_SEEN = 1024 };
unsigned descriptors_open(void);
/* How many descriptors the process may have open: the soft limit, at most about a million. [any] */
unsigned descriptors_max(void);

#endif
