/* server_worker - opens, renews, drains and closes one worker's part of the server: its control
 * port and its sessions. [worker] */
#ifndef CORE_SERVER_WORKER_H
#define CORE_SERVER_WORKER_H

#include <stdbool.h>

#include "net/sock.h"

struct limits;
struct loop;
struct plugin_set;
struct review_round;
struct server_shared;
struct server_worker;

/* What main passes to a worker when it opens, and when the configuration changes. */
struct server_worker_terms {
	struct plugin_set *set;      /* the worker takes a reference */
	const struct limits *limits; /* of the set's configuration; copied */
	struct sockets
		sockets; /* at the control port, taken; none: the worker keeps its old ones */
	/* At the routed ports: one for each entry of "public" of the set, taken. If one has no
	 * sockets, the worker keeps its old ones there. NULL: none has any. */
	struct sockets *shared;
	struct review_round *round; /* borrowed; counts the tunnels of a renewal; NULL: none */
};

/* False: out of memory; then the worker has to be closed all the same. */
bool server_worker_open(struct server_worker *worker, struct server_shared *shared,
                        struct loop *loop, const struct server_worker_terms *terms);
/* Applies these terms. The clients of all tunnels will be authenticated again. */
void server_worker_renew(struct server_worker *worker, const struct server_worker_terms *terms);
/* Asks clients to move to another server, and closes the public ports of those that cannot. */
void server_worker_drain(struct server_worker *worker);
/* Other descriptors of the sockets of a worker. */
struct port_copies {
	struct sockets control;
	unsigned n_shared; /* ports */
	struct sockets shared[];
};
/* Copies of the sockets at the control port and at the routed ports. NULL: out of memory or
 * descriptors, or the control port is closed. */
struct port_copies *server_worker_copy_ports(const struct server_worker *worker);
/* Closes the copies that were not taken. NULL is fine. */
void port_copies_free(struct port_copies *copies);
/* Visitors of routed ports whose tunnel is not known yet are left to another process, if that can
 * take them. */
void server_worker_park(struct server_worker *worker);
/* Other descriptors of their sockets. */
struct parked_copies {
	unsigned n;
	int fds[];
};
/* NULL: out of memory or descriptors. */
struct parked_copies *server_worker_copy_parked(const struct server_worker *worker);
/* Closes those that were not taken. NULL is fine. */
void parked_copies_free(struct parked_copies *copies);
/* Ends the visitors that hold up an upgrade: those whose handshake has not been completed, or whose
 * tunnel is not known yet. */
void server_worker_end_undecided(struct server_worker *worker);
/* Another process has the control port from now on: accepts nothing there, and gives tickets for
 * the public ports. */
void server_worker_give(struct server_worker *worker);
/* Undoes this. */
void server_worker_take_back(struct server_worker *worker);
/* The data connections of clients that stay do not come back any more: closes their ports. */
void server_worker_stay_no_more(struct server_worker *worker);
/* Closes the public ports, except those of clients that stay. Those that are kept stay open for the
 * next server. */
void server_worker_stop_accepting(struct server_worker *worker);
/* Closes the control port; sessions go on. */
void server_worker_stop_listening(struct server_worker *worker);
void server_worker_close(struct server_worker *worker);

#endif
