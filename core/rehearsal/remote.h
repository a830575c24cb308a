/* remote - asks the auth chain of a running server, through its admin socket. [main] */
#ifndef CORE_REMOTE_H
#define CORE_REMOTE_H

struct asking;

/* Returns the exit status. */
int remote_ask(struct asking *asking, const char *socket);

#endif
