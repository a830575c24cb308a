#include "net/dial.h"

#include <errno.h>
#include <ev.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/resolve.h"

struct dial {
	struct loop *loop;         /* borrowed: outlives it */
	struct resolver *resolver; /* borrowed: outlives it */
	struct dial_target target;
	dial_fn on_done;
	void *arg;
	int64_t deadline_ms;
	struct resolve *resolve;
	spore_addr addrs[RESOLVE_MAX];
	size_t n, at; /* number of addresses; index of the one being tried */
	ev_io io;     /* of the current attempt; fd is -1 between attempts */
	ev_timer timer;
	bool connected;
	char why[160];
	struct loop_task task;
	bool ended;
};

static void try_next(struct dial *dial);

static void end_attempt(struct dial *dial)
{
	ev_io_stop(loop_ev(dial->loop), &dial->io);
	if (dial->io.fd >= 0)
		close(dial->io.fd);
	ev_io_set(&dial->io, -1, 0);
}

static void run_free_dial(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct dial, task));
}

static void end_dial(struct dial *dial)
{
	dial->ended = true;
	ev_timer_stop(loop_ev(dial->loop), &dial->timer);
	ev_io_stop(loop_ev(dial->loop), &dial->io);
	resolve_stop(dial->resolve);
	dial->resolve = NULL;
	dial->task.run = run_free_dial;
	loop_reap(dial->loop, &dial->task);
}

/* Runs at the end of the turn, so that on_done never runs from within dial_start. */
static void run_report(struct loop_task *task)
{
	struct dial *dial = CONTAINER_OF(task, struct dial, task);
	int fd = dial->connected ? dial->io.fd : -1;

	if (dial->ended) {
		/* dial_stop came after this task was queued, and left the dial to it. */
		dial->task.run = run_free_dial;
		loop_reap(dial->loop, &dial->task);
		return;
	}
	if (dial->connected)
		resolver_prefer(dial->resolver, dial->target.host, &dial->addrs[dial->at]);
	end_dial(dial);
	dial->on_done(fd, dial->connected ? &dial->addrs[dial->at] : NULL, dial->why, dial->arg);
}

static void report_later(struct dial *dial, bool connected)
{
	ev_timer_stop(loop_ev(dial->loop), &dial->timer);
	dial->connected = connected;
	dial->task.run = run_report;
	loop_at_turn_end(dial->loop, &dial->task);
}

static void fail_attempt(struct dial *dial, const char *cause)
{
	char text[ADDR_TEXT_SIZE];

	snprintf(dial->why, sizeof dial->why, "%s: %s", addr_format(&dial->addrs[dial->at], text),
	         cause);
	end_attempt(dial);
	dial->at++;
	try_next(dial);
}

static void on_writable(struct ev_loop *ev, ev_io *io, int events)
{
	struct dial *dial = io->data;
	int cause = sock_connect_result(io->fd);

	(void)events;
	ev_io_stop(ev, io);
	if (cause)
		fail_attempt(dial, strerrordesc_np(cause));
	else
		report_later(dial, true);
}

static void on_dial_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct dial *dial = timer->data;

	(void)ev;
	(void)events;
	if (dial->resolve) {
		resolve_stop(dial->resolve);
		dial->resolve = NULL;
		snprintf(dial->why, sizeof dial->why, "resolving the name timed out");
		report_later(dial, false);
	} else {
		fail_attempt(dial, "timed out");
	}
}

static void arm_timer(struct dial *dial, int64_t share)
{
	int64_t left = (dial->deadline_ms - clock_ms()) / share;

	ev_timer_stop(loop_ev(dial->loop), &dial->timer);
	ev_timer_set(&dial->timer, (double)(left > 1 ? left : 1) / 1000.0, 0.0);
	ev_timer_start(loop_ev(dial->loop), &dial->timer);
}

static void try_next(struct dial *dial)
{
	bool done;
	int fd;

	ev_timer_stop(loop_ev(dial->loop), &dial->timer);
	if (dial->at == dial->n) {
		report_later(dial, false);
		return;
	}
	fd = sock_connect(&dial->addrs[dial->at], &dial->target.sizes, &done);
	if (fd < 0) {
		fail_attempt(dial, strerrordesc_np(errno));
		return;
	}
	ev_io_set(&dial->io, fd, EV_WRITE);
	if (done) {
		report_later(dial, true);
		return;
	}
	ev_io_start(loop_ev(dial->loop), &dial->io);
	arm_timer(dial, (int64_t)(dial->n - dial->at));
}

static void on_resolved(void *arg, const spore_addr *addrs, size_t n, const char *why)
{
	struct dial *dial = arg;

	dial->resolve = NULL;
	dial->n = n;
	memcpy(dial->addrs, addrs, n * sizeof *addrs);
	if (n == 0)
		snprintf(dial->why, sizeof dial->why, "cannot resolve the name: %s", why);
	try_next(dial);
}

struct dial *dial_start(struct loop *loop, struct resolver *resolver,
                        const struct dial_target *target, dial_fn on_done, void *arg)
{
	struct dial *dial = calloc(1, sizeof *dial);

	if (!dial)
		return NULL;
	dial->loop = loop;
	dial->resolver = resolver;
	dial->target = *target;
	dial->on_done = on_done;
	dial->arg = arg;
	dial->deadline_ms = clock_ms() + target->timeout_ms;
	ev_io_init(&dial->io, on_writable, -1, 0);
	dial->io.data = dial;
	ev_timer_init(&dial->timer, on_dial_timer, 0.0, 0.0);
	dial->timer.data = dial;
	dial->n = resolver_known(resolver, target->host, target->port, dial->addrs);
	if (dial->n > 0) {
		try_next(dial);
		return dial;
	}
	dial->resolve = resolve_start(resolver, loop, target->host, target->port, on_resolved,
	                              dial);
	if (!dial->resolve) {
		snprintf(dial->why, sizeof dial->why,
		         "cannot resolve the name: too many look-ups wait");
		report_later(dial, false);
		return dial;
	}
	arm_timer(dial, 1);
	return dial;
}

void dial_stop(struct dial *dial)
{
	if (!dial || dial->ended)
		return;
	if (dial->task.queued) { /* run_report sees `ended` and frees the dial */
		end_attempt(dial);
		dial->ended = true;
		return;
	}
	end_attempt(dial);
	end_dial(dial);
}
