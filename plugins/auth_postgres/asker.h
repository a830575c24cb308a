/* asker - asks PostgreSQL for one worker: queries in a pipeline on one connection, a bounded queue
 * in front of it, a time for each question, and none while the breaker is open.
 *
 *   asker_send ──▶ breaker ──▶ waiting ──▶ link is ready? ──▶ running ──▶ on_row, on_end
 *                                 ▲                              │
 *                                 └───── the connection is lost ─┘
 *
 * Questions only read, so those whose connection is lost are sent again until their time is over. A
 * question belongs to the caller, who frees it in on_end() or after asker_withdraw(). */
#ifndef ASKER_H
#define ASKER_H

#include "../common/pace.h"
#include "../common/remote/breaker.h"
#include "link.h"

/* How a question has ended. The texts of the metric are in the same order. */
enum ask_result {
	ASK_REPLIED,
	ASK_BAD_RECORD, /* rows, but not a record that is understood */
	ASK_REFUSED,    /* PostgreSQL has replied with an error, or with something else */
	ASK_TIMEOUT,
	ASK_STOPPED, /* the instance ends */
	/* not sent */
	ASK_SUSPENDED, /* the breaker is open */
	ASK_BUSY,      /* too many wait */
	ASK_NO_MEMORY,
	ASK_RESULTS
};

enum { ASKER_RUNNING_MAX = 256 };

struct ask {
	const char *text; /* of the query; NULL: the one that is prepared. Borrowed until the end */
	const char *name; /* $1; NULL: there is none. Borrowed until the end */
	/* A row; the first one has the number 0, also if the question is sent again. Optional.
	 * [worker] */
	void (*on_row)(struct ask *ask, const PGresult *row, size_t number);
	/* Ends the question. ASK_REPLIED: all rows have come, n_rows of them. ASK_BAD_RECORD:
	 * PostgreSQL has refused the values of this question. Returns what the reply was worth:
	 * ASK_REPLIED, ASK_BAD_RECORD or ASK_REFUSED; otherwise the result. [worker] */
	enum ask_result (*on_end)(struct ask *ask, enum ask_result result);
	/* the asker's */
	bool is_running;
	enum ask_result result;
	size_t n_rows;
	enum breaker_pass pass;
	int64_t started_ms;
	struct ask *next, *previous;
};

/* How the operator's changes are noticed. */
enum hearing { HEARING_NOTHING, HEARING_POLLS, HEARING_AT_ONCE };

/* What all workers share. The host's series are those of the instance. */
struct asker_shared {
	const spore_host *host;
	spore_ctx *log;
	struct target target;
	int64_t connect_ms, timeout_ms;
	const char *query;
	bool prepares;      /* once for a connection */
	size_t max_waiting; /* on one worker */
	struct breaker breaker;
	struct pace faults;                            /* logged ones */
	uint32_t results[ASK_RESULTS], seconds, state; /* series */
	_Atomic int hearing;                           /* enum hearing */
};

struct ask_list {
	struct ask *first, *last;
	size_t n;
};

struct asker {
	struct asker_shared *shared;
	spore_worker *worker;
	struct link link;
	struct ask_list waiting, running; /* the oldest is the first; those that run are older */
	unsigned n_described;             /* results that have come while the link is set up */
	spore_timer deadline;
	char last_why[LINK_WHY_MAX]; /* logged: why the connection was lost */
	/* The connection is lost; or NULL. [worker] */
	void (*on_lost)(void *arg);
	void *arg;
};

/* False: out of memory, and there is nothing to stop. [worker] */
bool asker_start(struct asker *asker, struct asker_shared *shared, spore_worker *worker);
/* Ends what is left: on_end() is called with ASK_STOPPED. [worker] */
void asker_stop(struct asker *asker);
/* Asks. Returns ASK_REPLIED if on_end() will be called, which is never before return. Otherwise it
 * is not called, and the result says why; it has been counted and logged. [worker] */
enum ask_result asker_send(struct asker *asker, struct ask *ask);
/* Takes a question back that has not been sent. True: on_end() will not be called. [worker] */
bool asker_withdraw(struct asker *asker, struct ask *ask);
/* Shows in the metric and in `spore ctl status` what is so now. [any] */
void asker_show_state(struct asker_shared *shared);
/* Logs a fault of PostgreSQL, at a limited rate. [worker] */
void asker_complain(struct asker_shared *shared, const char *text);

#endif
