/* chooser - a public port that several tunnels share: an entry of "public" with `listen_port`.
 * The visitor's first bytes decide which of them gets the visitor.
 *
 *   accept ─▶ caps ─▶ glance ─▶ the name ─▶ the worker of its tunnel ─▶ as any other visitor
 *
 * Until the tunnel is known, a visitor counts like one whose handshake runs: limits.max_handshakes
 * and limits.max_handshakes_per_ip. [worker] */
#ifndef CORE_CHOOSER_H
#define CORE_CHOOSER_H

#include "net/sock.h"
#include "session/context.h"

/* Takes the listening sockets, those of each entry of "public", and begins to accept. NULL:
 * none. False: out of
 * memory; no socket stays open that has no chooser. */
bool choosers_open(struct server_worker *worker, struct sockets *sockets);
/* Accepts what waits in the queues, and closes the ports. Visitors that have come go on.
 * Idempotent. */
void choosers_stop_accepting(struct server_worker *worker);
/* Ends all visitors whose tunnel is not known yet. */
void choosers_close(struct server_worker *worker);

#endif
