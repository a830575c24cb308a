/* share - the tunnels that serve one public port together, and which of them gets a visitor.
 *
 * All members belong to one owner. Each is the tunnel of another session, perhaps on another
 * worker, and has an account of its own. The port itself belongs to the share: session/group
 * accepts its visitors. A port is the only key yet; nothing but share_find and share_join depends
 * on that.
 *
 *   least connections: the member with the fewest visitors; among equals, the one that has waited
 *   longest for a visitor
 *   by source: rendezvous hashing of the visitor's address and the member's place, so that only the
 *   sources of a member that leaves move, and return with it
 */
#ifndef CORE_SHARE_H
#define CORE_SHARE_H

#include <pthread.h>
#include <spore/base.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "net/sock.h"

struct account;
struct instance;
struct loop;
struct loop_task;
struct share;

/* The places of one share. A visitor notes the places that it has been at as bits. */
enum { SHARE_MOST = 64 };

struct share_table {
	pthread_mutex_t lock; /* taken before that of a share */
	struct list all;      /* of struct share */
};

/* Embedded in a tunnel. All but the share is under the share's lock. */
struct share_member {
	struct list node;
	struct share *share;       /* ref; NULL: the tunnel shares nothing */
	struct account *account;   /* ref; of the tunnel now */
	const struct instance *by; /* its owner; compared, never dereferenced */
	uint64_t session;
	const uint64_t *names; /* borrowed; keys of its host names: route/names */
	size_t n_names;
	unsigned place;     /* less than SHARE_MOST */
	uint64_t turn;      /* of its last visitor; 0: none yet */
	bool by_source;     /* it asks for visitors by their source */
	bool is_ready;      /* its service can be reached, as far as it says */
	bool closes;        /* otherwise its port is to be closed, if no other is ready */
	bool is_leaving;    /* it gets a visitor only if all others are leaving, too */
	int64_t shunned_ms; /* until then it is one that is not ready, by clock_ms() */
};

void share_table_init(struct share_table *table);
/* All shares have ended. */
void share_table_fini(struct share_table *table);

/* Who has this port as a shared one? */
enum share_holder { SHARE_OF_NOBODY, SHARE_OF_OWNER, SHARE_OF_OTHERS };
enum share_holder share_find(struct share_table *table, uint16_t port, const struct instance *by,
                             uint64_t session);

/* SHARE_FOREIGN: the members belong to another owner, or did so, and the port closes soon. */
enum share_result { SHARE_JOINED, SHARE_FOREIGN, SHARE_FULL, SHARE_NO_PORT, SHARE_NO_MEMORY };
/* How a new share gets its port. */
struct share_opener {
	/* Opens it. False: it cannot be opened. The table is locked, so two members that come at
	 * the same time open it once. */
	bool (*open)(struct share *share, void *arg);
	void *arg;
};
/* Adds the tunnel to the share of this port, or to a new one, which `opener` opens. `member` is
 * zeroed but for by_source. The account gets the share. [worker] */
enum share_result share_join(struct share_table *table, uint16_t port, struct share_member *member,
                             struct account *account, const struct share_opener *opener);
/* The open port belongs to this loop: `news` is posted to it when the members have changed. For
 * share_opener.open. */
void share_set_home(struct share *share, struct loop *home, struct loop_task *news);
/* The sockets of the open port, which stay the caller's; none: it closes, or refuses visitors, from
 * now on. [worker] of the port */
void share_set_port(struct share *share, const struct sockets *sockets);
/* Other descriptors of them, which the caller owns. None: the port is not open, or no descriptor is
 * left. */
struct sockets share_copy_port(struct share *share);
/* `news` runs, and may be posted again. True: the share has no members and is no more. Then `close`
 * has run, with the table locked, so that the next one that wants the port finds it free. */
bool share_take_news(struct share *share, void (*close)(void *arg), void *arg);
/* The member gets no more visitors. Idempotent. */
void share_leave(struct share_member *member);
/* The tunnel will have another owner. False: another member belongs to another client of the same
 * auth instance, so the two may not share, and nothing has changed. Sessions of two instances
 * cannot be compared: members of one owner stay together if a reload lets two instances judge
 * them. */
bool share_change_owner(struct share_member *member, const struct instance *by, uint64_t session);
/* The tunnel has another account. */
void share_change_account(struct share_member *member, struct account *account);
/* The tunnel has these host names now: see names_claim_keys. They live until they are replaced, or
 * the member leaves. Nothing happens without a share. */
void share_set_names(struct share_member *member, const uint64_t *names, size_t n);
void share_set_ready(struct share_member *member, bool is_ready, bool closes);
/* The member's client has not carried a visitor: others are asked first for a second. Otherwise a
 * member whose service is down would have the fewest visitors, and get most of them. */
void share_shun(struct share_member *member);
/* The member is leaving: it gets visitors only while nobody else is there. */
void share_set_leaving(struct share_member *member);

struct share *share_ref(struct share *share);
void share_unref(struct share *share);

/* What the members with this name are like together. name: a key, or 0: all members. */
struct share_view {
	unsigned members;
	unsigned staying; /* are not leaving ... */
	unsigned able;    /* ... and are ready */
	bool closes;      /* none is ready, and one wants the port to be closed */
};
struct share_view share_look(struct share *share, uint64_t name);
/* May one of them have one more waiting visitor? most: for each. */
bool share_has_room(struct share *share, uint64_t name, unsigned most);

/* Which members a visitor may get. */
struct share_question {
	const spore_addr *source;
	uint64_t tried; /* bits of the places that it has been at already */
	unsigned most;  /* waiting visitors of each: others come first; 0: no limit */
	/* The tunnel of this account counts the visitor already. This makes its member no worse.
	 * NULL: no tunnel counts the visitor. */
	const struct account *of;
	uint64_t name;   /* only members with this name; 0: any */
	bool only_ready; /* and not leaving; otherwise a member that is not ready is better than
	                  * none. A shunned member is ready all the same */
};
/* The account of the chosen member, with a reference, and expected to get a visitor: see
 * account_expect. NULL: there is no such member. */
struct account *share_choose(struct share *share, const struct share_question *question);

#endif
