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
/* Ends all visitors whose tunnel is not known yet. */
void choosers_close(struct server_worker *worker);

#endif
