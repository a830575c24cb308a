/* front - puts spore-screen in front of this process: the client becomes its child.
 *
 *   shell ──▶ spore-screen (this process id) ──▶ client (a new one)
 *                  ▲   ▲                           │   │
 *                  │   └── pipe: all lines ────────┘   │
 *                  └────── socket: state ──────────────┘
 *
 * So the shell waits for the screen, which restores the terminal however the client ends, and ends
 * with the client's exit status. [main], before the first thread. */
#ifndef CORE_FRONT_H
#define CORE_FRONT_H

#include <stdbool.h>

/* Where the screen asks for the state: a listening socket, owned by the caller. -1: there is no
 * screen. Returns in the client, whose standard output and error lead to the screen then.
 * *hint_out: why there is none although the terminal could show one; static, or NULL. */
int front_begin(const char **hint_out);

#endif
