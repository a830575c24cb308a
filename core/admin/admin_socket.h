/* admin_socket - the unix socket through which the operator reaches the process. Only its user
 * and root can connect, from the moment it exists. This module creates it, removes
 * it, and checks who has connected. [main] */
#ifndef CORE_ADMIN_SOCKET_H
#define CORE_ADMIN_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Where `spore ctl` looks, and what systemd's RuntimeDirectory=spore leads to. */
#define ADMIN_SOCKET_DEFAULT "/run/spore/admin.sock"

/* Why another process cannot have the socket. */
#define ADMIN_SOCKET_TAKEN                                                                         \
	"another server or client is listening on it; choose another path with --admin-socket, "   \
	"or let that one drain first"

struct config;
struct diag;
struct json;

struct admin_socket {
	char *path; /* owned; NULL: not created */
	int file;   /* O_PATH; kept open so that the kernel cannot reuse its inode number */
};

/* The path in the configuration, for errors about the socket. NULL: none is configured. */
const struct json *admin_socket_value(const struct config *config);
/* Adds to the diag what would keep admin_socket_open from making the socket, as far as it can be
 * found out without making one: the length of the path, its folder, and a file that is there
 * already. A server that listens there is allowed, since it may hand over. */
void admin_socket_check(const struct config *config, struct diag *diag);
/* Returns a listening, non-blocking socket whose file has mode 0600 from the start. Replaces the
 * socket of a dead server. Returns -1 and sets *err, with the path and the remedy, if a server is
 * listening on the path or the socket cannot be created. */
int admin_socket_open(struct admin_socket *socket, const char *path, struct err *err);
/* Uses a socket that the server before this one has made at this path. False: it is another one,
 * and stays the caller's. */
bool admin_socket_adopt(struct admin_socket *socket, const char *path, int fd);
/* The path belongs to another process now: forgets the socket. Accepts a zeroed struct. */
void admin_socket_leave(struct admin_socket *socket);
/* Does the path still lead to this socket? */
bool admin_socket_is_in_place(const struct admin_socket *socket);
/* Unlinks the socket, unless the path now belongs to another one. Accepts a zeroed struct. */
void admin_socket_remove(struct admin_socket *socket);

/* True if the peer runs as root or as this process's user. *uid_out is set if it is known. */
bool admin_socket_is_trusted(int fd, uid_t *uid_out);

#endif
