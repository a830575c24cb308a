/* front - puts spore-screen in front of this process: the client becomes its child.
 *
 *   shell ──▶ spore-screen (this process id) ──▶ client (a new one)
 *                  ▲   ▲                           │   │
 *                  │   └── pipe: all lines ────────┘   │
 *                  └────── socket: state ──────────────┘
 *
 * So the shell waits for the screen, which restores the terminal however the client ends, and ends
 * with the client's exit status. [main] */
#ifndef CORE_FRONT_H
#define CORE_FRONT_H

#include <stdbool.h>

#include "screen/program.h"

/* False: the screen cannot be shown. *hint_out: why, although there is a terminal; static, or
 * NULL. */
bool front_find(char path_out[PROGRAM_PATH_SIZE], const char **hint_out);
/* path: of spore-screen. Where the screen asks for the state: a listening socket, owned by the
 * caller. Returns in the client, whose standard output and error lead to the screen then. -1: there
 * is no screen, and nothing has changed. Forks: the caller is the only thread of the process. */
int front_begin(const char *path);

#endif
