/* tunnel - a public port, and the visitors that arrive at it. Lives on the worker of its control
 * connection. [worker] */
#ifndef CORE_TUNNEL_H
#define CORE_TUNNEL_H

#include "net/sock.h"
#include "route/names.h"
#include "session/context.h"
#include "wire/about.h"

struct ahead_pass;
struct allowance;
struct link;
struct message;
struct tunnel;
struct uuid;
struct visitor;

/* The port that a client asks for (0: any), or listening sockets that it takes over. */
struct tunnel_port {
	uint16_t wanted;
	struct sockets sockets; /* taken */
	enum about_share share; /* with other clients of its owner; then `wanted` is not 0 */
};

/* See names_claim_list: the host names that it holds. [worker] */
size_t tunnel_names(const struct tunnel *tunnel, char out[NAMES_LIST_SIZE]);
/* Opens the port, claims the host names that the client asks for and its policy allows, and tells
 * the client (Hello, then a Heartbeat). Takes the allowance on success
 * (NULL: no authentication); source is the client's, and `about` what the client says. The link and
 * `about` are borrowed and outlive the tunnel. NULL and *hit_out. */
struct tunnel *tunnel_open(struct server_worker *worker, struct link *link, struct source *source,
                           const struct about *about, struct allowance **allowance,
                           struct tunnel_port port, struct limit_hit *hit_out);
/* Gives up the listening sockets, with the visitors in their queues. None: there are none any more.
 */
struct sockets tunnel_take_port(struct tunnel *tunnel);
/* Other descriptors of the listening sockets. None: the port is closed, perhaps because the service
 * is down, or no descriptor is left. */
struct sockets tunnel_copy_port(const struct tunnel *tunnel);
/* The same tunnel under another owner: takes the allowance on success, and ends the one before.
 * False and *hit_out: the new owner may not have this port or one more tunnel, or memory is out;
 * nothing has changed. */
bool tunnel_change_owner(struct tunnel *tunnel, struct allowance **allowance,
                         struct limit_hit *hit_out);
/* The client cannot carry this visitor: ends it, if it waits and belongs to the same owner. With
 * REFUSED_UNSERVED in order, as from a client whose service is down, otherwise at once. */
void tunnel_decline(struct tunnel *tunnel, const struct uuid *id, enum refusal why);
/* The client has taken this visitor on a connection that may be lost. If it is, the visitor ends.
 */
void tunnel_end_taken(struct tunnel *tunnel, const struct uuid *id);
/* From now on visitors are handed to the client on the connections of this pass, as long as some
 * wait. Borrowed. */
void tunnel_hand_over(struct tunnel *tunnel, struct ahead_pass *pass);
/* From now on the client is told the addresses of its visitors, or not. It must be able to read
 * MESSAGE_VISITOR. */
void tunnel_tell_addresses(struct tunnel *tunnel, bool tell);
/* From now on the client is told that a limit of its identity refuses its visitors, or not. */
void tunnel_tell_refusing(struct tunnel *tunnel, bool tell);
/* The text of this limit; NULL: it has refused no visitor within the last minute, and the bytes are
 * not used up. */
const char *tunnel_refusing(const struct tunnel *tunnel);

/* A visitor of a routed port has come to the tunnel of its account: takes it. The access lists have
 * allowed it; it is not counted yet, and its stream, if it has one, belongs to no loop. If the
 * tunnel cannot take it, it is refused. While as many visitors wait for the client as may, it is
 * refused, too, as after a handshake at a port of the tunnel's own: to wait for a place, it would
 * have to keep one that visitors of other tunnels need (limits.max_handshakes). [worker] of the
 * tunnel: account->home */
void tunnel_admit(struct visitor *visitor);

enum { TUNNEL_WHY_SIZE = 160 };

/* What the client says about the tunnel's service. */
struct tunnel_readiness {
	bool is_down;
	bool is_shut;              /* the public port is closed meanwhile */
	int64_t since_ms;          /* by clock_ms(): of the last change; at first, of the opening */
	int64_t failed_ms;         /* by clock_ms(): when it went down last; 0: never */
	char why[TUNNEL_WHY_SIZE]; /* of that; the client's claim, maybe cut */
};

/* The client says whether its service can be reached (MESSAGE_READY). If it wants that, the public
 * port refuses visitors while the service is down. A shared port does so while this holds for all
 * tunnels of the share. False: the port cannot be opened again. */
bool tunnel_set_ready(struct tunnel *tunnel, const struct message *message);
/* This process has its ports for itself again. The port is closed if the client has asked for that
 * meanwhile. */
void tunnel_take_back(struct tunnel *tunnel);
/* Borrowed. */
const struct tunnel_readiness *tunnel_readiness(const struct tunnel *tunnel);
/* Announces the visitors that have come, and closes the port, but not the tunnel. A shared port
 * closes with its last tunnel. Idempotent. */
void tunnel_stop_accepting(struct tunnel *tunnel);
/* Accepts visitors although another process serves, and the gate is closed. */
void tunnel_stay_open(struct tunnel *tunnel);
/* Does it share its port? */
bool tunnel_is_shared(const struct tunnel *tunnel);
/* The client leaves the share: visitors that it was told of and has not taken go to others. */
void tunnel_leave_share(struct tunnel *tunnel);
/* Has the client taken all visitors that it was told of? */
bool tunnel_is_settled(const struct tunnel *tunnel);
/* Ends the visitors whose handshakes have not been completed. */
void tunnel_end_arrivals(struct tunnel *tunnel);
/* Closes the port, and ends the allowance for this reason (SPORE_END_*); relays go on. NULL is
 * fine. */
void tunnel_close(struct tunnel *tunnel, uint32_t reason);
/* What let the client in. Borrowed; NULL: no authentication. */
const struct allowance *tunnel_allowance(const struct tunnel *tunnel);
/* The policy of the owner has changed: if it does not allow all host names of the tunnel any more,
 * the tunnel loses them. If it allows them again, the tunnel claims them again. */
void tunnel_review_names(struct tunnel *tunnel);
/* Borrowed. A change of owner replaces it. */
struct account *tunnel_account(const struct tunnel *tunnel);
/* Milliseconds since the tunnel was opened, under whichever owner. */
int64_t tunnel_age_ms(const struct tunnel *tunnel);

#endif
