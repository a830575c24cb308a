/* client - `spore local`: keeps the configured tunnels' control connections, and carries a visitor
 * for each connection that the server announces. */
#ifndef CORE_CLIENT_H
#define CORE_CLIENT_H

#include <stdbool.h>

#include "chain/plugin_set.h"

struct client;
struct metrics;
struct resolver;

/* Why the client ended: its exit status. */
enum client_exit {
	CLIENT_ENDED = 0,
	CLIENT_FAILED = 1,
	CLIENT_NOT_AUTHENTICATED = 3,
	CLIENT_PORT_REFUSED = 4
};

struct client_env {
	struct plugin_set *set; /* borrowed, all of them: they outlive the client */
	struct metrics *metrics;
	struct resolver *resolver;
	struct loop *main_loop;
	struct loop *const *loops; /* the workers', running */
	unsigned n_workers;
	/* Runs on the main loop, once, when the client cannot go on. */
	void (*on_exit)(enum client_exit status, void *arg);
	void *arg;
};

/* Starts to connect. NULL: out of memory. [main] */
struct client *client_start(const struct client_env *env);
/* Closes the control connections; on_drained runs on the main loop once nothing is carried. [main]
 */
void client_drain(struct client *client, void (*on_drained)(void *arg), void *arg);
/* Ends everything and frees it. NULL is fine. [main] */
void client_stop(struct client *client);

#endif
