/* descriptors - how many of them the process may have. [any] */
#ifndef CORE_DESCRIPTORS_H
#define CORE_DESCRIPTORS_H

/* The soft limit, or a million where there is none to speak of. */
unsigned descriptors_max(void);

#endif
