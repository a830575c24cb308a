/* asker - asks the service for one worker: a bounded number of requests at a time, a bounded queue
 * behind them, and none while the breaker is open.
 *
 *   asker_send ──▶ queue ──▶ addresses known? breaker closed? ──▶ transfer ──▶ on_answer
 *
 * A question belongs to the caller, who frees it in on_answer() or after asker_withdraw(). */
#ifndef ASKER_H
#define ASKER_H

#include "../common/remote/health.h"
#include "lookup.h"
#include "transfer.h"

/* How a question has ended. The texts of the metric are in the same order. */
enum ask_result {
	ASK_REPLIED, /* with a status and a body */
	ASK_UNREACHABLE,
	ASK_TIMEOUT,
	ASK_UNTRUSTED,
	ASK_TOO_LONG,
	ASK_BROKEN,
	/* not sent */
	ASK_SUSPENDED, /* the breaker is open */
	ASK_BUSY,      /* the queue is full */
	ASK_NO_MEMORY,
	/* decided by the caller: see on_answer */
	ASK_BAD_STATUS,
	ASK_BAD_REPLY,
	ASK_RESULTS
};

struct ask_reply {
	long status;
	spore_str body;    /* valid until on_answer() returns */
	const char *error; /* the reason, if it is not ASK_REPLIED */
};

struct ask {
	char url[SERVICE_URL_MAX];
	spore_str body; /* empty: GET. Borrowed until the end */
	/* Ends the question. Returns the result that was given, or ASK_BAD_STATUS or ASK_BAD_REPLY
	 * for a reply that cannot be used. [worker] */
	enum ask_result (*on_answer)(struct ask *ask, enum ask_result result,
	                             const struct ask_reply *reply);
	/* the asker's */
	struct transfer *transfer; /* owned; NULL: not sent */
	enum breaker_pass pass;
	int64_t started_ms;
	struct ask *next, *previous; /* in the queue, or among those that run */
};

/* What all workers share. */
struct asker_shared {
	const spore_host *host;
	const struct service *service;
	int64_t connect_ms, total_ms;
	size_t max_running, max_waiting; /* on one worker */
	struct health health;
	uint32_t results[ASK_RESULTS], seconds; /* the instance's series of the metrics */
};

struct ask_list {
	struct ask *first, *last;
	size_t n;
};

struct asker {
	struct asker_shared *shared;
	spore_worker *worker;
	struct multi multi;
	struct lookup lookup;
	struct ask_list waiting, running;
	spore_timer next_turn; /* runs in the next turn if questions wait */
};

/* False: out of memory or descriptors, and there is nothing to stop. [worker] */
bool asker_start(struct asker *asker, struct asker_shared *shared, spore_worker *worker);
/* Ends what is left: on_answer() is called with ASK_BROKEN. [worker] */
void asker_stop(struct asker *asker);
/* Asks. Returns ASK_REPLIED if on_answer() will be called, which is never before return.
 * Otherwise it is not called, and the result says why; it has been counted and logged. [worker] */
enum ask_result asker_send(struct asker *asker, struct ask *ask);
/* Takes a question back that has not been sent. True: on_answer() will not be called. [worker] */
bool asker_withdraw(struct asker *asker, struct ask *ask);

#endif
