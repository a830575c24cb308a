/* alone - asks the auth chain of a configuration, whose plugins it starts as --check does: without
 * exporters, and without binding an address. [main] */
#ifndef CORE_ALONE_H
#define CORE_ALONE_H

struct asking;

/* `path`: of the server's configuration. Returns the exit status. */
int alone_ask(struct asking *asking, const char *path);

#endif
