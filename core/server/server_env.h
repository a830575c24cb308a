/* server_env - what a server gets from the process that it is part of. */
#ifndef CORE_SERVER_ENV_H
#define CORE_SERVER_ENV_H

#include "server/control_port.h"

struct keeper;
struct kept_socket;
struct loop;
struct metrics;

enum { SERVER_MAX_WORKERS = 256 };

struct server_env {
	struct metrics *metrics; /* borrowed, all of it: it outlives the server */
	struct loop *main_loop;
	struct loop *const *loops; /* the workers', running */
	unsigned n_workers;
	/* The control port; none: the server binds it. Needed only for the start. */
	struct given_sockets given;
	/* Sockets that the server before this one has passed of its routed ports, which may be
	 * others than those of the set. Needed only for the start. */
	struct given_sockets shared;
	/* Visitors of these ports that it has left. Needed only for the start. */
	struct given_sockets visitors;
	/* Public ports that the server before this one has left; taken in any case. */
	const struct kept_socket *kept;
	unsigned n_kept;
	/* Channels to the servers before it (keep/elders), newest first; taken in any case. */
	const int *elders;
	unsigned n_elders;
	/* What identities have used at the server before this one, as of usage_table_write; NULL:
	 * none. Needed only for the start. */
	const char *use;
	/* What keeps public ports when the server drains; it outlives the server. */
	struct keeper *keeper;
};

#endif
