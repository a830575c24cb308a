/* admin - the operator's connections: each asks one thing, in a line of words, and is answered with
 * one JSON text and closed.
 *
 *      status\n ─▶ admin_command ─▶ { "version": ... }
 *
 * Nobody is waited for: who is slow to ask or to read is dropped after five seconds. [main] */
#ifndef CORE_ADMIN_H
#define CORE_ADMIN_H

#include <stdbool.h>

#include "admin/admin_command.h"
#include "base/err.h"

struct admin;
struct loop;

/* Listens at the path of the host's configuration; *admin_out is NULL if that names none. The host
 * is borrowed, and whole once the loop runs. False and *err. */
bool admin_start(struct loop *loop, const struct admin_host *host, struct admin **admin_out,
                 struct err *err);
/* Drops everybody and removes the socket. NULL is fine. */
void admin_stop(struct admin *admin);

#endif
