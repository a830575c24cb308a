#include "services/lend.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/slab.h"
#include "host/instance.h"
#include "log/mistake.h"
#include "loop/loop.h"
#include "loop/poller.h"
#include "loop/pool.h"
#include "net/resolve.h"
#include "thread/guest.h"

enum { NAME_MAX_LEN = 255 };

/* ---- loans ---- */

enum loan_kind { TIMER, WATCHER, LOOK_UP };

/* What is behind a handle. */
struct loan {
	struct lent lent;
	struct spore_worker *worker;
	enum loan_kind kind;
	void *arg;
	union {
		struct {
			ev_timer ev;
			void (*on_timer)(void *arg);
		} timer;
		struct {
			int fd;
			uint32_t events;
			void (*on_ready)(void *arg, uint32_t events);
		} watcher;
		struct {
			struct resolve *resolve;
			void (*on_done)(void *arg, spore_status, const spore_addr *, size_t n);
		} look_up;
	};
};

struct table {
	struct loop *loop; /* borrowed: outlives the table */
	struct slab loans; /* [worker] */
};

/* Global, since the ABI's *_stop() functions get only the handle. */
static struct table *tables;
static unsigned n_tables;

bool lend_tables_new(struct loop *const *loops, unsigned n)
{
	tables = calloc(n, sizeof *tables);
	if (!tables)
		return false;
	for (unsigned i = 0; i < n; i++) {
		slab_init(&tables[i].loans, sizeof(struct loan), i + 1);
		tables[i].loop = loops[i];
	}
	n_tables = n;
	return true;
}

void lend_tables_free(void)
{
	for (unsigned i = 0; i < n_tables; i++)
		slab_fini(&tables[i].loans);
	free(tables);
	tables = NULL;
	n_tables = 0;
}

/* NULL: the handle is nonsense, or the tables are gone. */
static struct table *table_of(uint64_t handle)
{
	uint32_t tag = slab_tag(handle);

	return tag >= 1 && tag <= n_tables ? &tables[tag - 1] : NULL;
}

static struct slab *loans_of(const struct spore_worker *worker)
{
	return &tables[loop_index(worker->loop)].loans;
}

static const char *name_of(const struct spore_worker *worker)
{
	return worker ? worker->instance->name : NULL;
}

/* What is wrong with the arguments that are common to timer_start, io_start and resolve; NULL:
 * nothing. */
static const char *start_fault(const struct spore_worker *worker, bool has_callback,
                               const void *out)
{
	struct loop *loop = loop_current();

	if (!worker)
		return "worker is NULL";
	if (!loop || worker->loop != loop)
		return "the calling thread is not that of the worker";
	if (!has_callback)
		return "the callback is NULL";
	return out ? NULL : "out is NULL";
}

/* From now on the worker releases the loan if the plugin forgets it. NULL: out of memory. */
static struct loan *take_loan(struct spore_worker *worker, enum loan_kind kind, void *arg,
                              void (*release)(struct lent *lent), uint64_t *handle_out)
{
	struct loan *loan = slab_take(loans_of(worker), handle_out);

	if (!loan)
		return NULL;
	loan->worker = worker;
	loan->kind = kind;
	loan->arg = arg;
	loan->lent.release = release;
	list_append(&worker->lent, &loan->lent.node);
	return loan;
}

/* The loan may be taken again at once, also within its own callback. */
static void return_loan(struct loan *loan)
{
	list_remove(&loan->lent.node);
	slab_give(loans_of(loan->worker), loan);
}

/* The loan behind a handle. NULL: *status_out is SPORE_ESTALE, or SPORE_EINVAL for a handle of
 * another thread or kind. Mistakes are logged under `call`. */
static struct loan *find_loan(uint64_t handle, enum loan_kind kind, const char *call,
                              spore_status *status_out)
{
	struct table *table = table_of(handle);
	struct loan *loan = NULL;

	*status_out = SPORE_EINVAL;
	if (table && table->loop != loop_current()) {
		mistake(NULL, call, "the handle belongs to another thread");
		return NULL;
	}
	if (table)
		loan = slab_find(&table->loans, handle);
	if (loan && loan->kind != kind) {
		mistake(NULL, call, "the handle is of another kind");
		return NULL;
	}
	*status_out = loan ? SPORE_OK : SPORE_ESTALE;
	if (!loan && kind != LOOK_UP) /* a look-up ends by itself */
		mistake(NULL, call, "the handle is stale: it was stopped before");
	return loan;
}

/* ---- timers ---- */

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	const struct loan *loan = timer->data;

	(void)ev;
	(void)events;
	guest_enter(name_of(loan->worker), "on_timer");
	loan->timer.on_timer(loan->arg);
	guest_leave();
}

static const char *times_fault(int64_t after_ms, int64_t repeat_ms)
{
	if (after_ms < 0)
		return "after_ms is negative";
	return repeat_ms < 0 ? "repeat_ms is negative" : NULL;
}

static void restart_timer(struct loan *loan, int64_t after_ms, int64_t repeat_ms)
{
	struct ev_loop *ev = loop_ev(loan->worker->loop);

	ev_timer_stop(ev, &loan->timer.ev);
	ev_timer_set(&loan->timer.ev, (double)after_ms / 1000.0, (double)repeat_ms / 1000.0);
	ev_now_update(ev); /* so that after_ms counts from this call */
	ev_timer_start(ev, &loan->timer.ev);
}

static void release_timer(struct lent *lent)
{
	struct loan *loan = CONTAINER_OF(lent, struct loan, lent);

	ev_timer_stop(loop_ev(loan->worker->loop), &loan->timer.ev);
	return_loan(loan);
}

spore_status lend_timer_start(spore_worker *worker, int64_t after_ms, int64_t repeat_ms,
                              void (*fn)(void *), void *arg, spore_timer *out)
{
	const char *fault = start_fault(worker, fn, out);
	struct loan *loan;

	if (out)
		out->id = 0;
	fault = fault ? fault : times_fault(after_ms, repeat_ms);
	if (fault)
		return mistake(name_of(worker), "timer_start", fault);
	loan = take_loan(worker, TIMER, arg, release_timer, &out->id);
	if (!loan)
		return SPORE_ENOMEM;
	loan->timer.on_timer = fn;
	ev_init(&loan->timer.ev, on_timer);
	loan->timer.ev.data = loan;
	restart_timer(loan, after_ms, repeat_ms);
	return SPORE_OK;
}

spore_status lend_timer_update(spore_timer timer, int64_t after_ms, int64_t repeat_ms)
{
	const char *fault = times_fault(after_ms, repeat_ms);
	spore_status status;
	struct loan *loan = find_loan(timer.id, TIMER, "timer_update", &status);

	if (loan && fault)
		return mistake(name_of(loan->worker), "timer_update", fault);
	if (loan)
		restart_timer(loan, after_ms, repeat_ms);
	return status;
}

spore_status lend_timer_stop(spore_timer timer)
{
	spore_status status = SPORE_OK;
	struct loan *loan = timer.id ? find_loan(timer.id, TIMER, "timer_stop", &status) : NULL;

	if (loan)
		release_timer(&loan->lent);
	return status;
}

/* ---- watchers ---- */

static bool on_ready(uint64_t handle, uint32_t events)
{
	struct loan *loan = slab_find(&table_of(handle)->loans, handle);

	if (!loan)
		return false;
	events &= loan->watcher.events;
	if (!events)
		return true;
	guest_enter(name_of(loan->worker), "on_ready");
	loan->watcher.on_ready(loan->arg, events);
	guest_leave();
	return true;
}

static const char *events_fault(uint32_t events)
{
	return events & ~(uint32_t)(SPORE_READ | SPORE_WRITE) ? "events has unknown bits" : NULL;
}

/* False: the descriptor was closed before. */
static bool end_watcher(struct loan *loan)
{
	struct spore_worker *worker = loan->worker;
	bool open = poller_remove(worker->poller, loan->watcher.fd,
	                          slab_number(loans_of(worker), loan));

	if (!open)
		mistake(name_of(worker), "io_stop", "fd was closed before io_stop");
	return_loan(loan);
	return open;
}

static void release_watcher(struct lent *lent)
{
	end_watcher(CONTAINER_OF(lent, struct loan, lent));
}

/* cause: an errno of poller_add. */
static spore_status io_failure(const struct spore_worker *worker, int cause)
{
	switch (cause) {
	case EBADF:
		return mistake(name_of(worker), "io_start", "fd is not open");
	case EEXIST:
		return mistake(name_of(worker), "io_start", "fd is watched already");
	case ELOOP:
	case EINVAL:
		return mistake(name_of(worker), "io_start", "fd would watch itself");
	case EPERM:
		mistake(name_of(worker), "io_start",
		        "fd cannot be watched: it is a regular file, a folder or the like");
		return SPORE_EUNSUPPORTED;
	default:
		return SPORE_ENOMEM;
	}
}

/* Makes the worker's poller if it has none. Returns what poller_add returns. */
static int watch(struct loan *loan, uint64_t handle)
{
	struct spore_worker *worker = loan->worker;
	bool lost = false;
	int failed;

	if (!worker->poller)
		worker->poller = poller_new(worker->loop, on_ready);
	if (!worker->poller)
		return ENOMEM;
	failed = poller_add(worker->poller, loan->watcher.fd, loan->watcher.events, handle, &lost);
	if (lost)
		mistake(name_of(worker), "io_start",
		        "fd was watched before, and was closed before its io_stop");
	return failed;
}

spore_status lend_io_start(spore_worker *worker, int fd, uint32_t events,
                           void (*fn)(void *, uint32_t), void *arg, spore_io *out)
{
	const char *fault = start_fault(worker, fn, out);
	struct loan *loan;
	int failed;

	if (out)
		out->id = 0;
	fault = fault ? fault : events_fault(events);
	if (fault)
		return mistake(name_of(worker), "io_start", fault);
	loan = take_loan(worker, WATCHER, arg, release_watcher, &out->id);
	if (!loan)
		return SPORE_ENOMEM;
	loan->watcher.fd = fd;
	loan->watcher.events = events;
	loan->watcher.on_ready = fn;
	failed = watch(loan, out->id);
	if (!failed)
		return SPORE_OK;
	return_loan(loan);
	out->id = 0;
	return io_failure(worker, failed);
}

spore_status lend_io_update(spore_io io, uint32_t events)
{
	const char *fault = events_fault(events);
	spore_status status;
	struct loan *loan = find_loan(io.id, WATCHER, "io_update", &status);

	if (!loan)
		return status;
	if (!fault && !poller_change(loan->worker->poller, loan->watcher.fd, events, io.id))
		fault = "fd was closed before io_stop";
	if (fault)
		return mistake(name_of(loan->worker), "io_update", fault);
	loan->watcher.events = events;
	return SPORE_OK;
}

spore_status lend_io_stop(spore_io io)
{
	spore_status status = SPORE_OK;
	struct loan *loan = io.id ? find_loan(io.id, WATCHER, "io_stop", &status) : NULL;

	if (loan && !end_watcher(loan))
		return SPORE_EINVAL;
	return status;
}

/* ---- posts and jobs ---- */

struct post {
	struct loop_task task;
	struct spore_worker *worker;
	void (*fn)(void *arg);
	void *arg;
};

static void run_post(struct loop_task *task)
{
	struct post *post = CONTAINER_OF(task, struct post, task);

	guest_enter(post->worker->instance->name, "post");
	post->fn(post->arg);
	guest_leave();
	instance_leave(post->worker);
	free(post);
}

spore_status lend_post(spore_worker *worker, void (*fn)(void *), void *arg)
{
	struct post *post;

	if (!worker || !fn)
		return mistake(name_of(worker), "post", worker ? "fn is NULL" : "worker is NULL");
	post = calloc(1, sizeof *post);
	if (!post)
		return SPORE_ENOMEM;
	if (!instance_enter(worker)) {
		free(post);
		return SPORE_ESTALE;
	}
	*post = (struct post){ { .run = run_post }, worker, fn, arg };
	loop_post(worker->loop, &post->task);
	return SPORE_OK;
}

struct offload {
	struct pool_job job;
	struct loop_task done;
	struct spore_worker *worker;
	void (*work)(void *arg);
	void (*on_done)(void *arg);
	void *arg;
};

static void run_offload_done(struct loop_task *task)
{
	struct offload *offload = CONTAINER_OF(task, struct offload, done);

	guest_enter(offload->worker->instance->name, "on_done");
	offload->on_done(offload->arg);
	guest_leave();
	instance_leave(offload->worker);
	free(offload);
}

static void run_offload(struct pool_job *job)
{
	struct offload *offload = CONTAINER_OF(job, struct offload, job);

	guest_enter(offload->worker->instance->name, "work");
	offload->work(offload->arg);
	guest_leave();
	loop_post(offload->worker->loop, &offload->done);
}

spore_status lend_offload(spore_worker *worker, void (*work)(void *), void (*on_done)(void *),
                          void *arg)
{
	struct offload *offload;
	struct pool *pool;

	if (!worker || !work || !on_done)
		return mistake(name_of(worker), "offload",
		               worker ? "work or on_done is NULL" : "worker is NULL");
	pool = instance_pool(worker->instance);
	offload = pool ? calloc(1, sizeof *offload) : NULL;
	if (!offload)
		return SPORE_ENOMEM;
	*offload = (struct offload){
		{ .run = run_offload }, { .run = run_offload_done }, worker, work, on_done, arg
	};
	if (!instance_enter(worker)) {
		free(offload);
		return SPORE_ESTALE;
	}
	if (pool_submit(pool, &offload->job))
		return SPORE_OK;
	instance_leave(worker);
	free(offload);
	return SPORE_EBUSY;
}

/* ---- look-ups ---- */

static void release_look_up(struct lent *lent)
{
	struct loan *loan = CONTAINER_OF(lent, struct loan, lent);

	resolve_stop(loan->look_up.resolve);
	return_loan(loan);
}

static void on_resolved(void *arg, const spore_addr *addrs, size_t n,
                        const struct net_failure *failure)
{
	struct loan *slot = arg;
	struct loan loan = *slot; /* on_done may take the slot again */

	(void)failure;
	return_loan(slot);
	guest_enter(name_of(loan.worker), "on_done");
	loan.look_up.on_done(loan.arg, n ? SPORE_OK : SPORE_EBACKEND, addrs, n);
	guest_leave();
}

static const char *host_name_fault(const char *name)
{
	if (!name || !*name)
		return "name is NULL or empty";
	return strnlen(name, NAME_MAX_LEN + 1) > NAME_MAX_LEN ? "name is longer than 255 bytes"
	                                                      : NULL;
}

spore_status lend_resolve(spore_worker *worker, const char *name, uint16_t port,
                          void (*fn)(void *, spore_status, const spore_addr *, size_t), void *arg,
                          spore_resolve *out)
{
	const char *fault = start_fault(worker, fn, out);
	struct loan *loan;

	if (out)
		out->id = 0;
	fault = fault ? fault : host_name_fault(name);
	if (fault)
		return mistake(name_of(worker), "resolve", fault);
	loan = take_loan(worker, LOOK_UP, arg, release_look_up, &out->id);
	if (!loan)
		return SPORE_ENOMEM;
	loan->look_up.on_done = fn;
	loan->look_up.resolve = resolve_start(worker->instance->resolver, worker->loop, name, port,
	                                      on_resolved, loan);
	if (loan->look_up.resolve)
		return SPORE_OK;
	return_loan(loan);
	out->id = 0;
	return SPORE_EBUSY;
}

spore_status lend_resolve_stop(spore_resolve resolve)
{
	spore_status status = SPORE_OK;
	struct loan *loan = resolve.id ? find_loan(resolve.id, LOOK_UP, "resolve_stop", &status)
	                               : NULL;

	if (loan)
		release_look_up(&loan->lent);
	return status;
}
