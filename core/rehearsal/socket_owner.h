/* socket_owner - checks who listens at an admin socket before a secret is sent there. [main] */
#ifndef CORE_SOCKET_OWNER_H
#define CORE_SOCKET_OWNER_H

#include <stdbool.h>

#include "base/err.h"

/* True if the process at the other end of this connection was root, this user, or the owner of the
 * socket's folder when it began to listen. The owner counts only if nobody but root and this user
 * could have put the folder there. On false, *err says whose the process is. */
bool socket_owner_is_trusted(int fd, const char *path, struct err *err);

#endif
