/* admin - connections to the admin socket. Each sends one line with a command, gets one JSON text,
 * and is closed.
 *
 *      status\n ─▶ admin_command ─▶ { "version": ... }
 *
 * A peer that takes more than five seconds to send its command or to read is dropped. [main] */
#ifndef CORE_ADMIN_H
#define CORE_ADMIN_H

#include <stdbool.h>

#include "admin/admin_command.h"
#include "base/err.h"

struct admin;
struct loop;

/* Listens on the configured path and for the screen; *admin_out is NULL if neither is there.
 * The host is borrowed; its members must be set when the loop runs. On failure returns false and
 * sets *err. */
bool admin_start(struct loop *loop, const struct admin_host *host, struct admin **admin_out,
                 struct err *err);
/* If the path no longer leads to the socket, because somebody has deleted it, makes it again, and
 * logs that. Connections stay. Accepts NULL. */
void admin_restore(struct admin *admin);
/* A copy of the listening socket, for the server that takes this one's place. -1: there is none, or
 * no descriptor is left. Accepts NULL. */
int admin_copy_socket(const struct admin *admin);
/* Does it listen with this descriptor, that of admin_host.given_fd? */
bool admin_has_adopted(const struct admin *admin, int fd);
/* Another server has the socket: closes it here. Connections stay. Accepts NULL. */
void admin_leave(struct admin *admin);
/* Closes all connections and removes the socket. Accepts NULL. */
void admin_stop(struct admin *admin);

#endif
