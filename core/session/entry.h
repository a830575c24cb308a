/* entry - what the server decides by the address of a client: whether its connection to the control
 * port may become a session, and of which source. If a transport tells another address later, the
 * same is decided again. [worker] */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include <spore/base.h>
#include <stdbool.h>

struct plugin_set;
struct server_session;
struct server_worker;
struct source;

struct entry {
	struct source *source; /* ref, entered */
	bool asked_for;        /* what source_enter returned */
};

enum entry_verdict {
	ENTRY_ALLOWED, /* *out is set, and must be left */
	ENTRY_DENIED,  /* by an access list; counted and logged. Close the connection in order */
	ENTRY_BARRED   /* banned, which is counted and logged, or no memory. Reset the connection */
};

/* Decides by the addresses of `conn`, and by the access lists of the set. */
enum entry_verdict entry_judge(struct server_worker *worker, const struct plugin_set *set,
                               const spore_conn *conn, struct entry *out);
/* The same for a connection of a proxy, whose client will be known later: nothing is asked. */
enum entry_verdict entry_await(struct server_worker *worker, const spore_addr *proxy,
                               struct entry *out);
/* Gives back what was not used. */
void entry_leave(const struct entry *entry);
/* Adds the tunnels whose clients the worker's access lists deny, and those of `before` did not, to
 * the worker's shared `barred`. */
void entry_find_barred(struct server_worker *worker, const struct plugin_set *before);
/* Another stranger may have to make room for this one, which has just been added. fd: its
 * descriptor. */
void entry_make_room(struct server_worker *worker, const struct server_session *newcomer, int fd);

#endif
