/* probe - whether a terminal can show the screen. */
#ifndef SCREEN_PROBE_H
#define SCREEN_PROBE_H

#include <stdbool.h>

/* Is the terminal of standard output known, and can its cursor be moved? Says nothing. */
bool probe_terminal(void);

#endif
