/* terminal - whether the terminal that this process uses is gone. [main] */
#ifndef CORE_TERMINAL_H
#define CORE_TERMINAL_H

#include <stdbool.h>

/* fd: what this process uses its terminal by, such as standard error. True: it is a terminal that
 * has been closed, as when an SSH session ends. */
bool terminal_is_gone(int fd);

#endif
