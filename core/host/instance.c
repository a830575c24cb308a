#include "host/instance.h"

#include <stdlib.h>

#include "base/container.h"
#include "host/status.h"
#include "log/log.h"
#include "loop/call.h"
#include "loop/loop.h"
#include "loop/poller.h"
#include "loop/pool.h"
#include "plugin/visit.h"
#include "thread/guest.h"

enum { POOL_THREADS = 8, POOL_QUEUED = 1024, POOL_WAIT_MS = 1000 };

/* ---- create and destroy ---- */

struct reporter {
	spore_create_args args; /* first, since the plugin passes a pointer to it */
	const struct instance_spec *spec;
	bool reported;
};

static void on_report(const spore_create_args *args, const char *pointer, const char *text)
{
	struct reporter *reporter = (struct reporter *)(uintptr_t)args;

	reporter->reported = true;
	reporter->spec->report(reporter->spec->report_arg, pointer ? pointer : "",
	                       text ? text : "refused by the plugin");
}

static void init_workers(struct instance *instance)
{
	for (unsigned i = 0; i < instance->n_workers; i++) {
		struct spore_worker *worker = &instance->workers[i];

		worker->instance = instance;
		list_init(&worker->lent);
		pthread_mutex_init(&worker->lock, NULL);
	}
}

static struct instance *allocate_instance(const struct instance_spec *spec, unsigned n_workers)
{
	struct instance *instance = calloc(1, sizeof *instance);

	if (!instance) {
		free(spec->conf);
		return NULL;
	}
	instance->plugin = spec->plugin;
	instance->conf = spec->conf;
	instance->raw = spec->raw;
	instance->resolver = spec->resolver;
	instance->n_workers = n_workers;
	atomic_init(&instance->refs, 1);
	instance->name = guest_name(spec->name);
	instance->workers = calloc(n_workers, sizeof *instance->workers);
	pthread_mutex_init(&instance->pool_lock, NULL);
	refusals_init(&instance->refusals);
	hand_on_init(&instance->hand_on);
	if (!instance->name || !instance->workers) {
		instance_free(instance);
		return NULL;
	}
	init_workers(instance);
	if (spec->inherits && !hand_on_copy(&instance->hand_on, spec->inherits)) {
		instance_free(instance);
		return NULL;
	}
	return instance;
}

static spore_status create_component(struct instance *instance, struct reporter *reporter)
{
	const struct instance_spec *spec = reporter->spec;
	struct visit visit;
	spore_status status;

	reporter->args = (spore_create_args){
		.struct_size = sizeof reporter->args,
		.role = spec->role,
		.host = spec->host,
		.ctx = (spore_ctx *)(void *)instance,
		.instance = instance->name,
		.conf = instance->conf,
		.raw = (const spore_cfg *)(const void *)spec->raw,
		.previous = spec->previous,
		.report = on_report,
		.n_workers = instance->n_workers,
		.point = spec->point,
	};
	atomic_store(&instance->hand_on.readable, true);
	visit_begin(&visit, instance->name, "create");
	status = spec->component->create(&reporter->args, &instance->self);
	visit_end(&visit);
	atomic_store(&instance->hand_on.readable, false);
	return status;
}

struct instance *instance_new(const struct instance_spec *spec, unsigned n_workers, struct err *err)
{
	struct instance *instance = allocate_instance(spec, n_workers);
	struct reporter reporter = { .spec = spec };
	char text[STATUS_TEXT_SIZE];
	spore_status status;

	err_set(err, "out of memory");
	if (!instance)
		return NULL;
	instance->component = spec->component;
	meter_init(&instance->meter, spec->metrics, spec->component, spec->role, instance->name);
	if (spec->component->kind == SPORE_KIND_ACL)
		refusals_register(&instance->refusals, spec->metrics, spec->point, instance->name);
	status = create_component(instance, &reporter);
	if (status == SPORE_OK)
		return instance;
	err->text[0] = '\0';
	if (!reporter.reported)
		err_set(err, "cannot create plugin %s: %s; see also the log", instance->name,
		        status_text(status, text));
	instance->component = NULL; /* so that destroy() is not called */
	instance_free(instance);
	return NULL;
}

static void destroy_component(struct instance *instance)
{
	struct visit visit;

	visit_begin(&visit, instance->name, "destroy");
	instance->component->destroy(instance->self);
	visit_end(&visit);
}

void instance_free(struct instance *instance)
{
	if (!instance)
		return;
	pool_free(instance->pool, POOL_WAIT_MS); /* idle, since instance_stop has waited */
	if (instance->component)
		destroy_component(instance);
	listeners_drop(&instance->listeners);
	for (unsigned i = 0; instance->workers && i < instance->n_workers; i++)
		pthread_mutex_destroy(&instance->workers[i].lock);
	pthread_mutex_destroy(&instance->pool_lock);
	refusals_fini(&instance->refusals);
	hand_on_fini(&instance->hand_on);
	free(instance->workers);
	free(instance->conf);
	free(instance);
}

struct pool *instance_pool(struct instance *instance)
{
	struct pool *pool;

	pthread_mutex_lock(&instance->pool_lock);
	if (!instance->pool)
		instance->pool = pool_new(POOL_THREADS, POOL_QUEUED);
	pool = instance->pool;
	pthread_mutex_unlock(&instance->pool_lock);
	return pool;
}

void *instance_state(const struct instance *instance, const struct loop *loop)
{
	return instance->workers[loop_index(loop)].state;
}

/* ---- work in flight ---- */

bool instance_enter(struct spore_worker *worker)
{
	bool entered;

	pthread_mutex_lock(&worker->lock);
	entered = !worker->stopping;
	worker->in_flight += entered;
	pthread_mutex_unlock(&worker->lock);
	return entered;
}

void instance_leave(struct spore_worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->in_flight--;
	pthread_mutex_unlock(&worker->lock);
}

static bool has_work_in_flight(struct spore_worker *worker)
{
	bool busy;

	pthread_mutex_lock(&worker->lock);
	busy = worker->in_flight > 0;
	pthread_mutex_unlock(&worker->lock);
	return busy;
}

/* ---- calls that main makes on a worker ---- */

struct start {
	struct spore_worker *worker;
	spore_status status;
};

static void run_start(void *arg)
{
	struct start *start = arg;
	struct spore_worker *worker = start->worker;
	const spore_component *component = worker->instance->component;
	struct visit visit;

	worker->state = worker->instance->self;
	if (!SPORE_CAN(component, worker_start))
		return;
	visit_begin(&visit, worker->instance->name, "worker_start");
	start->status = component->worker_start(worker->instance->self, worker, &worker->state);
	visit_end(&visit);
}

static void run_drain(void *arg)
{
	struct spore_worker *worker = arg;
	const spore_component *component = worker->instance->component;

	pthread_mutex_lock(&worker->lock);
	worker->stopping = true;
	pthread_mutex_unlock(&worker->lock);
	guest_enter(worker->instance->name, "worker_drain");
	if (worker->started && SPORE_CAN(component, worker_drain))
		component->worker_drain(worker->state);
	guest_leave();
}

static void release_leaks(struct spore_worker *worker)
{
	unsigned n = 0;

	for (; !list_is_empty(&worker->lent); n++) {
		struct lent *lent = CONTAINER_OF(worker->lent.next, struct lent, node);

		lent->release(lent);
	}
	poller_free(worker->poller);
	worker->poller = NULL;
	if (n)
		log_warn("plugin leaked timers, watchers or look-ups",
		         log_str("plugin", worker->instance->name), log_int("count", n),
		         log_int("worker", instance_worker_index(worker)));
}

static void run_stop(void *arg)
{
	struct spore_worker *worker = arg;
	const spore_component *component = worker->instance->component;

	guest_enter(worker->instance->name, "worker_stop");
	if (worker->started && SPORE_CAN(component, worker_stop))
		component->worker_stop(worker->state);
	guest_leave();
	release_leaks(worker);
}

bool instance_start(struct instance *instance, struct loop *const *loops, struct err *err)
{
	bool single = SPORE_HAS(instance->component, flags) &&
	              instance->component->flags & SPORE_COMPF_SINGLE_WORKER;

	for (unsigned i = 0; i < (single ? 1 : instance->n_workers); i++) {
		struct spore_worker *worker = &instance->workers[i];
		struct start start = { worker, SPORE_OK };
		char text[STATUS_TEXT_SIZE];

		worker->loop = loops[i];
		loop_call(loops[i], run_start, &start);
		if (start.status != SPORE_OK) {
			err_set(err, "cannot start plugin %s on worker %u: %s", instance->name, i,
			        status_text(start.status, text));
			return false;
		}
		worker->started = true;
	}
	return true;
}

/* Also stops a worker whose worker_start failed, since that call may have left work in flight. */
static bool stop_worker(struct spore_worker *worker)
{
	if (!worker->stopping)
		loop_call(worker->loop, run_drain, worker);
	if (has_work_in_flight(worker))
		return false;
	loop_call(worker->loop, run_stop, worker);
	worker->started = false;
	worker->loop = NULL;
	return true;
}

bool instance_stop(struct instance *instance)
{
	bool idle = true;

	for (unsigned i = 0; i < instance->n_workers; i++) {
		if (instance->workers[i].loop)
			idle = stop_worker(&instance->workers[i]) && idle;
	}
	return idle;
}

struct instance *instance_ref(struct instance *instance)
{
	if (instance)
		atomic_fetch_add_explicit(&instance->refs, 1, memory_order_relaxed);
	return instance;
}

void instance_unref(struct instance *instance)
{
	if (instance && atomic_fetch_sub_explicit(&instance->refs, 1, memory_order_acq_rel) == 1)
		instance->on_unused(instance, instance->unused_arg);
}
