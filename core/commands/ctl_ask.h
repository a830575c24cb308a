/* ctl_ask - sends one question to a server's admin socket and reads the whole answer. [main] */
#ifndef CORE_CTL_ASK_H
#define CORE_CTL_ASK_H

#include <stddef.h>

#include "base/err.h"

/* Connects to the admin socket. -1, errno and *err on failure. */
int ctl_connect(const char *path, struct err *err);
/* Like ctl_ask, but on a connection that is open already. It can be used once, and the caller
 * closes it. */
char *ctl_ask_on(int fd, const char *path, const char *line, int wait_ms, size_t *len_out,
                 struct err *err);
/* `line` ends in a newline. Returns the answer, which the caller frees and which has no NUL at its
 * end; NULL and *err if there is none. Waits for the server at most wait_ms at a time. */
char *ctl_ask(const char *path, const char *line, int wait_ms, size_t *len_out, struct err *err);

#endif
