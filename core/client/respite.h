/* respite - the pause of a session that a server has asked to wait, for example during a ban.
 *
 * A server asks for itself alone. So the pause is moot as soon as that server says, to any session
 * of the client, that it is leaving, or its name leads to other addresses. [worker]: the client's
 * first one. */
#ifndef CORE_RESPITE_H
#define CORE_RESPITE_H

#include <ev.h>
#include <spore/base.h>
#include <stdbool.h>

#include "base/list.h"
#include "way/servers.h"

struct client_worker;
struct resolve;

struct respite {
	struct list node; /* in shared->respites, while it lasts */
	struct client_worker *worker;
	struct server_place by; /* the server that asks for it */
	ev_timer tick;          /* of the look-ups of its name */
	struct resolve *look;   /* NULL: none runs */
	void (*on_moot)(struct respite *respite);
};

/* worker: borrowed. on_moot runs at most once after each respite_start, never from within. */
void respite_init(struct respite *respite, struct client_worker *worker,
                  void (*on_moot)(struct respite *respite));
void respite_start(struct respite *respite, const struct server_place *by);
/* Idempotent. */
void respite_stop(struct respite *respite);
/* This server says that it is leaving: ends the respites for it. */
void respite_end_with(struct client_worker *worker, const struct server_place *server);
/* Is the client to wait if this server asks for it? Not within a minute after it has said that it
 * is leaving: another one may take its place at any time. */
bool respite_is_owed(const struct client_worker *worker, const struct server_place *server);

#endif
