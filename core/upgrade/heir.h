/* heir - a server that was started by another one to take its place (upgrade/upgrade): what it gets
 * from that one, and what it tells it.
 *
 *   heir_take ─▶ loads all, as at any start ─▶ heir_await ─▶ serves ─▶ heir_tell_serving
 *   listening sockets                          public ports, bans
 *
 * Until heir_await has returned, the other server serves, so this one must not accept anything.
 * [main] */
#ifndef CORE_HEIR_H
#define CORE_HEIR_H

#include <stdbool.h>

#include "base/err.h"
#include "keep/elders.h"

struct activation;
struct server;

struct heir {
	int fd; /* of the channel; -1: this server is none, or has told all */
	bool is_one;
	bool is_serving;         /* the other server knows */
	bool is_fixed;           /* the control port is a service manager's */
	int admin;               /* the admin socket, owned; -1: none */
	int elders[ELDERS_MOST]; /* channels of keep/elders, owned; newest first */
	unsigned n_elders;
	int state; /* as of upgrade/state, owned; -1: none */
	char *use; /* what identities use, as of state_read_use, owned; NULL: not known */
};

/* If another server checks this program, tells it that this is one that knows upgrades. Removes the
 * variable. Call it before another thread or program starts. */
void heir_introduce(void);
/* Finds out from the environment whether this server is an heir, and takes the listening sockets,
 * those of the control port into `activation`. If that fails, its `err` says why. Removes the
 * variable. Call it before another thread or program starts. */
void heir_take(struct heir *heir, struct activation *activation);
/* Says that all is loaded, waits until the other server has given up its ports, and takes the
 * public ones, and visitors, into `activation`, and what identities use. False and *err: it has
 * not, or a signal has come. */
bool heir_await(struct heir *heir, struct activation *activation, struct err *err);
/* The server has started: adds the bans of the other one, and waits until that has left.
 * Then this process is the main one of the service. */
void heir_tell_serving(struct heir *heir, struct server *server);
/* Another server has taken the place of this one: its end is none of the service. Harmless if it is
 * no heir. */
void heir_tell_upgraded(struct heir *heir);
/* The server has not started: the other one goes on. Harmless if it is no heir, or has started. */
void heir_tell_failure(struct heir *heir, const char *why);
/* Closes what is left. Idempotent. */
void heir_close(struct heir *heir);

#endif
