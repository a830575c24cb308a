/* admin_socket - where the server's operator reaches it: a unix socket that is his alone from its
 * first moment. Its path, its birth, its end; and whether who connects is the operator. [main] */
#ifndef CORE_ADMIN_SOCKET_H
#define CORE_ADMIN_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct admin_settings;

/* Where `spore ctl` looks, and where systemd's RuntimeDirectory=spore lets the server put it. */
#define ADMIN_SOCKET_DEFAULT "/run/spore/admin.sock"

struct admin_socket {
	char *path; /* owned; NULL: none */
	int file;   /* the path's, held open so that its inode is nobody else's */
};

/* The configured path, or the one in $RUNTIME_DIRECTORY; false: there shall be none. `out` is cut
 * at `size`. */
bool admin_socket_path(const struct admin_settings *settings, char *out, size_t size);
/* The listening, non-blocking socket, mode 0600 from its birth. What a server that has died left
 * there is replaced; -1 and *err, which names the path and the remedy, if a server listens there or
 * it cannot be. */
int admin_socket_open(struct admin_socket *socket, const char *path, struct err *err);
/* Removes it from its folder, if it is still this one there. Zeroed is fine. */
void admin_socket_remove(struct admin_socket *socket);

/* Is the other end root's, or this process's own user's? *uid_out, if it is known at all. */
bool admin_socket_is_trusted(int fd, uid_t *uid_out);

#endif
