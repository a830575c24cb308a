#include "host/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/container.h"
#include "host/last_good.h"
#include "host/ticket.h"
#include "log/log.h"
#include "log/mistake.h"
#include "log/status.h"
#include "loop/call.h"
#include "loop/loop.h"
#include "loop/poller.h"
#include "loop/pool.h"
#include "plugin/visit.h"
#include "thread/guest.h"
#include "json/json.h"

enum { POOL_THREADS = 8, POOL_QUEUED = 1024, POOL_WAIT_MS = 1000 };
/* How long after worker_drain new posts and jobs are still accepted. They are accepted only as long
 * as earlier ones have not ended. */
enum { DRAIN_MS = 1000 };

/* ---- create and destroy ---- */

struct reporter {
	spore_create_args args;
	const struct instance_spec *spec;
	bool reported;
};

/* The reporter of the create() that the calling thread is in. A plugin may have kept or copied the
 * arguments of create(), so on_report does not read them. */
static _Thread_local struct reporter *my_reporter;

static void on_report(const spore_create_args *args, const char *pointer, const char *text)
{
	struct reporter *reporter = my_reporter;

	(void)args;
	if (!reporter) {
		mistake(NULL, "report", "called outside of create()");
		return;
	}
	reporter->reported = true;
	reporter->spec->report(reporter->spec->report_arg, pointer ? pointer : "",
	                       text ? text : "refused by the plugin");
}

const struct json *instance_in_create(const spore_ctx *ctx)
{
	const struct reporter *reporter = my_reporter;

	return reporter && ctx && reporter->args.ctx == ctx ? reporter->spec->raw : NULL;
}

static void init_workers(struct instance *instance)
{
	for (unsigned i = 0; i < instance->n_workers; i++) {
		struct spore_worker *worker = &instance->workers[i];

		worker->instance = instance;
		list_init(&worker->lent);
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
	instance->doc = spec->doc;
	instance->files = spec->files;
	instance->resolver = spec->resolver;
	instance->n_workers = n_workers;
	atomic_init(&instance->refs, 1);
	instance->name = guest_name(spec->name);
	instance->workers = calloc(n_workers, sizeof *instance->workers);
	pthread_mutex_init(&instance->pool_lock, NULL);
	pthread_mutex_init(&instance->state_lock, NULL);
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
		.conn_attrs = spec->conn_attrs,
		.may_be_secure = spec->may_be_secure,
		.public_ports = spec->public_ports.items,
		.n_public_ports = spec->public_ports.count,
		.auth_timeout_ms = spec->role == SPORE_ROLE_SERVER ? spec->auth_timeout_ms : 0,
	};
	atomic_store(&instance->hand_on.readable, true);
	my_reporter = reporter;
	visit_begin(&visit, instance->name, "create");
	status = spec->component->create(&reporter->args, &instance->self);
	visit_end(&visit);
	my_reporter = NULL;
	atomic_store(&instance->hand_on.readable, false);
	return status;
}

struct instance *instance_new(const struct instance_spec *spec, unsigned n_workers, struct err *err)
{
	struct instance *instance = allocate_instance(spec, n_workers);
	struct reporter reporter = { .spec = spec };
	char text[STATUS_TEXT_SIZE];
	spore_status status;

	if (!instance) {
		err_set(err, "out of memory");
		return NULL;
	}
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
	pthread_mutex_destroy(&instance->pool_lock);
	pthread_mutex_destroy(&instance->state_lock);
	free(instance->state);
	refusals_fini(&instance->refusals);
	hand_on_fini(&instance->hand_on);
	last_good_unref(instance->last_good);
	free(instance->workers);
	free(instance->conf);
	json_doc_free(instance->own_doc);
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

/* ---- what it shows ---- */

bool instance_show(struct instance *instance, spore_str text)
{
	size_t len = text.len < SPORE_STATE_MAX ? text.len : SPORE_STATE_MAX;
	char *state = len ? strndup(text.ptr, len) : NULL, *old;

	if (len && !state)
		return false;
	pthread_mutex_lock(&instance->state_lock);
	old = instance->state;
	instance->state = state;
	pthread_mutex_unlock(&instance->state_lock);
	free(old);
	return true;
}

void instance_read_state(const struct instance *instance, char text_out[SPORE_STATE_MAX + 1])
{
	pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&instance->state_lock;

	pthread_mutex_lock(lock);
	snprintf(text_out, SPORE_STATE_MAX + 1, "%s", instance->state ? instance->state : "");
	pthread_mutex_unlock(lock);
}

/* ---- work in flight ---- */

bool instance_enter(struct spore_worker *worker)
{
	atomic_uint *work = &worker->instance->work;
	unsigned now = atomic_load(work);

	while (!(now & INSTANCE_CLOSED)) {
		if (atomic_compare_exchange_weak(work, &now, now + 1))
			return true;
	}
	return false;
}

void instance_leave(struct spore_worker *worker)
{
	atomic_fetch_sub(&worker->instance->work, 1);
}

/* If no work is left, or the time for it is over, no new work is accepted from now on. */
static void close_when_due(struct instance *instance)
{
	unsigned none = 0;

	if (clock_ms() - instance->drained_ms >= DRAIN_MS)
		atomic_fetch_or(&instance->work, INSTANCE_CLOSED);
	else
		atomic_compare_exchange_strong(&instance->work, &none, INSTANCE_CLOSED);
}

/* ---- the start ---- */

static enum worker_stage stage_of(struct spore_worker *worker)
{
	return (enum worker_stage)atomic_load(&worker->stage);
}

static void set_stage(struct spore_worker *worker, enum worker_stage stage)
{
	atomic_store(&worker->stage, (int)stage);
}

/* [worker] */
static void on_started(void *arg, struct ticket_result *result)
{
	struct spore_worker *worker = arg;

	worker->ticket = 0;
	worker->status = result->status;
	set_stage(worker, result->status == SPORE_OK ? WORKER_READY : WORKER_FAILED);
}

static spore_status start_component(struct spore_worker *worker)
{
	struct instance *instance = worker->instance;
	struct visit visit;
	spore_status status;

	worker->ticket = ticket_open(worker->loop, TICKET_START, on_started, worker);
	if (!worker->ticket)
		return SPORE_ENOMEM;
	visit_begin(&visit, instance->name, "worker_start");
	status = instance->component->worker_start(instance->self, worker, worker->ticket,
	                                           &worker->state);
	visit_end(&visit);
	if (status != SPORE_EPENDING)
		ticket_close(worker->ticket);
	return status;
}

/* [worker] */
static void run_start(void *arg)
{
	struct spore_worker *worker = arg;

	worker->state = worker->instance->self;
	worker->status = SPORE_CAN(worker->instance->component, worker_start)
	                         ? start_component(worker)
	                         : SPORE_OK;
	if (worker->status == SPORE_OK)
		set_stage(worker, WORKER_READY);
	else if (worker->status == SPORE_EPENDING)
		set_stage(worker, WORKER_WAITING);
}

/* The first worker where the instance was started and is in that stage; NULL: none. */
static struct spore_worker *find_worker(const struct instance *instance, enum worker_stage stage)
{
	for (unsigned i = 0; i < instance->n_workers; i++) {
		struct spore_worker *worker = &instance->workers[i];

		if (worker->loop && stage_of(worker) == stage)
			return worker;
	}
	return NULL;
}

static bool report_failure(const struct spore_worker *failed, struct err *err)
{
	char text[STATUS_TEXT_SIZE];

	err_set(err, "cannot start plugin %s on worker %u: %s", failed->instance->name,
	        instance_worker_index(failed), status_text(failed->status, text));
	return false;
}

bool instance_start(struct instance *instance, struct loop *const *loops, struct err *err)
{
	bool is_single = SPORE_HAS(instance->component, flags) &&
	                 instance->component->flags & SPORE_COMPF_SINGLE_WORKER;
	unsigned n = is_single ? 1 : instance->n_workers;

	for (unsigned i = 0; i < n; i++) {
		struct spore_worker *worker = &instance->workers[i];

		worker->loop = loops[i];
		loop_call(loops[i], run_start, worker);
		if (stage_of(worker) == WORKER_IDLE)
			return report_failure(worker, err);
	}
	return true;
}

static bool has_run_out(const struct patience *patience)
{
	if (clock_ms() >= patience->until_ms)
		return true;
	return patience->is_at_end && atomic_load(patience->is_at_end);
}

bool instance_await(struct instance *instance, const struct patience *patience, struct err *err)
{
	const struct spore_worker *late, *failed;

	while ((late = find_worker(instance, WORKER_WAITING)) && !has_run_out(patience))
		nanosleep(&(struct timespec){ 0, 1000000L }, NULL);
	failed = find_worker(instance, WORKER_FAILED);
	if (failed)
		return report_failure(failed, err);
	if (!late)
		return true;
	err_set(err,
	        "plugin %s is not ready on worker %u: expected complete_start() within "
	        "plugins.start_timeout",
	        instance->name, instance_worker_index(late));
	return false;
}

/* ---- the end ---- */

/* Runs fn on each worker where the instance was started. */
static void call_workers(struct instance *instance, void (*fn)(void *worker))
{
	for (unsigned i = 0; i < instance->n_workers; i++) {
		if (instance->workers[i].loop)
			loop_call(instance->workers[i].loop, fn, &instance->workers[i]);
	}
}

/* [worker] */
static void run_drain(void *arg)
{
	struct spore_worker *worker = arg;
	const spore_component *component = worker->instance->component;

	if (stage_of(worker) == WORKER_WAITING)
		ticket_close(worker->ticket);
	if (stage_of(worker) != WORKER_READY || !SPORE_CAN(component, worker_drain))
		return;
	guest_enter(worker->instance->name, "worker_drain");
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

/* Runs also where worker_start has failed, since that call may have left timers and watchers.
 * [worker] */
static void run_stop(void *arg)
{
	struct spore_worker *worker = arg;
	const spore_component *component = worker->instance->component;

	if (stage_of(worker) != WORKER_IDLE && SPORE_CAN(component, worker_stop)) {
		guest_enter(worker->instance->name, "worker_stop");
		component->worker_stop(worker->state);
		guest_leave();
	}
	release_leaks(worker);
}

bool instance_stop(struct instance *instance)
{
	if (!instance->drained_ms) {
		call_workers(instance, run_drain);
		instance->drained_ms = clock_ms();
	}
	close_when_due(instance);
	if (atomic_load(&instance->work) != INSTANCE_CLOSED)
		return false;
	call_workers(instance, run_stop);
	for (unsigned i = 0; i < instance->n_workers; i++)
		instance->workers[i].loop = NULL;
	return true;
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
