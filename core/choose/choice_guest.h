/* choice_guest - a visitor of a routed port, from the time when its transports are open until its
 * tunnel takes it (choose/choice, then choose/admission). Until then it counts in its crowd, like
 * one whose handshake runs. [worker] */
#ifndef CORE_CHOICE_GUEST_H
#define CORE_CHOICE_GUEST_H

#include "base/buf.h"
#include "loop/loop.h"
#include "quota/pending.h"
#include "session/context.h"
#include "wire/refusal.h"

struct chain;
struct choices;
struct plugin_set;
struct public_settings;
struct source;
struct stream;

struct choice_guest {
	struct list node;       /* in choices->awaiting or ->moving */
	struct loop_task move;  /* takes the stream from its loop, outside of its callbacks */
	struct loop_task enter; /* on the worker of the tunnel */
	struct server_worker *worker;
	struct choices *choices; /* at its port */
	struct plugin_set *set;  /* ref; the next two are of it */
	const struct public_settings *entry;
	struct chain *routes;
	struct source *crowd; /* ref; counts the guest; NULL: it has ended */
	struct visitor visitor;
	spore_addr local;      /* of the socket */
	int64_t move_until_ms; /* by clock_ms() */
	/* While it waits for its tunnel: */
	char *wanted;     /* owned; its name; NULL: none */
	struct buf reply; /* what it reads if the tunnel does not come */
};

/* Takes the visitor, whose port has an entry in the set, the crowd, and a reference to the set.
 * NULL: out of memory; nothing is taken. */
struct choice_guest *choice_guest_new(struct server_worker *worker, const struct visitor *visitor,
                                      const spore_addr *local, struct source *crowd,
                                      struct plugin_set *set);
/* Forgets the name for which it has waited, and the reply. */
void choice_guest_forget_wish(struct choice_guest *guest);
/* Closes the visitor's stream or socket by a reset. */
void choice_guest_close_visitor(struct visitor *visitor);
/* Leaves the crowd. The stream or socket is somebody else's by now. */
void choice_guest_free(struct choice_guest *guest);
/* Counts and logs that the guest is refused. detail, host: NULL: unknown. */
void choice_guest_report(const struct choice_guest *guest, enum refusal why, const char *detail,
                         const char *host);
/* Reports it, closes the visitor, and frees the guest. */
void choice_guest_refuse(struct choice_guest *guest, enum refusal why, const char *detail);

#endif
