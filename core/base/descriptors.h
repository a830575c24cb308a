/* descriptors - the limit of file descriptors. [any] */
#ifndef CORE_DESCRIPTORS_H
#define CORE_DESCRIPTORS_H

/* How many descriptors the process may have open: the soft limit, at most about a million. */
unsigned descriptors_max(void);

#endif
