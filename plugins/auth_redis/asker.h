/* asker - asks Redis for one worker: commands in a pipeline on one connection, a bounded queue in
 * front of it, a time for each question, and none while the breaker is open.
 *
 *   asker_send ──▶ breaker ──▶ waiting ──▶ primary is ready? ──▶ running ──▶ on_reply
 *                                 ▲                                │
 *                                 └────── the connection is lost ──┘
 *
 * Questions only read, so those whose connection is lost are sent again until their time is over. A
 * question belongs to the caller, who frees it in on_reply() or after asker_withdraw(). */
#ifndef ASKER_H
#define ASKER_H

#include "../common/pace.h"
#include "../common/remote/breaker.h"
#include "primary.h"

/* How a question has ended. The texts of the metric are in the same order. */
enum ask_result {
	ASK_REPLIED,
	ASK_BAD_RECORD, /* a reply, but a record that is not understood */
	ASK_REFUSED,    /* Redis has replied with an error, or with something else */
	ASK_TIMEOUT,
	ASK_STOPPED, /* the instance ends */
	/* not sent */
	ASK_SUSPENDED, /* the breaker is open */
	ASK_BUSY,      /* too many wait */
	ASK_NO_MEMORY,
	ASK_RESULTS
};

enum { ASK_WORDS_MAX = 6, ASKER_RUNNING_MAX = 1000 };

struct ask {
	spore_str words[ASK_WORDS_MAX]; /* the command; borrowed until the end */
	int n_words;
	/* Ends the question. With ASK_REPLIED there is a reply, and it returns what the reply is
	 * worth: ASK_REPLIED, ASK_BAD_RECORD or ASK_REFUSED. Otherwise the reply is NULL, and it
	 * returns the result. [worker] */
	enum ask_result (*on_reply)(struct ask *ask, enum ask_result result,
	                            const redisReply *reply);
	/* the asker's */
	bool is_running;
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
	struct primary_conf primary;
	int64_t timeout_ms;
	size_t max_waiting; /* on one worker */
	struct breaker breaker;
	struct pace faults;                            /* logged ones */
	uint32_t results[ASK_RESULTS], seconds, state; /* series */
	_Atomic int hearing;                           /* enum hearing */
	pthread_mutex_t lock;                          /* of the two below */
	struct asker *askers;                          /* of all workers */
	struct place primary_at;                       /* where a Sentinel says that it is now */
};

struct ask_list {
	struct ask *first, *last;
	size_t n;
};

struct asker {
	struct asker_shared *shared;
	spore_worker *worker;
	struct primary primary;
	struct ask_list waiting, running; /* the oldest is the first; those that run are older */
	spore_timer deadline;
	char last_why[CONN_WHY_MAX]; /* logged: why the connection was lost */
	struct asker *next;          /* of another worker */
	/* The connection is lost; or NULL. [worker] */
	void (*on_lost)(void *arg);
	void *arg;
};

/* False: out of memory, and there is nothing to stop. [worker] */
bool asker_start(struct asker *asker, struct asker_shared *shared, spore_worker *worker);
/* Ends what is left: on_reply() is called with ASK_STOPPED. [worker] */
void asker_stop(struct asker *asker);
/* Asks. Returns ASK_REPLIED if on_reply() will be called, which is never before return. Otherwise
 * it is not called, and the result says why; it has been counted and logged. [worker] */
enum ask_result asker_send(struct asker *asker, struct ask *ask);
/* Takes a question back that has not been sent. True: on_reply() will not be called. [worker] */
bool asker_withdraw(struct asker *asker, struct ask *ask);
/* A Sentinel says that the primary is at another place: all workers go there. [any] */
void asker_move_all(struct asker_shared *shared, const struct place *place);
/* Shows in the metric and in `spore ctl status` what is so now. [any] */
void asker_show_state(struct asker_shared *shared);
/* Logs a fault of Redis, at a limited rate. [worker] */
void asker_complain(struct asker_shared *shared, const char *text);

#endif
