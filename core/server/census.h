/* census - what a worker has open at one moment, copied so that another thread may read it; and
 * what an operator wants ended there. */
#ifndef CORE_CENSUS_H
#define CORE_CENSUS_H

#include <spore/base.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"

struct worker;

enum { CENSUS_TUNNELS = 1, CENSUS_RELAYS = 2 };

/* The most bytes of an identity that are shown, with its NUL. */
enum { CENSUS_IDENTITY_SIZE = 128 };

struct census_question {
	unsigned what; /* CENSUS_*: to be listed */
	size_t most;   /* of each, in the list */
	uint64_t kick; /* the tunnel or the visitor of this id is to end; 0: none */
};

struct census_tunnel {
	uint64_t id;
	uint16_t port;
	bool beats; /* its client is one of ours, which sends heartbeats */
	spore_addr client;
	int64_t age_ms;             /* under its owner; the counts below are of the same time */
	unsigned visitors, pending; /* now: waiting or carried, and of them those that wait */
	uint64_t visitors_all, bytes_up, bytes_down;
	char identity[CENSUS_IDENTITY_SIZE]; /* cut */
};

/* A visitor that is carried. The identity is its tunnel's. */
struct census_relay {
	uint64_t id, tunnel;
	uint16_t port;
	spore_addr visitor;
	int64_t age_ms, idle_ms;
	uint64_t bytes_up, bytes_down;
};

struct census {
	unsigned n_tunnels, n_relays, n_strangers; /* that are there */
	struct loop_vitals vitals;
	size_t tunnels_shown, relays_shown;
	struct census_tunnel *tunnels; /* owned; NULL unless asked for */
	struct census_relay *relays;
	unsigned tunnels_ended, relays_ended; /* the kick's */
};

/* NULL: out of memory; then nothing was ended. [worker] */
struct census *census_take(struct worker *worker, const struct census_question *question);
/* [any] */
void census_free(struct census *census);

#endif
