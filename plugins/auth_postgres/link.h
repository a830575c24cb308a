/* link - a connection to PostgreSQL for one worker, by libpq's functions that do not block. Spore
 * looks up host names, and queries are pipelined. A connection that is lost is opened again after
 * pauses that grow.
 *
 * All steps of connecting run on the instance's threads, because they may take long: the server
 * says how much work a password costs (SCRAM), and libpq reads the password file and the files for
 * TLS. If no thread is free, a step waits for one.
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
	/* [worker] on_open: the link is connected. The callee sends queries that set it up, and
	 * calls link_become_ready() when they have ended. on_result: a result of the oldest query,
	 * borrowed; NULL: the query has ended. on_notice: a message on a channel that the link
	 * listens to. on_lost: an attempt to connect has failed, or with was_ready the connection
	 * is lost, and so are the results that are missing. None of them may call link_stop(). */
	void (*on_open)(void *arg);
	void (*on_result)(void *arg, const PGresult *result);
	void (*on_notice)(void *arg, const char *payload);
	void (*on_lost)(void *arg, const char *why, bool was_ready);
	void *arg;
	/* link's */
	enum link_stage stage;
	PGconn *conn;           /* owned; not to be touched during a step */
	struct link_step *step; /* that runs on a thread, perhaps for an earlier attempt; or NULL */
	int fd; /* a duplicate of libpq's, which libpq may close at any time; -1: none */
	spore_io io;
	spore_timer timer; /* the deadline of a stage, the pause, or the rest of many results */
	spore_timer again; /* a step waits for a thread */
	spore_resolve resolve;
	size_t next_host; /* whose address is to be found next */
	struct link_route route;
	uint32_t events;
	unsigned generation; /* counts attempts. It tells that a callback has ended one */
	unsigned expected;   /* queries whose end has not come */
	unsigned failures;   /* in a row; a connection that ended soon is one, too */
	int64_t ready_ms;
};

/* The caller sets the first members. The first attempt begins in the next turn. False: out of
 * memory, and there is nothing to stop. [worker] */
bool link_start(struct link *link);
/* [worker] */
void link_stop(struct link *link);
/* [worker] */
void link_become_ready(struct link *link);
/* Treats the connection as lost, because the caller cannot use it any more. [worker] */
void link_give_up(struct link *link, const char *why);

/* A query: a prepared statement, or a text if `statement` is NULL. */
struct link_query {
	const char *statement, *text;
	const char *param; /* $1; NULL: there is none */
};

/* Sends a query, which is a transaction of its own. False: it is not sent, because the connection
 * is not open, or has been lost by this. [worker] */
bool link_query(struct link *link, const struct link_query *query);
/* Prepares a statement and asks for its description: the query has two results. [worker] */
bool link_prepare(struct link *link, const char *statement, const char *text);
/* Writes a text of PostgreSQL about an error in one line. [any] */
void link_explain(const char *text, char *out, size_t size);

#endif
