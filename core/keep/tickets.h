/* tickets - a client's tickets for the public ports that a server keeps for it while it restarts
 * (keep/kept_ports). A client that restarts at the same time leaves those that it has not shown yet
 * to the next process, in the file "tickets" of the folder that the service manager makes
 * ($RUNTIME_DIRECTORY). Without such a folder nothing is left.
 *
 *   65d3cb66-5a1f-4b5c-9d4e-1c7f3a0e9a11 20000 tunnel.example.com:7835
 *
 * A ticket alone opens nothing: the server also wants the client's secret. [main], unless stated
 * otherwise */
#ifndef CORE_KEEP_TICKETS_H
#define CORE_KEEP_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

struct ticket;

/* Zero-initialized: none. */
struct tickets {
	struct ticket *items; /* owned */
	size_t n;
};

void tickets_fini(struct tickets *tickets);
/* Reads what an earlier process has left, and removes the file: a ticket is good for one time. A
 * file that another user has made or may change is not read. */
void tickets_read(struct tickets *tickets);
/* Adds one. server: its name, as struct client_server has it; it is copied. Without memory, nothing
 * is added. [any] */
void tickets_add(struct tickets *tickets, const struct uuid *ticket, const char *server,
                 uint16_t port);
/* The ticket for this port of this server. False: there is none. [any] */
bool tickets_find(const struct tickets *tickets, const char *server, uint16_t port,
                  struct uuid *ticket_out);
/* Leaves them to the next process, if there are any. The log says if that fails. */
void tickets_write(const struct tickets *tickets);

#endif
