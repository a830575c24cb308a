/* tunnel_session - a tunnel's control connection, from Hello to its end. If an older session of the
 * same client has the port, it first takes the port over. The client's authentication is repeated
 * when the configuration changes (OUTDATED, REVIEWED), and a plugin may withdraw it. [worker] */
#ifndef CORE_TUNNEL_SESSION_H
#define CORE_TUNNEL_SESSION_H

#include "base/uuid.h"
#include "session/server_session.h"

struct about;
struct allowance;
struct kick;
struct kicked;
struct login;
struct plugin_set;
struct review;
struct review_round;
struct tunnel;

/* What a client asks for in its Hello. */
struct tunnel_wish {
	uint16_t port;      /* 0: any */
	struct uuid ticket; /* for a port that is kept for it; all bytes 0: none */
};

/* READY: takes over a newcomer on its Hello. Takes what the login holds and the allowance (NULL: no
 * authentication), unless the session is over. */
void tunnel_session_start(struct server_session *s, struct login *login,
                          struct allowance **allowance, const struct tunnel_wish *wish);

/* ---- TUNNEL, OUTDATED or REVIEWED ---- */

struct tunnel *tunnel_session_tunnel(const struct server_session *s);
/* What its client says. Borrowed. */
const struct about *tunnel_session_about(const struct server_session *s);
/* Does its client send heartbeats? */
bool tunnel_session_is_heard(const struct server_session *s);

/* ---- on all tunnels of a worker ---- */

/* If the worker's present chain may decide about a client otherwise than the chain of the set
 * `before`, soon asks the present chain, with the answer that the client gave and what the old
 * instance said. A tunnel ends if the chain denies its client, and stays with its old instance as
 * long as no instance can decide. round: counts the tunnels; or NULL. */
void tunnel_sessions_review(struct server_worker *worker, const struct plugin_set *before,
                            struct review_round *round);
/* The turn of this tunnel to be reviewed has come. For worker->reviews. */
void tunnel_session_on_turn(struct review *review);
/* Ends the tunnels that the operator means, and counts them. */
void tunnel_sessions_kick(struct server_worker *worker, const struct kick *kick,
                          struct kicked *kicked);
/* Sends a heartbeat to each client; a Spore client gets only every TUNNEL_SESSION_SELDOM-th. */
enum { TUNNEL_SESSION_SELDOM = 20 };
void tunnel_sessions_beat(struct server_worker *worker, unsigned nth);
/* The server drains: asks the clients that can move to another server to do so, and counts them as
 * leavers until they have moved. Lets the keeper keep their public ports, and gives them tickets.
 * Those of clients that stay in this process go on. Closes the public ports of all others. */
void tunnel_sessions_leave(struct server_worker *worker);
/* Ends the visitors at all public ports whose handshakes have not been completed. */
void tunnel_sessions_end_arrivals(struct server_worker *worker);
/* Lets the keeper have the public ports of the clients that take tickets, and gives these tickets:
 * the next server runs already. */
void tunnel_sessions_give_tickets(struct server_worker *worker);
/* There is no next server after all: the tickets are good for nothing. */
void tunnel_sessions_forget_tickets(struct server_worker *worker);
/* Closes the public ports, except those of clients that stay. Nobody is a leaver any more. */
void tunnel_sessions_stop_accepting(struct server_worker *worker);
/* Closes the public ports of those, too: no data connection comes back any more. */
void tunnel_sessions_stay_no_more(struct server_worker *worker);
/* The deadline of a client that promised heartbeats: for worker->silence. */
void tunnel_session_on_silence(struct deadline *deadline);

#endif
