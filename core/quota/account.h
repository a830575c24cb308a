/* account - the owner of a tunnel, and what the tunnel has used.
 *
 * A principal is one pair of auth instance and session. Ownership compares principals. Each tunnel
 * has one account. Its visitors and relays hold references to the account on all workers, so its
 * counts are atomic, and it lives until the last of them has ended. */
#ifndef CORE_ACCOUNT_H
#define CORE_ACCOUNT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "host/grant.h"
#include "quota/stats.h"
#include "usage/usage.h"
#include "wire/refusal.h"

struct instance;
struct limit_hit;
struct limits;
struct server_worker;
struct share;
struct source;
struct trouble;

struct principal {
	struct principal *next;
	struct instance *by; /* ref; the auth instance; NULL on a server without authentication */
	uint64_t session;
	unsigned refs;        /* under the table's lock */
	unsigned tunnels;     /* under the table's lock */
	struct list standing; /* its accounts with an open port; under the table's lock */
	atomic_uint conns;    /* visitors that wait or have a relay */
};

struct principal_table {
	pthread_mutex_t lock;
	struct principal *first;
	struct usage_table usage;
	atomic_uint tunnels;  /* of all principals */
	atomic_uint visitors; /* of all principals; they wait or have a relay */
	atomic_uint losses;   /* how often account_lose_client was called */
};

struct announcer;
struct client_trace;

struct account {
	atomic_uint refs;
	struct principal_table *table; /* borrowed: outlives all accounts */
	struct principal *principal;   /* ref */
	struct usage *usage;           /* ref; of the identity */
	struct use_claim *claim; /* owned; the limits on use that the grant and the server set */
	struct source *source;   /* ref; the client's, where its data connections will come from */
	/* Owned; NULL without authentication. Only the tunnel's worker reads and replaces it. */
	struct grant *grant;
	char *identity; /* owned; never changes; "" without authentication */
	/* ref; whether the tunnel's client was lost or barred, what tells it of visitors, and what
	 * the tunnel has used. Shared with the accounts that the tunnel had under other owners. */
	struct client_trace *trace;
	struct list node; /* in principal->standing */
	atomic_bool left; /* the tunnel has ended, or has another account */
	/* Borrowed; the tunnel's worker. Still valid after the tunnel has closed. */
	struct server_worker *home;
	uint16_t port;
	uint64_t id;                  /* the tunnel's: see server_new_id */
	atomic_uint inside;           /* visitors that wait or have a relay */
	atomic_uint pending;          /* visitors that wait for the client */
	struct stats_identity series; /* of the identity */
	atomic_uint_fast64_t bytes_up, bytes_down, visitors; /* so far */
};

/* n_workers: those that will have relays. [main] */
void principal_table_init(struct principal_table *table, unsigned n_workers);
void principal_table_fini(struct principal_table *table);

/* Opens a tunnel's account; takes the grant on success. NULL and *hit_out: the principal, the
 * source, or the whole server has as many tunnels as it may have, or memory is out. [worker] */
struct account *account_open(struct principal_table *table, struct source *source,
                             const struct limits *limits, struct instance *by, struct grant *grant,
                             struct limit_hit *hit_out);
/* Moves the tunnel to another owner, after a reload has judged its client again. Returns a new
 * account in place of this one, and takes the grant. The tunnel's reference to this one is
 * released; visitors keep theirs. NULL and *hit_out as above; then nothing has changed. [worker] */
struct account *account_succeed(struct account *account, const struct limits *limits,
                                struct instance *by, struct grant *grant,
                                struct limit_hit *hit_out);
/* The port is open: from now on account_holder finds the tunnel. [worker] */
void account_stand(struct account *account, struct server_worker *home, uint16_t port);
/* The worker that has this principal's tunnel at the port; NULL: there is no such tunnel. [any] */
struct server_worker *account_holder(struct principal_table *table, const struct instance *by,
                                     uint64_t session, uint16_t port);
/* Has any tunnel this public port? [any] */
bool account_port_is_held(struct principal_table *table, uint16_t port);
/* Do the descriptors allow no further tunnel now? [any] */
bool account_lacks_descriptors(const struct principal_table *table, const struct limits *limits);
/* Releases the tunnel's reference. Visitors and relays may still hold theirs. [worker] */
void account_close_tunnel(struct account *account);
/* Replaces what the owner may do; takes the grant. Identity and session stay. [worker] */
void account_renew(struct account *account, const struct limits *limits, struct grant *grant);
/* The limits of the server have changed. [worker] of the tunnel */
void account_limit_use(struct account *account, const struct limits *limits);
/* The tunnel's client was lost: its control connection has not ended in order. [any] */
void account_lose_client(struct account *account);
/* Also true for the accounts that the tunnel had before a change of its owner. [any] */
bool account_has_lost_client(const struct account *account);
/* Whether the tunnel's client reaches its service, as far as the last visitors show: for the log.
 * Also of the accounts that the tunnel had before a change of its owner. [any] */
struct trouble *account_unserved(const struct account *account);
/* What tells the tunnel's client of its visitors; borrowed. NULL: the tunnel is not open. Also for
 * visitors of accounts that the tunnel had before a change of its owner. [worker] `home` */
void account_set_announcer(struct account *account, struct announcer *announcer);
struct announcer *account_announcer(const struct account *account);
/* The server ends the tunnel against its client's will: the client takes no further visitor of it.
 * [any] */
void account_bar_client(struct account *account);
/* Also true for the accounts that the tunnel had before a change of its owner. [any] */
bool account_has_barred_client(const struct account *account);
/* The tunnel shares its port: it has this place in the share (share/share). Takes the reference,
 * which `unref` gives back with the last account of the tunnel. Before the port is open. [worker]
 */
void account_set_share(struct account *account, struct share *share, unsigned place,
                       void (*unref)(struct share *share));
/* Borrowed; valid as long as the account. NULL: it shares nothing. Also for the accounts that the
 * tunnel had before a change of its owner. [any] */
struct share *account_share(const struct account *account);
unsigned account_place(const struct account *account);
/* The tunnel has ended. Also for the accounts that it had before a change of its owner. [any] */
void account_set_closed(struct account *account);
bool account_is_closed(const struct account *account);
/* Are both accounts of one tunnel? [any] */
bool account_is_of_tunnel_of(const struct account *account, const struct account *other);
/* The tunnel is about to get a visitor, which is not counted yet (1), or not any more (-1).
 * [any] */
void account_expect(struct account *account, int delta);
/* A visitor was handed to the tunnel's client, which has not taken it yet (1), or not any more
 * (-1). [any] */
void account_offer(struct account *account, int delta);
/* The visitors that wait for the tunnel's client, or are about to. [any] */
unsigned account_waiting(const struct account *account);
/* The visitors that the tunnel has or is about to get, under whichever owner. [any] */
unsigned account_load(const struct account *account);
/* Has the tunnel's client taken all visitors that it was told of? [any] */
bool account_is_settled(const struct account *account);
/* A visitor that the tunnel's client has not taken goes to another tunnel of the same source of
 * rights: counts it there, and no longer here. No limit holds for it. [any] */
void account_move_visitor(struct account *from, struct account *to);
/* Counts bytes that a relay has moved: from the visitor, and to it. False: the identity has used up
 * its bytes. [any] */
bool account_carry(struct account *account, uint64_t up, uint64_t down);

struct account_total {
	uint64_t bytes_up, bytes_down, visitors;
};

/* What the tunnel has used, also under other owners. [any] */
struct account_total account_total(const struct account *account);
/* [any] */
struct account *account_ref(struct account *account);
void account_unref(struct account *account);

/* The limit on the visitors of the whole server now. Visitors may use places that tunnels do not
 * use. [any] */
struct limit_hit account_limit_in_all(const struct principal_table *table,
                                      const struct limits *limits);
/* The limit for which account_enter refuses visitors with this reason. [worker] of the tunnel */
struct limit_hit account_limit(const struct account *account, const struct limits *limits,
                               enum refusal why);
/* How long the tunnel's grant lets it be open. [worker] of the tunnel */
struct limit_hit account_life(const struct account *account);
/* Counts one more visitor, also for its source (NULL: sources are not counted). False and *why_out:
 * the source, the principal, or the whole server has as many visitors as it may have. [worker] */
bool account_enter(struct account *account, struct source *source, const struct limits *limits,
                   enum refusal *why_out);
/* Moves a visitor that `former` counts here, to the account that has taken its place
 * (account_succeed). False and *why_out: the principal has as many visitors as it may have; nothing
 * has changed. [worker] of the tunnel */
bool account_adopt(struct account *account, struct account *former, enum refusal *why_out);
/* One visitor less. Releases the source. [any] */
void account_leave(struct account *account, struct source *source);
/* "" without authentication. Valid as long as the account; a renewal does not change it. [any] */
const char *account_identity(const struct account *account);
/* Is this the owner? [any] */
bool account_belongs_to(const struct account *account, const struct instance *by, uint64_t session);

#endif
