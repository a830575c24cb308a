/* server_house - a worker of the server in this process, with real plugins and sockets of loopback:
 * the part of a server that strangers reach. Its loop runs when it is told to, and only until
 * nothing is ready any more. */
#ifndef SERVER_HOUSE_H
#define SERVER_HOUSE_H

#include "session/context.h"

/* How a house lets in, and on what it speaks. */
struct house_plan {
	const char *config; /* JSON */
	/* Answers that are right: secrets of the chain's hmac instances, or texts as they are. */
	const char *const *answers;
	unsigned n_answers;
	bool hmac;                 /* the answers are secrets; nobody gets far without one */
	bool coded;                /* by the transport xor, with HOUSE_XOR_KEY */
	const char *identities[2]; /* of whom it lets in */
};

/* Of the plans' transport xor, and the byte that it greets with. */
enum { HOUSE_XOR_KEY = 90, HOUSE_XOR_GREETING = 0x58 };
/* The range of its public ports has holes: its control port in it, and a reserved one. */
enum { HOUSE_FIRST_PORT = 7834, HOUSE_CONTROL_PORT = 7835, HOUSE_LAST_PORT = 7838 };

extern const struct house_plan house_plans[];
extern const unsigned house_n_plans;

enum { HOUSE_MAX_PLANS = 16, HOUSE_MOST_FDS = 128 };

struct house {
	spore_addr
		address; /* of control and public ports; this process's own, so that many may run */
	struct loop *loop;
	struct metrics *metrics;
	struct registry registry;
	struct retirer *retirer; /* what it adopts stays */
	struct plugin_set *sets[HOUSE_MAX_PLANS];
	ev_check turn;
	ev_idle idle;
	unsigned turns;
	bool quiet;
	/* What follows is made anew for each input. */
	const struct house_plan *plan;
	const struct plugin_set *set;
	struct server_shared shared;
	struct server_worker worker;
	bool is_open[HOUSE_MOST_FDS]; /* the descriptors at the start */
};

/* Once. What it holds stays for the life of the process. */
void house_init(struct house *house);
/* A server that has just started. */
void house_open(struct house *house, unsigned plan);
/* Runs until nothing is ready; starved: without a descriptor to spare. */
void house_run(struct house *house);
void house_run_starved(struct house *house);
/* Calls fn as the worker does: plugins may stop their timers only on its loop. */
void house_call(struct house *house, void (*fn)(struct house *house, void *arg), void *arg);
/* Time passes, and what it brings happens. */
void house_pass(struct house *house, int64_t ms);
void house_drain(struct house *house);
/* Everybody has left: it comes back to its start, or the check fails. */
void house_settle(struct house *house);
/* The server ends, whoever is there. */
void house_end(struct house *house);
/* It has ended, and all have left: there is nothing that is not as before house_open, or the check
 * fails. */
void house_close(struct house *house);

#endif
