/* server - `spore server`: the control port on every worker, and what all workers share. */
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "chain/plugin_set.h"
#include "keep/elders.h"
#include "route/names.h"
#include "server/server_env.h"
#include "server/server_worker.h"

struct census_question;
struct grant;
struct server;
struct source_table;
struct survey;
struct usage_table;

/* A server that has not started: plugins, which start before the server does, may call
 * server_revise for it. NULL: out of memory. [main] */
struct server *server_new(void);
/* Binds the control port and starts to serve with this set. False and *err: it serves nothing, and
 * the caller must free it. *at_fault_out: the value in the configuration that is to blame; NULL:
 * none. [main] */
bool server_start(struct server *server, const struct server_env *env, struct plugin_set *set,
                  const struct json **at_fault_out, struct err *err);
/* Serves with another set, which is started, from now on: new connections begin with it, the
 * clients of tunnels are authenticated again, relays are not affected.
 *
 * Each worker takes the set in its next turn. `taken` runs when all have, or after wait_ms: then
 * survey_answer is NULL for the workers that take it later. survey_forget cancels `taken`. NULL and
 * *err: out of memory, or the control port cannot move there, and nothing has changed. [main] */
struct survey *server_renew(struct server *server, struct plugin_set *set, int64_t wait_ms,
                            void (*taken)(struct survey *survey, void *arg), void *arg,
                            struct err *err);
/* Logs what the workers found out while they took the set of server_renew. [main] */
void server_tell_renewed(struct server *server);
/* The visitors that wait or are carried, and how many there may be now. */
struct server_room {
	unsigned visitors, most;
	const char *from; /* what sets the limit: a key of the configuration, or "descriptors" */
};
/* [main] */
struct server_room server_room(const struct server *server);
/* The host names of all tunnels. [main] */
struct names_number server_names(const struct server *server);
/* Does the same as ledger_fails for server.usage_file. Returns 0 if there is no such file.
 * [main] */
int64_t server_usage_fails(const struct server *server, const char **why_out);
/* What the server remembers of addresses. Borrowed; valid until server_stop. [main] */
struct source_table *server_sources(struct server *server);
/* Refuses new tunnels and asks the clients to move to another server. Closes the public ports:
 * those of clients that can move when they have moved, or after server.drain_grace. on_drained runs
 * on the main loop once no visitor waits and no relay runs. [main] */
void server_drain(struct server *server, void (*on_drained)(void *arg), void *arg);
/* The server drains, and has closed its control port: another server can listen there. [main] */
bool server_has_left(const struct server *server);

/* ---- the next server, which runs already ---- */

/* Copies of the sockets at the control port and at the routed ports: each answer is a struct
 * port_copies, whose sockets `done` may take. NULL: out of memory. [main] */
struct survey *server_copy_ports(struct server *server, int64_t wait_ms,
                                 void (*done)(struct survey *survey, void *arg), void *arg);
/* Does the control port belong to a service manager? [main] */
bool server_control_is_given(const struct server *server);
/* In `done` of the surveys below: have all workers done it? */
bool server_all_answered(const struct server *server, const struct survey *survey);
/* From now on visitors wait in the queues of the kernel, also at routed ports, and clients still
 * take those that have come. parks: visitors of routed ports of whom nothing was read are left to
 * the next server. `done` runs when no worker lets one in any more. NULL: out of memory. Undone by
 * server_take_back. [main] */
struct survey *server_hold(struct server *server, bool parks, int64_t wait_ms,
                           void (*done)(struct survey *survey, void *arg), void *arg);
/* After `done` of server_hold: clients have taken all visitors, and what identities use is in its
 * file. [main] */
bool server_is_still(struct server *server);
/* Ends the visitors that cannot be left to the next server and hold it up: those whose handshake is
 * not over, or whose tunnel is not known yet. NULL: out of memory. [main] */
struct survey *server_end_undecided(struct server *server, int64_t wait_ms,
                                    void (*done)(struct survey *survey, void *arg), void *arg);
/* Leaves the control port and the routed ports to the next server, without closing them here. The
 * keeper gets the public ports of clients that take tickets, before `done` runs. Each answer that
 * `done` gets is a struct parked_copies. NULL: out of memory. Undone by server_take_back. [main] */
struct survey *server_give(struct server *server, int64_t wait_ms,
                           void (*done)(struct survey *survey, void *arg), void *arg);
/* The next server does not serve after all. All is as before as soon as the workers have done
 * their parts. NULL: out of memory. [main] */
struct survey *server_take_back(struct server *server, int64_t wait_ms,
                                void (*done)(struct survey *survey, void *arg), void *arg);
/* The next server serves. Its clients are to come one by one, so server_drain, which must follow,
 * asks them at different moments. [main] */
void server_leave(struct server *server);
/* Clients that cannot move stay here until the end of the drain: the next server sends back their
 * data connections by this channel (elders_pair), which is taken. Call it before server_leave.
 * [main] */
void server_let_stay(struct server *server, int channel);
/* Copies of the channels to the servers before this one, for the next one, newest first. Returns
 * how many. [main] */
unsigned server_copy_elders(struct server *server, int out[ELDERS_MOST]);
/* The next server does not know these channels: closes them, so that those servers learn that no
 * data connection comes back. [main] */
void server_forget_elders(struct server *server);
/* What identities use. Borrowed; valid until server_stop. [main] */
struct usage_table *server_usage(struct server *server);

/* ---- questions ---- */

/* Puts the question to every worker. Each answer that `done` gets is a struct census. NULL: out of
 * memory. [main] */
struct survey *server_ask(struct server *server, const struct census_question *question,
                          int64_t wait_ms, void (*done)(struct survey *survey, void *arg),
                          void *arg);
/* Ends all that the server serves. The loops still run. Harmless on a server that has not started.
 * [main] */
void server_stop(struct server *server);
/* No thread may call server_revise any more. The server is stopped. NULL is fine. [main] */
void server_free(struct server *server);

/* For host_services.revise, with the server as its argument. Does nothing unless the server has
 * started. [any] */
void server_revise(void *server, const struct revision *revision);

#endif
