/* ctl_ask - one question to a server's admin socket, and its whole answer. [main] */
#ifndef CORE_CTL_ASK_H
#define CORE_CTL_ASK_H

#include <stddef.h>

#include "base/err.h"

/* The answer to a line (its newline included), the caller's to free; NULL and *err. */
char *ctl_ask(const char *path, const char *line, size_t *len_out, struct err *err);

#endif
