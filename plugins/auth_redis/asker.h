/* asker - asks Redis for one worker: commands in a pipeline on one connection to the primary.
 *
 *   asker_send ──▶ pipeline (plugins/common/remote) ──▶ primary ──▶ on_end
 *
 * If a Sentinel says that the primary is at another place, the askers of all workers go there. */
#ifndef ASKER_H
#define ASKER_H

#include "../common/remote/pipeline.h"
#include "primary.h"

enum { COMMAND_WORDS_MAX = 6 };

/* A command for Redis. on_end() gets its redisReply with ASK_REPLIED. */
struct command {
	struct ask ask;
	spore_str words[COMMAND_WORDS_MAX]; /* borrowed until the end */
	int n_words;
};

/* What all workers share. */
struct asker_shared {
	const spore_host *host;
	struct pipeline_shared pipeline;
	struct primary_conf primary;
	pthread_mutex_t lock;    /* of the two below */
	struct asker *askers;    /* of all workers */
	struct place primary_at; /* where a Sentinel says that it is now */
};

struct asker {
	struct asker_shared *shared;
	spore_worker *worker;
	struct primary primary;
	struct pipeline pipeline;
	struct asker *next; /* of another worker */
	/* Called when the connection is lost; NULL: not called. [worker] */
	void (*on_lost)(void *arg);
	void *arg;
};

/* False: out of memory, and there is nothing to stop. [worker] */
bool asker_start(struct asker *asker, struct asker_shared *shared, spore_worker *worker);
/* Does the same as pipeline_stop(). [worker] */
void asker_stop(struct asker *asker);
/* Does the same as pipeline_send(). [worker] */
enum ask_result asker_send(struct asker *asker, struct command *command);
/* Does the same as pipeline_withdraw(). [worker] */
bool asker_withdraw(struct asker *asker, struct command *command);
/* A Sentinel says that the primary is at another place: all workers go there. [any] */
void asker_move_all(struct asker_shared *shared, const struct place *place);

#endif
