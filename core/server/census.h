/* census - copies what a worker has open at one moment, for other threads to read, and ends what an
 * operator kicks. */
#ifndef CORE_CENSUS_H
#define CORE_CENSUS_H

#include <spore/auth.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "choose/chooser.h"
#include "loop/loop.h"
#include "quota/kick.h"
#include "route/names.h"
#include "session/entry.h"
#include "session/tunnel.h"
#include "usage/usage.h"
#include "wire/about.h"

struct server_worker;

enum { CENSUS_TUNNELS = 1, CENSUS_RELAYS = 2 };

/* Of the text of an identity, with its NUL. */
enum { CENSUS_IDENTITY_SIZE = SPORE_IDENTITY_MAX + 1 };

enum { CENSUS_ENTRY_SIZE = 64 };

struct census_question {
	unsigned what;    /* bits of CENSUS_*: list these */
	size_t most;      /* list at most this many of each */
	struct kick kick; /* if given: end these tunnels and relays, after they are copied */
};

struct census_tunnel {
	uint64_t id;
	uint16_t port;
	bool beats;  /* the client sends heartbeats */
	bool shared; /* the port belongs to other clients, too */
	spore_addr client;
	int64_t age_ms;                                   /* since the tunnel was opened */
	unsigned visitors;                                /* now, waiting or carried */
	unsigned pending;                                 /* visitors that wait */
	uint64_t visitors_all, bytes_up, bytes_down;      /* under the present owner */
	uint64_t used[USE_PERIODS], allowed[USE_PERIODS]; /* of its identity; USE_UNLIMITED: all */
	struct tunnel_readiness readiness;
	char identity[CENSUS_IDENTITY_SIZE];
	/* The entry of "public" that the next visitor passes: its name, perhaps cut, or its place;
	 * "": none */
	char entry[CENSUS_ENTRY_SIZE];
	/* Why access lists deny its client since a reload, so that it serves no new visitor; "":
	 * they do not */
	char denial[ENTRY_DENIAL_SIZE];
	char names[NAMES_LIST_SIZE]; /* the host names that it holds: see names_claim_list */
	const char *refusing;        /* static: see tunnel_refusing; NULL: nothing */
	struct about about;          /* a copy of what the client says; nothing if memory was out */
};

/* A visitor that is carried. */
struct census_relay {
	uint64_t id, tunnel;
	uint16_t port;
	spore_addr visitor;
	int64_t age_ms, idle_ms;
	uint64_t bytes_up, bytes_down;
	/* The owner of the tunnel when the visitor came. The tunnel may have ended since. */
	char identity[CENSUS_IDENTITY_SIZE];
};

struct census {
	unsigned n_tunnels, n_relays, n_strangers;
	unsigned n_denied;   /* tunnels whose clients access lists deny since a reload */
	unsigned n_refusing; /* tunnels whose visitors a limit of their identity refuses */
	struct loop_vitals vitals;
	size_t tunnels_shown, relays_shown;
	struct census_tunnel *tunnels; /* owned, tunnels_shown of them */
	struct census_relay *relays;   /* owned, relays_shown of them */
	struct chooser_view *choosers; /* owned, n_choosers of them */
	size_t n_choosers;
	struct kicked kicked;
};

/* NULL: out of memory; nothing was ended. [worker] */
struct census *census_take(struct server_worker *worker, const struct census_question *question);
/* [any] */
void census_free(struct census *census);

#endif
