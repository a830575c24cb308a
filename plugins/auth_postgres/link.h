/* link - a connection to PostgreSQL for one worker, by libpq's functions that do not block: host
 * names are looked up by the host, queries are pipelined, and a connection that is lost is opened
 * again after pauses that grow. All steps of connecting run on the instance's threads, since the
 * server says how much a password costs (SCRAM), and libpq reads files: the password file, and
 * those for TLS. A step for which no thread is free waits.
 *
 *   idle ──▶ find (host names) ──▶ connect ──▶ set up ──▶ ready
 *    ▲          └───────────────────┴────────────┴──────────┘
 *    └───────── the pause, after on_lost */
#ifndef LINK_H
#define LINK_H

#include <libpq-fe.h>
#include <spore/host.h>
#include <stdbool.h>

#include "target.h"

enum {
	LINK_PAUSE_MIN_MS = 20,
	LINK_PAUSE_MAX_MS = 1000,
	LINK_WHY_MAX = 300,
	LINK_ADDRESSES_MAX = 24, /* that one attempt tries */
	LINK_RESULTS_MAX = 32,   /* that one turn of the loop takes */
};

enum link_stage { LINK_IDLE, LINK_FIND, LINK_CONNECT, LINK_SET_UP, LINK_READY };

struct link_step;

/* Lists for libpq, separated by commas. */
struct link_route {
	char hosts[LINK_ADDRESSES_MAX * (TARGET_HOST_MAX + 1)];
	char addresses[LINK_ADDRESSES_MAX * 64];
	char ports[LINK_ADDRESSES_MAX * 8];
	size_t n;
};

struct link {
	const spore_host *host;
	spore_worker *worker;
	const struct target *target;
	int64_t connect_ms;
	/* [worker] on_open: it is connected; the callee sends what sets it up, and calls
	 * link_become_ready() when it is. on_result: a result of the oldest query, borrowed; NULL:
	 * the query has ended. on_notice: a message on a channel that is listened to. on_lost: an
	 * attempt has failed, or the connection is lost; results that are missing will not come.
	 * None of them may call link_stop(). */
	void (*on_open)(void *arg);
	void (*on_result)(void *arg, const PGresult *result);
	void (*on_notice)(void *arg, const char *payload);
	void (*on_lost)(void *arg, const char *why, bool was_ready);
	void *arg;
	/* link's */
	enum link_stage stage;
	PGconn *conn;           /* owned; not to be touched during a step */
	struct link_step *step; /* under way, perhaps of an attempt that has ended; NULL: none */
	int fd; /* a duplicate of libpq's, which libpq may close at any time; -1: none */
	spore_io io;
	spore_timer timer; /* the deadline of a stage, the pause, or the rest of many results */
	spore_timer again; /* a step waits for a thread */
	spore_resolve resolve;
	size_t next_host; /* whose address is to be found next */
	struct link_route route;
	uint32_t events;
	unsigned generation; /* counts attempts, so that a callback that ends one is noticed */
	unsigned expected;   /* queries whose end has not come */
	unsigned failures;   /* in a row; a connection that does not last is one, too */
	int64_t ready_ms;
};

/* The first members are set by the caller. Begins in the next turn. False: out of memory, and there
 * is nothing to stop. [worker] */
bool link_start(struct link *link);
/* [worker] */
void link_stop(struct link *link);
/* [worker] */
void link_become_ready(struct link *link);
/* The caller has seen that the connection is worth nothing: as if it was lost. [worker] */
void link_give_up(struct link *link, const char *why);

/* A query: a prepared statement, or a text if `statement` is NULL. */
struct link_query {
	const char *statement, *text;
	const char *param; /* $1; NULL: there is none */
};

/* Sends a query, which is a transaction of its own. False: it is not sent, and the connection is
 * not open, or lost now. [worker] */
bool link_query(struct link *link, const struct link_query *query);
/* Prepares a statement and asks for its description: the query has two results. [worker] */
bool link_prepare(struct link *link, const char *statement, const char *text);
/* PostgreSQL's text about an error, in one line. [any] */
void link_explain(const char *text, char *out, size_t size);

#endif
