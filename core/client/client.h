/* client - `spore local`: keeps the control connections of the configured tunnels, and carries the
 * visitors that the server announces on them. */
#ifndef CORE_CLIENT_CLIENT_H
#define CORE_CLIENT_CLIENT_H

#include <stdbool.h>

#include "chain/plugin_set.h"
#include "client/exit.h"

struct client;
struct metrics;
struct resolver;

struct client_env {
	/* All are borrowed and outlive the client. */
	struct plugin_set *set;
	struct metrics *metrics;
	struct resolver *resolver;
	struct loop *main_loop;
	struct loop *const *loops; /* of the workers; they run */
	unsigned n_workers;
	/* Runs on the main loop, once, when all tunnels have ended for good. */
	void (*on_exit)(enum client_exit status, void *arg);
	void *arg;
};

/* Starts all tunnels. NULL: out of memory. [main] */
struct client *client_start(const struct client_env *env);
/* Closes the control connections. on_drained runs on the main loop once no visitor is left.
 * [main] */
void client_drain(struct client *client, void (*on_drained)(void *arg), void *arg);
/* Closes everything and frees the client. NULL is fine. [main] */
void client_stop(struct client *client);

#endif
