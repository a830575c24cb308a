/* asker - asks PostgreSQL for one worker: queries in a pipeline on one connection, on which the
 * operator's query has been prepared.
 *
 *   asker_send ──▶ pipeline (plugins/common/remote) ──▶ link ──▶ on_row, on_end */
#ifndef ASKER_H
#define ASKER_H

#include "../common/remote/pipeline.h"
#include "link.h"

/* A query. on_end() gets ASK_REPLIED if all n_rows rows have come, or ASK_BAD_RECORD if PostgreSQL
 * has refused the values of this query. It never gets a reply, since on_row() has had the rows. */
struct query {
	struct ask ask;
	const char *text; /* NULL: the one that is prepared. Borrowed until the end */
	const char *name; /* $1; NULL: there is none. Borrowed until the end */
	/* Called for each row. The first row has the number 0, also when the query has been sent
	 * again. Optional. [worker] */
	void (*on_row)(struct query *query, const PGresult *row, size_t number);
	/* the asker's */
	enum ask_result result;
	size_t n_rows;
};

/* What all workers share. */
struct asker_shared {
	const spore_host *host;
	struct pipeline_shared pipeline;
	struct target target;
	int64_t connect_ms;
	const char *query;
	bool prepares;           /* each connection prepares the query once */
	struct pace other_names; /* of log lines about rows of other clients */
};

struct asker {
	struct asker_shared *shared;
	spore_worker *worker;
	struct link link;
	struct pipeline pipeline;
	unsigned n_described; /* results that have come while the link is set up */
	/* Called when the connection is lost; NULL: not called. [worker] */
	void (*on_lost)(void *arg);
	void *arg;
};

/* False: out of memory, and there is nothing to stop. [worker] */
bool asker_start(struct asker *asker, struct asker_shared *shared, spore_worker *worker);
/* Does the same as pipeline_stop(). [worker] */
void asker_stop(struct asker *asker);
/* Does the same as pipeline_send(). [worker] */
enum ask_result asker_send(struct asker *asker, struct query *query);
/* Does the same as pipeline_withdraw(). [worker] */
bool asker_withdraw(struct asker *asker, struct query *query);

#endif
