/* instance - one configured component: its life on the control thread and on each worker, and what
 * the host lends to it.
 *
 *   instance_new ─▶ instance_start ─▶ instance_await ─▶ in use
 *                ─▶ last instance_unref ─▶ instance_stop ─▶ instance_free
 *
 * Timers, watchers, look-ups, posts and jobs belong to an instance on a worker. So whatever a
 * plugin forgets is found, logged and released when the instance stops. */
#ifndef CORE_INSTANCE_H
#define CORE_INSTANCE_H

#include <pthread.h>
#include <spore/plugin.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/crypto.h"
#include "base/err.h"
#include "base/list.h"
#include "files/files.h"
#include "host/hand_on.h"
#include "host/listeners.h"
#include "host/meter.h"
#include "host/refusals.h"
#include "host/revisions.h"
#include "log/pace.h"

/* See struct instance. */
#define INSTANCE_CLOSED (1u << 31)

struct json;
struct json_doc;
struct last_good;
struct loaded;
struct loop;
struct poller;
struct pool;
struct resolver;

/* Something that the host lends to an instance on a worker, embedded in it. [worker] */
struct lent {
	struct list node; /* in spore_worker.lent */
	void (*release)(struct lent *lent);
};

enum worker_stage {
	WORKER_IDLE,    /* before worker_start, or after its failure; the state is not set */
	WORKER_WAITING, /* worker_start has returned SPORE_EPENDING */
	WORKER_READY,
	WORKER_FAILED /* complete_start has reported a failure */
};

/* An instance on one worker. The SDK calls it spore_worker. */
struct spore_worker {
	struct instance *instance;
	struct loop *loop;     /* borrowed: outlives it; NULL: not started here; [control] */
	void *state;           /* argument of the plugin's [worker] functions */
	struct list lent;      /* of struct lent; [worker] */
	struct poller *poller; /* owned; of its watchers; made on first use; [worker] */
	atomic_int stage;      /* enum worker_stage; set on the worker */
	spore_status status;   /* why it is not ready; set before the stage */
	spore_ticket ticket;   /* of worker_start; [worker] */
};

/* The SDK calls a pointer to it spore_ctx. */
struct instance {
	const spore_component *component;
	const struct loaded *plugin; /* borrowed: never unloaded */
	const char *name;            /* from guest_name: outlives the instance */
	void *conf;                  /* owned; filled by the component's option table */
	const struct json *raw;      /* borrowed from the config, which outlives the instance */
	struct json_doc *doc;        /* the values of its options live in it */
	struct json_doc *own_doc;    /* owned; equals `doc`; NULL: `doc` is the config's */
	struct files files;          /* that it has read; in `doc` */
	struct resolver *resolver;   /* borrowed: outlives the instance */
	void *self;                  /* the plugin's */
	struct pool *pool; /* owned; runs its jobs and blocking calls; made on first use */
	pthread_mutex_t pool_lock;
	struct spore_worker *workers; /* owned; n_workers of them */
	unsigned n_workers;
	atomic_uint work;   /* posts and jobs that must still run; INSTANCE_CLOSED: no new ones */
	int64_t drained_ms; /* when worker_drain had run on all workers; 0: not yet; [control] */
	bool continue_on_error;                   /* "on_error": "next" */
	struct last_good *last_good;              /* ref; "on_error": "last_good"; else NULL */
	uint8_t config_stamp[CRYPTO_SHA256_SIZE]; /* if last_good: see chain/config_stamp */
	int64_t last_good_ms;                     /* how long its entries are good */
	struct pace rechecks;          /* of log lines about data connections let in by it */
	uint32_t challenge;            /* auth: what needs_challenge() has returned */
	struct revisions revisions;    /* auth: of what it has granted */
	struct listener_use listeners; /* [control] */
	atomic_uint refs;
	/* Called on the thread that gives back the last reference. */
	void (*on_unused)(struct instance *instance, void *arg);
	void *unused_arg;
	struct hand_on hand_on; /* what its plugin hands on */
	pthread_mutex_t state_lock;
	char *state; /* owned; what it shows to the operator; NULL: nothing; under the lock */
	struct meter meter;
	struct refusals refusals; /* of an access list; else without series */
	struct pace faults;       /* of the log lines about what it did wrong with a connection */
};

struct instance_spec {
	const spore_component *component;
	const struct loaded *plugin;
	const char *name;
	void *conf; /* taken, also on failure */
	const struct json *raw;
	struct json_doc *doc; /* see struct instance, as for the next */
	struct files files;
	const void *previous;     /* `self` of the instance that this one replaces, or NULL */
	struct hand_on *inherits; /* the store of the instance of this name that it replaces, also
	                           * if that one has other code; or NULL */
	uint32_t role;            /* SPORE_ROLE_* */
	uint32_t point;           /* SPORE_ACL_AT_* of an access list, else 0 */
	/* What create() is told of the rest of the configuration; borrowed. */
	const char *const *conn_attrs;
	bool may_be_secure;
	spore_list public_ports; /* of spore_port_range */
	int64_t auth_timeout_ms;
	const spore_host *host;
	struct metrics *metrics;
	struct resolver *resolver;
	/* Gets the mistakes that create() reports; `pointer` is relative to the instance. */
	void (*report)(void *arg, const char *pointer, const char *text);
	void *report_arg;
};

/* Runs create(). The caller gets the reference. NULL and *err on failure; the error is empty if the
 * plugin has reported mistakes. [control] */
struct instance *instance_new(const struct instance_spec *spec, unsigned n_workers,
                              struct err *err);
/* Runs worker_start on each of the loops, which must be running, and waits until it returns. False
 * and *err: it failed. After a failure call instance_stop. [control] */
bool instance_start(struct instance *instance, struct loop *const *loops, struct err *err);

/* How long to wait for something. */
struct patience {
	int64_t until_ms; /* on the clock of clock_ms */
	/* Becomes true if nobody needs the result any more. NULL: this does not happen. */
	const atomic_bool *is_at_end;
};

/* Waits until the instance is ready on all workers where instance_start has started it. False and
 * *err: it has failed, or it took too long. Call instance_stop then. [control] */
bool instance_await(struct instance *instance, const struct patience *patience, struct err *err);
/* Runs worker_drain on all workers that are ready, then worker_stop on all that have a state.
 * False: work is still in flight and nothing may be freed; call it again later. [control] */
bool instance_stop(struct instance *instance);
/* Runs destroy() and frees. The instance must be stopped or never started. NULL is fine.
 * [control] */
void instance_free(struct instance *instance);

/* [any]; NULL is fine for both. */
struct instance *instance_ref(struct instance *instance);
void instance_unref(struct instance *instance);

/* The configuration of the instance if the calling thread is in its create(), else NULL. [any] */
const struct json *instance_in_create(const spore_ctx *ctx);
/* The argument of calls on this worker. [worker] */
void *instance_state(const struct instance *instance, const struct loop *loop);
/* The pool for its blocking work; NULL: out of memory. [any] */
struct pool *instance_pool(struct instance *instance);

/* Counts a post or job that must run before worker_stop. False: the instance is stopping, and
 * nothing was counted. [any] */
bool instance_enter(struct spore_worker *worker);
/* The post or job has ended. [any] */
void instance_leave(struct spore_worker *worker);

/* Shows this text to the operator from now on, cut at SPORE_STATE_MAX bytes; empty: none. False:
 * out of memory. [any] */
bool instance_show(struct instance *instance, spore_str text);
/* Writes the text that it shows; empty: none. [any] */
void instance_read_state(const struct instance *instance, char text_out[SPORE_STATE_MAX + 1]);

static inline struct instance *instance_of(const spore_ctx *ctx)
{
	return (struct instance *)(uintptr_t)ctx;
}

/* The worker's number. */
static inline uint32_t instance_worker_index(const struct spore_worker *worker)
{
	return (uint32_t)(worker - worker->instance->workers);
}

#endif
