/* client - `spore local`: keeps the control connections of the configured tunnels, and carries the
 * visitors that the server announces on them. */
#ifndef CORE_CLIENT_CLIENT_H
#define CORE_CLIENT_CLIENT_H

#include <stdbool.h>

#include "chain/plugin_set.h"
#include "way/exit.h"

struct client;
struct metrics;
struct resolver;
struct settings;
struct survey;

enum { CLIENT_STATUS_SIZE = 512 };

struct client_env {
	/* All but the set are borrowed and outlive the client. */
	struct plugin_set *set; /* the first one; a reference is taken */
	struct metrics *metrics;
	struct resolver *resolver;
	struct loop *main_loop;
	struct loop *const *loops; /* of the workers; they run */
	unsigned n_workers;
	/* Runs on the main loop when a tunnel may have opened or been lost, or an attempt to open
	 * one has failed and will be repeated as the operator wishes. status: how many tunnels are
	 * open, and which are not; shorter than CLIENT_STATUS_SIZE. */
	void (*on_news)(const char *status, void *arg);
	/* Runs on the main loop, once, when all tunnels have ended for good. carries: there are
	 * still visitors, whom client_drain() lets finish. */
	void (*on_exit)(enum client_exit status, bool carries, void *arg);
	void *arg;
};

/* The visitors that wait, are set up or relayed. [any] */
unsigned client_visitors(const struct client *client);
/* The settings whose list of servers the client uses: the first ones. [any] */
const struct client_settings *client_servers(const struct client *client);
/* How many visitors it may carry at once now. [any] */
unsigned client_room(const struct client *client);
/* Starts all tunnels. NULL: out of memory. [main] */
struct client *client_start(const struct client_env *env);
/* Goes on with another set, which is started. A tunnel for which the server would see no difference
 * keeps its connection, its port and its visitors; new visitors go to its new service. The others
 * are opened, or are closed while their visitors go on. A tunnel that has ended for good is opened
 * again.
 * New connections begin with the set, except that the list of servers stays the first one.
 *
 * Each worker takes the set in its next turn. `taken` runs when all have, or after wait_ms: then
 * survey_answer is NULL for the workers that take it later. survey_forget cancels `taken`. NULL and
 * *err: out of memory, and nothing has changed. [main] */
struct survey *client_renew(struct client *client, struct plugin_set *set, int64_t wait_ms,
                            void (*taken)(struct survey *survey, void *arg), void *arg,
                            struct err *err);
/* Asks every worker. Each answer that `done` gets is a struct roll. NULL: out of memory. [main] */
struct survey *client_ask(struct client *client, int64_t wait_ms,
                          void (*done)(struct survey *survey, void *arg), void *arg);
/* Closes the control connections; tunnels that share a port leave the share first.
 * on_drained runs on the main loop once no visitor is left.
 * [main] */
void client_drain(struct client *client, void (*on_drained)(void *arg), void *arg);
/* Closes everything and frees the client. NULL is fine. [main] */
void client_stop(struct client *client);

#endif
