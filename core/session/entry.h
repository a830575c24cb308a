/* entry - what the server decides by the address of a client: whether its connection to the control
 * port may become a session, and of which source. If a transport tells another address later, the
 * same is decided again. And whether the client gets in by its answer. [worker] */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include <spore/base.h>
#include <stdbool.h>

struct login;
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
/* Lets a connection of a proxy in, unless memory is out: the client is not known yet, so no access
 * list is asked. Call entry_judge later, when the proxy has told the client's address. */
enum entry_verdict entry_await(struct server_worker *worker, const spore_addr *proxy,
                               struct entry *out);
/* Gives back what was not used. */
void entry_leave(const struct entry *entry);
/* Notes which tunnels have clients that the worker's access lists deny now. Adds those that the
 * lists of `before` did not deny to the worker's shared `barred`. */
void entry_find_barred(struct server_worker *worker, const struct plugin_set *before);
enum { ENTRY_DENIAL_SIZE = 256 };
/* Why the access lists deny the client of this tunnel, cut to fit: "cidr at /acl/control/0:
 * 10.0.0.0/8". False: they do not; the text is empty. */
bool entry_explain_denial(const struct server_session *s, char out[ENTRY_DENIAL_SIZE]);
/* Another stranger may have to make room for this one, which has just been added. fd: its
 * descriptor. */
void entry_make_room(struct server_worker *worker, const struct server_session *newcomer, int fd);

/* May the session's source have a secret checked now? False: it is banned or tries too often; the
 * session was told so and is over. */
bool entry_may_try(struct server_session *s);
/* True: go on with the session. Otherwise it was refused and is over: its client is denied (and its
 * source may be banned, if the client gave an answer), or no instance could decide. */
bool entry_accept_verdict(struct server_session *s, const struct login *login, int32_t verdict);

#endif
