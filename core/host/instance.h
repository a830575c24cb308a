/* instance - one configured component: its life on main and on each worker, and what the host lends
 * to it.
 *
 *   instance_new ─▶ instance_start ─▶ in use ─▶ last instance_unref ─▶ instance_stop ─▶
 *   instance_free
 *
 * Timers, watchers, look-ups, posts and jobs belong to an instance on a worker. So whatever a
 * plugin forgets is found, logged and released when the instance stops. */
#ifndef CORE_INSTANCE_H
#define CORE_INSTANCE_H

#include <pthread.h>
#include <spore/plugin.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/list.h"
#include "host/listeners.h"
#include "host/meter.h"
#include "log/pace.h"

struct json;
struct loaded;
struct loop;
struct pool;
struct resolver;

/* Something that the host lends to an instance on a worker, embedded in it. [worker] */
struct lent {
	struct list node; /* in spore_worker.lent */
	void (*release)(struct lent *lent);
};

/* An instance on one worker. The SDK calls it spore_worker. */
struct spore_worker {
	struct instance *instance;
	struct loop *loop;    /* borrowed: outlives it; NULL: not started here */
	void *state;          /* argument of the plugin's [worker] functions */
	struct list lent;     /* of struct lent; [worker] */
	pthread_mutex_t lock; /* guards in_flight and stopping */
	unsigned in_flight;   /* posts and jobs that must still run here */
	bool stopping;
	bool started;
};

/* The SDK calls a pointer to it spore_ctx. */
struct instance {
	const spore_component *component;
	const struct loaded *plugin; /* borrowed: never unloaded */
	const char *name;            /* from guest_name: outlives the instance */
	void *conf;                  /* owned; filled by the component's option table */
	const struct json *raw;      /* borrowed from the config, which outlives the instance */
	struct resolver *resolver;   /* borrowed: outlives the instance */
	void *self;                  /* the plugin's */
	struct pool *pool; /* owned; runs its jobs and blocking calls; made on first use */
	pthread_mutex_t pool_lock;
	struct spore_worker *workers; /* owned; n_workers of them */
	unsigned n_workers;
	bool continue_on_error;        /* "on_error": "next" */
	bool needs_challenge;          /* auth: the instance judges by the answer to a challenge */
	struct listener_use listeners; /* [main] */
	atomic_uint refs;
	/* Called on the thread that gives back the last reference. */
	void (*on_unused)(struct instance *instance, void *arg);
	void *unused_arg;
	struct meter meter;
	struct pace faults; /* of the log lines about what it did wrong with a connection */
};

struct instance_spec {
	const spore_component *component;
	const struct loaded *plugin;
	const char *name;
	void *conf; /* taken, also on failure */
	const struct json *raw;
	const void *previous; /* `self` of the instance that this one replaces, or NULL */
	uint32_t role;        /* SPORE_ROLE_* */
	uint32_t point;       /* SPORE_ACL_AT_* of an access list, else 0 */
	const spore_host *host;
	struct metrics *metrics;
	struct resolver *resolver;
	/* Gets the mistakes that create() reports; `pointer` is relative to the instance. */
	void (*report)(void *arg, const char *pointer, const char *text);
	void *report_arg;
};

/* Runs create(). The caller gets the reference. NULL and *err on failure; the error is empty if the
 * plugin has reported mistakes. [main] */
struct instance *instance_new(const struct instance_spec *spec, unsigned n_workers,
                              struct err *err);
/* Runs worker_start on each of the loops, which must be running, and waits. After a failure call
 * instance_stop. [main] */
bool instance_start(struct instance *instance, struct loop *const *loops, struct err *err);
/* Runs worker_drain and worker_stop on each worker that was started. False: work is still in flight
 * and nothing may be freed; call it again later. [main] */
bool instance_stop(struct instance *instance);
/* Runs destroy() and frees. The instance must be stopped or never started. NULL is fine. [main] */
void instance_free(struct instance *instance);

/* [any]; NULL is fine for both. */
struct instance *instance_ref(struct instance *instance);
void instance_unref(struct instance *instance);

/* The argument of calls on this worker. [worker] */
void *instance_state(const struct instance *instance, const struct loop *loop);
/* The pool for its blocking work; NULL: out of memory. [any] */
struct pool *instance_pool(struct instance *instance);

/* Counts a post or job that must run before worker_stop. False: the instance is stopping here, and
 * nothing was counted. [any] */
bool instance_enter(struct spore_worker *worker);
/* The post or job has ended. [any] */
void instance_leave(struct spore_worker *worker);

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
