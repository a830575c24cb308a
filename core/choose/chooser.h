/* chooser - a public port that several tunnels share: an entry of "public" with `listen_port`.
 * The visitor's first bytes decide which of them gets the visitor.
 *
 *   accept ─▶ caps ─▶ transports ─▶ choose/choice ─▶ choose/admission ─▶ the worker of its tunnel
 *
 * Until its tunnel takes it, a visitor counts like one whose handshake runs: limits.max_handshakes
 * and limits.max_handshakes_per_ip. [worker] */
#ifndef CORE_CHOOSER_H
#define CORE_CHOOSER_H

#include "net/sock.h"
#include "session/context.h"

/* Applies the entries of this set, which the worker does not have yet, or has just got: opens,
 * changes and closes routed ports. sockets: for each entry those at which it listens from now on,
 * taken; none: it has them already, or has no listen_port. NULL: no entry gets any. What waits in
 * the queue of a port that closes is accepted before. False: out of memory; no socket stays open
 * that has no chooser. */
bool choosers_renew(struct server_worker *worker, const struct plugin_set *set,
                    const struct limits *limits, struct sockets *sockets);
/* Accepts what waits in the queues, and closes the ports. Visitors that have come go on.
 * Idempotent. */
void choosers_stop_accepting(struct server_worker *worker);
/* The same, but whoever keeps sockets for the next server (keep/keeper) gets those of the ports
 * first. So visitors who come later wait in them. */
void choosers_leave_ports(struct server_worker *worker);
/* The gate is open again: accepts what has waited in the kernel. */
void choosers_wake(struct server_worker *worker);
/* Other descriptors of the sockets of all ports, of at most `most` ports, which the caller owns:
 * *n_out of them are written, also after a failure. False: there are more ports, or no descriptor
 * is left. */
bool choosers_copy(const struct server_worker *worker, struct sockets *out, unsigned most,
                   unsigned *n_out);
/* A port of one worker. */
struct chooser_view {
	uint16_t port;
	unsigned guests;   /* visitors whose tunnel is not known yet */
	uint64_t visitors; /* that have come so far */
};

/* Shows each port of the worker. */
void choosers_each(const struct server_worker *worker,
                   void (*look)(const struct chooser_view *view, void *arg), void *arg);

/* While an upgrade holds visitors, those of whom nothing was read are parked: their sockets are as
 * they were accepted, so the next server can take them. Nothing more is read from them here, and
 * they count nowhere. */

/* Parks those whose tunnel is not known yet, at most `most`. */
void choosers_park(struct server_worker *worker, unsigned most);
/* Other descriptors of those that are parked, which the caller owns. fds: room for n_parked. False:
 * no descriptor is left, and none is the caller's. */
bool choosers_copy_parked(const struct server_worker *worker, int *fds);
/* They begin again as if they had just been accepted. */
void choosers_unpark(struct server_worker *worker);
/* The next server has them: closes the sockets here. Idempotent. */
void choosers_drop_parked(struct server_worker *worker);
/* Ends the others whose tunnel is not known yet, who would hold up the next server. */
void choosers_end_undecided(struct server_worker *worker);
/* Takes the socket of a visitor that was parked, maybe by the server before this one. */
void choosers_receive(struct server_worker *worker, int fd);
/* Ends all visitors whose tunnel is not known yet. */
void choosers_close(struct server_worker *worker);

#endif
