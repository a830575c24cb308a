/* choice - which tunnel gets a guest of a routed port.
 *
 *   glance ─▶ the name ─▶ its tunnel ─▶ choose/admission
 *                            └─ none: the guest waits for it, or is refused
 *
 * A guest waits while clients of the server before this one may yet come
 * (server_shared.await_until_ms). [worker] */
#ifndef CORE_CHOICE_H
#define CORE_CHOICE_H

#include <ev.h>

#include "quota/pending.h"
#include "route/glance.h"
#include "session/context.h"

struct limits;
struct plugin_set;
struct public_settings;
struct source;

/* The guests of one routed port. */
struct choices {
	struct server_worker *worker; /* borrowed: outlives it */
	struct glance_list glances;
	struct list awaiting; /* guests whose tunnels have yet to come */
	ev_timer look;        /* for these tunnels */
	struct list moving;   /* see choose/admission */
};

void choices_init(struct choices *choices, struct server_worker *worker);
/* Guests that come from now on have these limits. */
void choices_set(struct choices *choices, const struct public_settings *entry,
                 const struct limits *limits);
/* Takes the visitor, whose port has an entry in the set, and its place in the crowd. local: of its
 * socket. */
void choices_receive(struct choices *choices, struct visitor *visitor, const spore_addr *local,
                     struct source *crowd, struct plugin_set *set);
/* Leaves the guests, at most `most`, of whom nothing was read. worker->parked gets their sockets.
 */
void choices_park(struct choices *choices, unsigned most);
/* Ends the guests whose tunnel is not known. */
void choices_end_undecided(struct choices *choices);
/* Has it no guests? */
bool choices_are_idle(const struct choices *choices);
/* Ends all guests. */
void choices_fini(struct choices *choices);

#endif
