/* group - the public port of a share (share/share), and the way of its visitors to the tunnels.
 *
 * The listening socket belongs to no tunnel. It stays on the worker of the first member, and ends
 * with the last one. A visitor is accepted there, and taken care of on the worker of the chosen
 * tunnel, by the same code as at a port of one tunnel. If that tunnel's client does not take it, it
 * goes on to another tunnel, under another id: a client that answers late with the old id gets
 * nothing. So no visitor reaches two services. Each tunnel gets a visitor once. One that came by a
 * host name only gets tunnels with this name. */
#ifndef CORE_GROUP_H
#define CORE_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "net/sock.h"

struct account;
struct limit_hit;
struct server_worker;
struct share_member;
struct visitor;

/* What a tunnel that shares its port asks for. */
struct group_wish {
	uint16_t port;
	struct sockets sockets; /* that it has taken over, or none */
	struct share_member *member;
	struct account *account; /* which stands already */
};

/* Joins the share of this port, or opens a new one; takes the sockets. False and *hit_out: nothing
 * has changed, and the sockets are closed. [worker] */
bool group_join(struct server_worker *worker, const struct group_wish *wish,
                struct limit_hit *hit_out);

/* ---- visitors behind transports ---- */

/* May this visitor wait at the shared port of its tunnel? Also true if no tunnel is left there that
 * has its name. [any] */
bool group_has_room(struct server_worker *worker, const struct visitor *visitor);
/* The transports of a visitor at the port are open, so that its address is known, and time has
 * passed: chooses its tunnel again. It is counted for the one that was chosen when it came. True:
 * takes the visitor, which goes to another tunnel. [worker] of that account */
bool group_choose_again(struct server_worker *worker, struct visitor *visitor);

/* ---- visitors that are not taken ---- */

/* Around all that may give a visitor to another tunnel, beginning before it leaves the table of
 * those that wait: so whoever looks for such visitors finds each of them. [worker] */
void group_begin_pass(struct server_worker *worker);
void group_end_pass(struct server_worker *worker);

/* The client of the visitor's tunnel has not taken it, and will not: gives it to another tunnel of
 * the share. Takes the visitor, which is not in the table. False: there is no share or no other
 * tunnel; the visitor is still the caller's. [worker] */
bool group_pass_on(struct server_worker *worker, struct visitor *visitor);
/* Gives all visitors that wait for the client of this account's tunnel, and were not handed over,
 * to tunnels that are ready. Without such a tunnel they go on waiting. [worker] */
void group_pass_all_on(struct server_worker *worker, const struct account *account);

/* The worker ends: closes its ports. [worker] */
void groups_close(struct server_worker *worker);

#endif
