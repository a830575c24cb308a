/* pipeline - the questions to a store on one connection of one worker. They wait in a bounded
 * queue, each has a time in which it must end, and none is sent while the breaker is open. The
 * plugin sends the questions, and says how they end.
 *
 *   pipeline_send ──▶ breaker ──▶ waiting ──▶ ops->send ──▶ running ──▶ pipeline_end ──▶ on_end
 *                                    ▲                         │
 *                                    └──── pipeline_lose ──────┘
 *
 * The store replies in the order of the questions. Questions only read, so those whose connection
 * is lost are sent again until their time is over. This code is compiled into each plugin that uses
 * it. */
#ifndef COMMON_PIPELINE_H
#define COMMON_PIPELINE_H

#include "health.h"

enum { PIPELINE_WHY_MAX = 300 };

/* The rows of the options int64_t timeout and max_waiting, and the rows of HEALTH_OPTIONS. */
#define PIPELINE_OPTIONS(conf, store)                                                              \
	SPORE_DURATION(conf, timeout, 0, "\"2s\"", 10, 60000,                                      \
	               "time for a look-up, including the wait for a connection; keep it below "   \
	               "server.auth_timeout"),                                                     \
		SPORE_INT(conf, max_waiting, 0, "2000", 1, 1000000,                                \
	                  "look-ups at a time on each worker; further ones fail"),                 \
		HEALTH_OPTIONS(conf, store)

/* How a question has ended. The texts of the metric are in the same order. */
enum ask_result {
	ASK_REPLIED,
	ASK_BAD_RECORD, /* the store has replied with a record that is not understood */
	ASK_REFUSED,    /* the store has replied with an error, or with something else */
	ASK_TIMEOUT,
	ASK_STOPPED, /* the instance ends */
	/* The question was not accepted (pipeline_send): */
	ASK_SUSPENDED, /* the breaker is open */
	ASK_BUSY,      /* too many questions wait */
	ASK_NO_MEMORY,
	ASK_RESULTS
};

/* One question. It is the first member of a struct of the plugin, which the plugin frees in
 * on_end() or after pipeline_withdraw(). */
struct ask {
	/* The question has ended: with the result and the reply of pipeline_end(), or with another
	 * result and NULL. Returns the result to count: if there was a reply, what it was worth
	 * (ASK_REPLIED, ASK_BAD_RECORD or ASK_REFUSED), otherwise `result`. [worker] */
	enum ask_result (*on_end)(struct ask *ask, enum ask_result result, const void *reply);
	/* the pipeline's */
	bool is_running;
	enum breaker_pass pass;
	int64_t started_ms;
	struct ask *next, *previous;
};

struct pipeline_options {
	struct health_options health;
	const char *requests, *seconds; /* help texts of the two metrics; copied */
	int64_t timeout_ms;             /* of one question */
	int64_t max_waiting;            /* on one worker */
};

/* What all workers share. */
struct pipeline_shared {
	struct health health;
	int64_t timeout_ms;
	size_t max_waiting;
	uint32_t results[ASK_RESULTS], seconds; /* series */
};

/* The plugin's functions, with its state on one worker. */
struct pipeline_ops {
	/* Sends a question, after those that were sent before. False: the question must wait until
	 * pipeline_resume(). May call pipeline_lose(). [worker] */
	bool (*send)(void *arg, struct ask *ask);
	/* The replies come too late: leaves the connection and calls pipeline_lose(). [worker] */
	void (*give_up)(void *arg, const char *why);
	size_t max_running; /* questions that are sent and have not ended */
};

struct ask_list {
	struct ask *first, *last;
	size_t n;
};

struct pipeline {
	struct pipeline_shared *shared;
	spore_worker *worker;
	const struct pipeline_ops *ops;
	void *arg;
	/* the pipeline's */
	/* The oldest is the first. All that run are older than those that wait. */
	struct ask_list waiting, running;
	spore_timer deadline;
	char last_why[PIPELINE_WHY_MAX]; /* why the connection was lost, as logged last */
};

/* Also adds the metrics, and warns if clients do not wait as long as timeout_ms. [main], in
 * create() */
void pipeline_init(struct pipeline_shared *shared, const spore_create_args *args,
                   const struct pipeline_options *options);
/* Accepts a zeroed struct. [main] */
void pipeline_fini(struct pipeline_shared *shared);

/* The first members are set by the caller. False: out of memory, and there is nothing to stop.
 * [worker] */
bool pipeline_start(struct pipeline *pipeline);
/* Ends all questions that have no reply: on_end() gets ASK_STOPPED. [worker] */
void pipeline_stop(struct pipeline *pipeline);

/* Accepts the question, and sends it as soon as a connection is ready. Returns ASK_REPLIED, which
 * here only says that the question was accepted: on_end() will be called, but not before this
 * function has returned. Any other result says why the question was not accepted. It has been
 * counted and logged, and on_end() is not called. [worker] */
enum ask_result pipeline_send(struct pipeline *pipeline, struct ask *ask);
/* Takes a question back that has not been sent. True: on_end() will not be called. [worker] */
bool pipeline_withdraw(struct pipeline *pipeline, struct ask *ask);

/* A connection is ready. Sends the questions that wait. [worker] */
void pipeline_resume(struct pipeline *pipeline);
/* The oldest question that was sent, to which the next reply belongs; NULL: there is none.
 * [worker] */
struct ask *pipeline_oldest(const struct pipeline *pipeline);
/* Ends that question. [worker] */
void pipeline_end(struct pipeline *pipeline, enum ask_result result, const void *reply);
/* The connection is lost, or, without was_ready, an attempt to connect has failed. `where`: the
 * place of the store, for the log; NULL: `why` names it. [worker] */
void pipeline_lose(struct pipeline *pipeline, const char *where, const char *why, bool was_ready);

#endif
