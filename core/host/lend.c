#include "host/lend.h"

#include <ev.h>
#include <stdlib.h>

#include "base/container.h"
#include "host/instance.h"
#include "loop/loop.h"
#include "loop/pool.h"
#include "net/resolve.h"
#include "thread/guest.h"

/* ---- leaks ---- */

/* From now on the worker releases it if the plugin forgets it. */
static void lend(struct lent *lent, struct spore_worker *worker, void (*release)(struct lent *lent))
{
	lent->release = release;
	list_append(&worker->lent, &lent->node);
}

/* ---- timers and watchers ---- */

struct spore_timer {
	struct lent lent;
	struct spore_worker *worker;
	ev_timer timer;
	void (*on_timer)(void *arg);
	void *arg;
};

struct spore_io {
	struct lent lent;
	struct spore_worker *worker;
	ev_io io;
	void (*on_ready)(void *arg, uint32_t events);
	void *arg;
};

static void release_timer(struct lent *lent)
{
	lend_timer_stop(CONTAINER_OF(lent, struct spore_timer, lent));
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct spore_timer *t = timer->data;

	(void)ev;
	(void)events;
	guest_enter(t->worker->instance->name, "on_timer");
	t->on_timer(t->arg);
	guest_leave();
}

spore_timer *lend_timer_start(spore_worker *worker, int64_t after_ms, int64_t repeat_ms,
                              void (*fn)(void *), void *arg)
{
	struct spore_timer *t = calloc(1, sizeof *t);
	struct ev_loop *ev = loop_ev(worker->loop);

	if (!t)
		return NULL;
	t->worker = worker;
	t->on_timer = fn;
	t->arg = arg;
	lend(&t->lent, worker, release_timer);
	ev_timer_init(&t->timer, on_timer, (double)after_ms / 1000.0, (double)repeat_ms / 1000.0);
	t->timer.data = t;
	ev_now_update(ev); /* so that after_ms counts from this call */
	ev_timer_start(ev, &t->timer);
	return t;
}

void lend_timer_stop(spore_timer *t)
{
	if (!t)
		return;
	ev_timer_stop(loop_ev(t->worker->loop), &t->timer);
	list_remove(&t->lent.node);
	free(t); /* safe within its callback: on_timer does not touch it afterwards */
}

static int to_ev(uint32_t events)
{
	return (events & SPORE_READ ? EV_READ : 0) | (events & SPORE_WRITE ? EV_WRITE : 0);
}

static void release_io(struct lent *lent)
{
	lend_io_stop(CONTAINER_OF(lent, struct spore_io, lent));
}

static void on_io(struct ev_loop *ev, ev_io *io, int events)
{
	struct spore_io *i = io->data;

	(void)ev;
	guest_enter(i->worker->instance->name, "on_ready");
	i->on_ready(i->arg,
	            (events & EV_READ ? SPORE_READ : 0) | (events & EV_WRITE ? SPORE_WRITE : 0));
	guest_leave();
}

spore_io *lend_io_start(spore_worker *worker, int fd, uint32_t events, void (*fn)(void *, uint32_t),
                        void *arg)
{
	struct spore_io *i = calloc(1, sizeof *i);

	if (!i)
		return NULL;
	i->worker = worker;
	i->on_ready = fn;
	i->arg = arg;
	lend(&i->lent, worker, release_io);
	ev_io_init(&i->io, on_io, fd, to_ev(events));
	i->io.data = i;
	if (to_ev(events))
		ev_io_start(loop_ev(worker->loop), &i->io);
	return i;
}

void lend_io_update(spore_io *i, uint32_t events)
{
	struct ev_loop *ev = loop_ev(i->worker->loop);

	ev_io_stop(ev, &i->io);
	ev_io_set(&i->io, i->io.fd, to_ev(events));
	if (to_ev(events))
		ev_io_start(ev, &i->io);
}

void lend_io_stop(spore_io *i)
{
	if (!i)
		return;
	ev_io_stop(loop_ev(i->worker->loop), &i->io);
	list_remove(&i->lent.node);
	free(i);
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
	struct post *post = calloc(1, sizeof *post);

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
	struct pool *pool = instance_pool(worker->instance);
	struct offload *offload = pool ? calloc(1, sizeof *offload) : NULL;

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

struct spore_resolve {
	struct lent lent;
	struct spore_worker *worker;
	struct resolve *resolve;
	void (*on_done)(void *arg, spore_status, const spore_addr *, size_t n);
	void *arg;
};

static void release_resolve(struct lent *lent)
{
	lend_resolve_stop(CONTAINER_OF(lent, struct spore_resolve, lent));
}

static void on_resolved(void *arg, const spore_addr *addrs, size_t n, const char *why)
{
	struct spore_resolve *r = arg;

	(void)why;
	list_remove(&r->lent.node);
	guest_enter(r->worker->instance->name, "on_done");
	r->on_done(r->arg, n ? SPORE_OK : SPORE_EBACKEND, addrs, n);
	guest_leave();
	free(r);
}

spore_resolve *lend_resolve(spore_worker *worker, const char *name, uint16_t port,
                            void (*fn)(void *, spore_status, const spore_addr *, size_t), void *arg)
{
	struct spore_resolve *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->worker = worker;
	r->on_done = fn;
	r->arg = arg;
	r->resolve = resolve_start(worker->instance->resolver, worker->loop, name, port,
	                           on_resolved, r);
	if (!r->resolve) {
		free(r);
		return NULL;
	}
	lend(&r->lent, worker, release_resolve);
	return r;
}

void lend_resolve_stop(spore_resolve *r)
{
	if (!r)
		return;
	resolve_stop(r->resolve);
	list_remove(&r->lent.node);
	free(r);
}
