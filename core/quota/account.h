/* account - who a tunnel belongs to, and what it has used.
 *
 * A principal is one (auth instance, session) pair: the handle that ownership compares. An account
 * is one tunnel's, shared by its visitors and relays on all workers, so its counts are atomic and
 * it outlives the tunnel while they last. */
#ifndef CORE_ACCOUNT_H
#define CORE_ACCOUNT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "host/grant.h"
#include "quota/stats.h"
#include "wire/refusal.h"

struct instance;
struct limits;
struct source;
struct server_worker;

struct principal {
	struct principal *next;
	struct instance *by; /* ref; who allowed it; NULL on a server without authentication */
	uint64_t session;
	unsigned refs;        /* under the table's lock */
	unsigned tunnels;     /* under the table's lock */
	struct list standing; /* of its accounts, those with a port; likewise */
	atomic_uint conns;    /* visitors pending or carried */
};

struct principal_table {
	pthread_mutex_t lock;
	struct principal *first;
	atomic_uint tunnels;
	atomic_uint visitors; /* pending or carried, all together */
};

struct account {
	atomic_uint refs;
	struct principal_table *table; /* borrowed: outlives all accounts */
	struct principal *principal;   /* ref */
	struct source *source;         /* ref; the client's: data connections are asked of it */
	struct grant *grant; /* owned; NULL without authentication. Read and replaced on the
	                        tunnel's worker alone */
	struct list node;    /* in principal->standing */
	struct server_worker *home; /* borrowed: its tunnel's, whatever becomes of the tunnel */
	uint16_t port;
	uint64_t id;               /* the tunnel's: see server_new_id; 0: it never stood */
	atomic_uint inside;        /* visitors pending or carried */
	atomic_uint pending;       /* visitors that wait for the client */
	struct stats_bytes series; /* of its identity */
	atomic_uint_fast64_t bytes_up, bytes_down, conns;
};

void principal_table_init(struct principal_table *table);
void principal_table_fini(struct principal_table *table);

/* Opens a tunnel's account; takes the grant on success. NULL and *why_out when its principal, its source or all together have as many tunnels as they may, or memory is
 * out. [worker] */
struct account *account_open(struct principal_table *table, struct source *source,
                             const struct limits *limits, struct instance *by, struct grant *grant,
                             enum refusal *why_out);
/* The same tunnel under another owner (a reload asked anew who its client is): an account in place
 * of this one, which goes on for its visitors alone. Takes the grant on success. NULL and
 * *why_out as above; then this one is as it was. [worker] */
struct account *account_succeed(struct account *account, struct instance *by, struct grant *grant,
                                enum refusal *why_out);
/* The tunnel stands: from now on account_holder finds it. [worker] */
void account_stand(struct account *account, struct server_worker *home, uint16_t port);
/* The worker on which this principal's tunnel at the port lives; NULL: it has none there. [any] */
struct server_worker *account_holder(struct principal_table *table, const struct instance *by,
                              uint64_t session, uint16_t port);
/* The tunnel is gone; visitors and relays may still hold the account. [worker] */
void account_close_tunnel(struct account *account);
/* What the owner may do from now on; takes the grant. Identity and session stay. [worker] */
void account_renew(struct account *account, struct grant *grant);
struct account *account_ref(struct account *account);
void account_unref(struct account *account);

/* One more visitor, of this source (NULL: not counted); false and *why_out when the source, the
 * principal, or all together have as many as they may. [worker] */
bool account_enter(struct account *account, struct source *source, const struct limits *limits,
                   enum refusal *why_out);
/* Gives the source back. [any] */
void account_leave(struct account *account, struct source *source);
/* "" without authentication. */
const char *account_identity(const struct account *account);
/* The same owner? [any] */
bool account_belongs_to(const struct account *account, const struct instance *by, uint64_t session);

#endif
