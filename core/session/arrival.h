/* arrival - a visitor at a port with transports (the section "public"), from its accept until its
 * transports are open. Then it is like any other visitor that has just come, with a stream in place
 * of a bare socket.
 *
 *   accept ─▶ access lists, limits ─▶ handshakes ─▶ access lists ─▶ on_open
 *                    ▲                    │ (a transport tells the address)
 *                    └────────────────────┘
 *
 * If a transport tells the addresses of visitors, nothing is decided by that of the socket, which
 * is the proxy's.
 *
 * At a routed port (choose/chooser) the tunnel is not known before the transports are open. Of such
 * a guest, which has no account, only the crowd is decided here: how many visitors are in a
 * handshake, of its source and in all. [worker] */
#ifndef CORE_ARRIVAL_H
#define CORE_ARRIVAL_H

#include "chain/acl.h"
#include "quota/pending.h"
#include "session/context.h"

struct arrival;

/* How long all handshakes of a visitor together may take. */
enum { ARRIVAL_MS = 5000 };

struct arrival_plan {
	size_t entry; /* of "public" */
	/* Takes the visitor, whose stream belongs to no loop. */
	void (*on_open)(struct visitor *visitor, void *arg);
	/* The same for a guest, whose stream stays with this loop. Takes its crowd as well. set: of
	 * its entry; borrowed. */
	void (*on_guest)(struct visitor *visitor, struct source *crowd, struct plugin_set *set,
	                 void *arg);
	struct list *home; /* of the arrivals that arrival_end_all ends */
	void *arg;
};

/* Does the entry have transports, so that a visitor has to arrive before it waits? */
bool arrival_is_needed(const struct plugin_set *set, size_t entry);
/* The position of the access lists that visitors of the entry pass. SIZE_MAX: they have no entry.
 */
size_t arrival_acl(const struct plugin_set *set, size_t entry);
/* Takes the accepted socket of the visitor, and the reference to its account, unless it is a guest.
 * `local`: the address of the listener. */
void arrival_start(struct server_worker *worker, const struct arrival_plan *plan,
                   const struct visitor *visitor, const spore_addr *local);
/* Counts the visitor for its account and, if sources are limited, for its source, which is set.
 * False: it is refused, which has been reported. */
bool arrival_count(struct server_worker *worker, struct visitor *visitor);
/* Asks the access lists at this position of the worker's set, and sets the visitor's rate. conn:
 * with open transports, or NULL. False: they deny the visitor, which has been reported. */
bool arrival_is_welcome(const struct server_worker *worker, size_t acl, struct visitor *visitor,
                        const spore_addr *local, const spore_conn *conn);
/* Counts one more visitor in the crowd of this source (NULL: out of memory), and takes the
 * reference. False and *hit_out: there are too many, or memory is out, and the source is given
 * back. */
bool arrival_join_crowd(struct server_worker *worker, struct source *source,
                        struct limit_hit *hit_out);
/* Gives the place and the reference back. [any] */
void arrival_leave_crowd(struct server_shared *shared, struct source *source);
/* Moves the arrivals of the list that the former account of a tunnel counts to its account now. A
 * visitor that the owner now may not have ends. */
void arrival_change_account(struct list *home, const struct account *former,
                            struct account *account);
/* Ends the guests of the list, of at most `most`, of whom nothing was read. `take` gets their
 * sockets. Returns how many these were. */
unsigned arrival_release_guests(struct list *home, unsigned most, void (*take)(int fd, void *arg),
                                void *arg);
/* Ends all arrivals of the list, for this reason unless they are guests. */
void arrival_end_all(struct list *home, enum refusal why);
/* For worker->arrivals. */
void arrival_on_late(struct deadline *deadline);

#endif
