/* program - the program spore-screen, which draws. It needs ncurses, so it may be missing: it is a
 * package of its own. [main] */
#ifndef CORE_PROGRAM_H
#define CORE_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

enum { PROGRAM_PATH_SIZE = PATH_MAX + 64 };

/* The program's path: beside the executable, or where both were installed. False: it is not
 * there. */
bool program_find(char path_out[PROGRAM_PATH_SIZE]);
/* Can the program run here, and show something on the terminal of standard output? */
bool program_can_show(const char *path);
/* Are standard input, output and error terminals, and is this process in the foreground there? */
bool program_has_terminal(void);

#endif
