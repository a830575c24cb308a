/* terminal - whether the terminal from which this process was started is gone. [main] */
#ifndef CORE_TERMINAL_H
#define CORE_TERMINAL_H

#include <stdbool.h>

/* Standard input, output or error is a terminal that has been closed, as when an SSH session
 * ends. */
bool terminal_is_gone(void);

#endif
