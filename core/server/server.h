/* server - `spore server`: the control port on every worker, and what all workers share. */
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include <stdbool.h>

#include "chain/plugin_set.h"

struct census_question;
struct grant;
struct metrics;
struct server;
struct survey;

enum { SERVER_MAX_WORKERS = 256 };

struct server_env {
	struct metrics *metrics; /* borrowed, all of them: they outlive the server */
	struct loop *main_loop;
	struct loop *const *loops; /* the workers', running */
	unsigned n_workers;
};

/* Binds the control port and starts to serve with this set. NULL and *err. [main] */
struct server *server_start(const struct server_env *env, struct plugin_set *set, struct err *err);
/* Serves with another set, started, from now on: what is new begins with it, tunnels are judged
 * anew by it, relays never notice. False and *err: the control port cannot move there, and all is
 * as before. [main] */
bool server_renew(struct server *server, struct plugin_set *set, struct err *err);
/* Closes the public ports and refuses new tunnels; on_drained runs on the main loop once no visitor
 * waits and no relay runs. [main] */
void server_drain(struct server *server, void (*on_drained)(void *arg), void *arg);
/* Puts the question to every worker, for done to hear: each one's answer is a struct census. NULL:
 * out of memory. [main] */
struct survey *server_ask(struct server *server, const struct census_question *question,
                          int64_t wait_ms, void (*done)(struct survey *survey, void *arg),
                          void *arg);
/* Ends everything and frees it. NULL is fine. [main] */
void server_stop(struct server *server);

/* As host_services.revalidate, for the one server of the process. [any] */
void server_revalidate(struct instance *instance, spore_str identity, int32_t verdict,
                       struct grant *grant);

#endif
