/* instance - one configured component: its life on main and on each worker, and all that it holds
 * of the host.
 *
 *   main: instance_new ─▶ instance_start ─▶ in use ─▶ last instance_unref ─▶ instance_stop ─▶
 * instance_free
 *
 * Timers, watchers, look-ups, posts and jobs are attributed to (instance, worker), so what a plugin
 * forgets is found, named and released before worker_stop returns. */
#ifndef CORE_INSTANCE_H
#define CORE_INSTANCE_H

#include <pthread.h>
#include <spore/plugin.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/list.h"
#include "host/meter.h"

struct json;
struct loaded;
struct loop;
struct pool;

/* What the SDK calls spore_worker. */
struct spore_worker {
	struct instance *instance;
	struct loop *loop;                 /* borrowed: outlives it; NULL: not started here */
	void *state;                       /* what the plugin's [worker] ops get */
	struct list timers, ios, resolves; /* [worker] */
	pthread_mutex_t lock;              /* of the two below */
	unsigned in_flight;                /* posts and jobs that must still run here */
	bool stopping;
	bool started;
};

/* What the SDK calls spore_ctx: a pointer to the instance. */
struct instance {
	const spore_component *component;
	const struct loaded *plugin; /* borrowed: never unloaded */
	const char *name;            /* by guest_name: it outlives the instance */
	void *conf;                  /* owned; filled from the component's table */
	const struct json *raw;      /* borrowed from the config, which outlives it */
	void *self;                  /* the plugin's */
	struct pool *pool; /* owned; for its offloads and blocking ops; made on first use */
	pthread_mutex_t pool_lock;
	struct spore_worker *workers; /* owned, n_workers of them */
	unsigned n_workers;
	bool continue_on_error; /* "on_error": "next" (auth) */
	bool needs_challenge;   /* auth */
	uint64_t listeners;     /* bits of the host's listening sockets that it uses; [main] */
	atomic_uint refs;
	/* With the last reference, on whichever thread gave it back. */
	void (*on_unused)(struct instance *instance, void *arg);
	void *unused_arg;
	struct meter meter;
};

struct instance_spec {
	const spore_component *component;
	const struct loaded *plugin;
	const char *name;
	void *conf; /* taken, on failure too */
	const struct json *raw;
	const void
		*previous; /* what create() made of the instance that this one replaces, or NULL */
	uint32_t role;     /* SPORE_ROLE_* */
	uint32_t point;    /* SPORE_ACL_AT_* of an access list, else 0 */
	/* Mistakes that create() reports; `pointer` is relative to the instance. */
	void (*report)(void *arg, const char *pointer, const char *text);
	void *report_arg;
};

/* Runs create(); the reference is the caller's. NULL and *err (which may be empty if the plugin has
 * reported). [main] */
struct instance *instance_new(const struct instance_spec *spec, unsigned n_workers,
                              struct err *err);
/* Runs worker_start on each of the running loops, and waits. On failure instance_stop undoes it.
 * [main]
 */
bool instance_start(struct instance *instance, struct loop *const *loops, struct err *err);
/* Runs worker_drain and worker_stop where it was started; false: something is still in flight, so
 * that nothing may be freed: call again later. [main] */
bool instance_stop(struct instance *instance);
/* Runs destroy(). Stopped, or never started. NULL is fine. [main] */
void instance_free(struct instance *instance);

/* [any]; NULL is fine for both. */
struct instance *instance_ref(struct instance *instance);
void instance_unref(struct instance *instance);

/* The state for this worker's calls. [worker] */
void *instance_state(const struct instance *instance, const struct loop *loop);
/* The pool of its blocking work; NULL: out of memory. [any] */
struct pool *instance_pool(struct instance *instance);

/* One more post or job that must run before worker_stop; false once it has begun to stop. [any] */
bool worker_enter(struct spore_worker *worker);
void worker_leave(struct spore_worker *worker);

static inline struct instance *instance_of(const spore_ctx *ctx)
{
	return (struct instance *)(uintptr_t)ctx;
}

#endif
