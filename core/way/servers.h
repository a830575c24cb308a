/* servers - the servers of a client, and which of them its tunnels try next. [worker]: the client's
 * first one. What is read-only may be read on any worker.
 *
 * All tunnels follow one pointer. It moves on when a server has not taken a tunnel, and stays where
 * a server has. With `prefer_first`, and while it is not at the first server, the owner is asked
 * every five seconds to look whether that one answers. */
#ifndef CORE_WAY_SERVERS_H
#define CORE_WAY_SERVERS_H

#include <ev.h>
#include <spore/base.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/settings.h"

struct loop;

/* Where a server was reached. */
struct server_place {
	spore_addr addr; /* of family 0: at any address of the server's name */
	unsigned index;  /* of the server in the list */
};

/* Is it the same server at the same address? */
bool server_place_equal(const struct server_place *a, const struct server_place *b);

struct servers {
	const struct client_server *items; /* borrowed; read-only */
	unsigned n;                        /* read-only; at least 1 */
	unsigned current;                  /* the one to try */
	struct loop *loop;
	ev_timer look;
	bool (*on_look)(void *arg);
	void *arg;
};

/* on_look: looks for the first server. False: no tunnel needs that now. NULL: as without
 * `prefer_first`. */
void servers_init(struct servers *servers, const struct client_settings *settings,
                  struct loop *loop, bool (*on_look)(void *arg), void *arg);
/* [any] */
const struct client_server *servers_at(const struct servers *servers, unsigned index);
/* The server of this index has not taken a tunnel. True: the pointer was there and
 * has moved on. */
bool servers_move_on(struct servers *servers, unsigned index);
/* The server of this index has taken a tunnel. */
void servers_stay(struct servers *servers, unsigned index);
/* Ends the looks. Idempotent. */
void servers_stop(struct servers *servers);

#endif
