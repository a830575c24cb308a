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
#include "base/list.h"
#include "base/zeroed.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/resolve.h"

/* A connection attempt that has neither failed nor succeeded. */
struct attempt {
	struct list node; /* in dial->attempts */
	struct dial *dial;
	const spore_addr *addr; /* in dial->addrs */
	ev_io io;
	struct loop_task reap;
};

struct dial {
	struct loop *loop;         /* borrowed: outlives it */
	struct resolver *resolver; /* borrowed: outlives it */
	struct dial_target target;
	dial_fn on_done;
	void *arg;
	struct resolve *resolve;
	spore_addr addrs[RESOLVE_MAX]; /* in the order in which they are tried */
	size_t n_addrs, n_started;     /* n_started: those for which an attempt was started */
	struct list attempts;          /* of struct attempt, oldest first */
	int fd;                        /* of the attempt that has succeeded, or -1 */
	const spore_addr *winner;      /* its address, or NULL */
	ev_timer stagger;              /* until the next attempt */
	ev_timer deadline;             /* of the whole dial */
	char why[240];                 /* of the last failure */
	enum shortage lacks;           /* what the last failure lacked */
	struct loop_task task;
	bool ended;
};

static void try_next(struct dial *dial);

/* ---- the end ---- */

static void stop_timers(struct dial *dial)
{
	ev_timer_stop(loop_ev(dial->loop), &dial->stagger);
	ev_timer_stop(loop_ev(dial->loop), &dial->deadline);
}

static void run_free_attempt(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct attempt, reap));
}

/* Returns the attempt's descriptor, which is the caller's now. */
static int end_attempt(struct attempt *attempt)
{
	int fd = attempt->io.fd;

	ev_io_stop(loop_ev(attempt->dial->loop), &attempt->io);
	list_remove(&attempt->node);
	attempt->reap.run = run_free_attempt;
	loop_reap(attempt->dial->loop, &attempt->reap);
	return fd;
}

static struct attempt *oldest_attempt(struct dial *dial)
{
	return CONTAINER_OF(dial->attempts.next, struct attempt, node);
}

static void close_attempts(struct dial *dial)
{
	while (!list_is_empty(&dial->attempts))
		close(end_attempt(oldest_attempt(dial)));
}

static void run_free_dial(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct dial, task));
}

static void end_dial(struct dial *dial)
{
	dial->ended = true;
	resolve_stop(dial->resolve);
	dial->resolve = NULL;
	dial->task.run = run_free_dial;
	loop_reap(dial->loop, &dial->task);
}

static void tell_resolver(const struct dial *dial)
{
	if (dial->winner)
		resolver_prefer(dial->resolver, dial->target.host, dial->winner);
	else
		resolver_doubt(dial->resolver, dial->target.host);
}

/* Runs at the end of the turn, so that on_done never runs from within dial_start. */
static void run_report(struct loop_task *task)
{
	struct dial *dial = CONTAINER_OF(task, struct dial, task);

	if (dial->ended) {
		/* dial_stop was called after this task was queued. */
		dial->task.run = run_free_dial;
		loop_reap(dial->loop, &dial->task);
		return;
	}
	if (!dial->target.addr.family && !dial->target.path)
		tell_resolver(dial);
	end_dial(dial);
	dial->on_done(dial->fd, dial->winner, &(struct net_failure){ dial->why, dial->lacks },
	              dial->arg);
}

static void report_later(struct dial *dial)
{
	stop_timers(dial);
	close_attempts(dial);
	dial->task.run = run_report;
	loop_at_turn_end(dial->loop, &dial->task);
}

static void take_winner(struct dial *dial, int fd, const spore_addr *addr)
{
	dial->fd = fd;
	dial->winner = addr;
	report_later(dial);
}

static void note_cause(struct dial *dial, const spore_addr *addr, const char *cause,
                       enum shortage lacks)
{
	char text[ADDR_TEXT_SIZE];

	snprintf(dial->why, sizeof dial->why, "%s: %s", addr_format(addr, text), cause);
	dial->lacks = lacks;
}

static void note_errno(struct dial *dial, const spore_addr *addr, int cause)
{
	char text[ADDR_TEXT_SIZE], why[160];

	if (!dial->target.source.family || (cause != EADDRNOTAVAIL && cause != EINVAL)) {
		note_cause(dial, addr, sock_connect_cause(cause), shortage_of(cause));
		return;
	}
	addr_format_ip(&dial->target.source, text);
	if (cause == EINVAL) /* such as a loopback source, and another host */
		snprintf(why, sizeof why, "it cannot be reached from the source address %s", text);
	else
		snprintf(why, sizeof why,
		         "the source address %s is not of this host, or has no free port", text);
	note_cause(dial, addr, why, SHORTAGE_NONE);
}

/* ---- attempts ---- */

static void on_writable(struct ev_loop *ev, ev_io *io, int events)
{
	struct attempt *attempt = io->data;
	struct dial *dial = attempt->dial;
	const spore_addr *addr = attempt->addr;
	int fd = end_attempt(attempt), cause = sock_take_error(fd);

	(void)ev;
	(void)events;
	if (!cause) {
		take_winner(dial, fd, addr);
		return;
	}
	close(fd);
	note_errno(dial, addr, cause);
	if (list_is_empty(&dial->attempts))
		try_next(dial);
}

/* False: out of memory. */
static bool watch_attempt(struct dial *dial, int fd, const spore_addr *addr)
{
	struct attempt *attempt = zeroed_new(sizeof *attempt);

	if (!attempt)
		return false;
	attempt->dial = dial;
	attempt->addr = addr;
	ev_io_init(&attempt->io, on_writable, fd, EV_WRITE);
	attempt->io.data = attempt;
	ev_io_start(loop_ev(dial->loop), &attempt->io);
	list_append(&dial->attempts, &attempt->node);
	return true;
}

/* False: the attempt has failed at once. */
static bool start_attempt(struct dial *dial, const spore_addr *addr)
{
	bool done;
	int fd = sock_connect(addr, &dial->target.source, &dial->target.sizes, &done);

	if (fd < 0) {
		note_errno(dial, addr, errno);
		return false;
	}
	if (done) {
		take_winner(dial, fd, addr);
		return true;
	}
	if (watch_attempt(dial, fd, addr))
		return true;
	close(fd);
	note_cause(dial, addr, "out of memory", SHORTAGE_MEMORY);
	return false;
}

static void start_timer(struct dial *dial, ev_timer *timer, int64_t ms)
{
	ev_now_update(loop_ev(dial->loop));
	ev_timer_set(timer, (double)(ms > 1 ? ms : 1) / 1000.0, 0.0);
	ev_timer_start(loop_ev(dial->loop), timer);
}

/* Starts the next attempt that does not fail at once. If none is left and none is under way, the
 * dial has failed. */
static void try_next(struct dial *dial)
{
	bool started = false;

	ev_timer_stop(loop_ev(dial->loop), &dial->stagger);
	while (!started && dial->n_started < dial->n_addrs)
		started = start_attempt(dial, &dial->addrs[dial->n_started++]);
	if (dial->winner)
		return;
	if (list_is_empty(&dial->attempts))
		report_later(dial);
	else if (dial->n_started < dial->n_addrs)
		start_timer(dial, &dial->stagger, DIAL_STAGGER_MS);
}

/* ---- a unix socket ---- */

/* While its queue of connections is full, a unix socket is tried again after a pause, which doubles
 * up to the longest one. */
enum { FULL_PAUSE_MS = 10, FULL_DOUBLINGS = 4 };

static void note_path(struct dial *dial, const char *cause, enum shortage lacks)
{
	snprintf(dial->why, sizeof dial->why, "%.107s: %s", dial->target.path, cause);
	dial->lacks = lacks;
}

static void try_path(struct dial *dial)
{
	static const spore_addr addr = { .family = 1 };
	int fd = sock_connect_path(dial->target.path, &dial->target.sizes);

	if (fd >= 0) {
		take_winner(dial, fd, &addr);
	} else if (errno == EAGAIN) {
		start_timer(dial, &dial->stagger, FULL_PAUSE_MS << dial->n_started);
		if (dial->n_started < FULL_DOUBLINGS)
			dial->n_started++;
	} else {
		note_path(dial, strerrordesc_np(errno), shortage_of(errno));
		report_later(dial);
	}
}

/* ---- timers ---- */

static void on_stagger_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct dial *dial = timer->data;

	(void)ev;
	(void)events;
	if (dial->target.path)
		try_path(dial);
	else
		try_next(dial);
}

/* The failure names the address that has been tried for the longest time. */
static void on_dial_late(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct dial *dial = timer->data;

	(void)ev;
	(void)events;
	if (dial->resolve)
		snprintf(dial->why, sizeof dial->why, "resolving the name timed out");
	else if (dial->target.path)
		note_path(dial, "timed out, its queue of connections is full", SHORTAGE_NONE);
	else
		note_cause(dial, oldest_attempt(dial)->addr, "timed out", SHORTAGE_NONE);
	resolve_stop(dial->resolve);
	dial->resolve = NULL;
	report_later(dial);
}

/* ---- addresses ---- */

/* The families take turns, and the first address stays first. So if one family does not work at
 * all, the other one is tried right after the first attempt. */
static void mix_families(spore_addr *addrs, size_t n)
{
	for (size_t at = 1; at + 1 < n; at++) {
		size_t other = at;
		spore_addr moved;

		while (other < n && addrs[other].family == addrs[at - 1].family)
			other++;
		if (other == n)
			return;
		moved = addrs[other];
		memmove(&addrs[at + 1], &addrs[at], (other - at) * sizeof *addrs);
		addrs[at] = moved;
	}
}

/* Leaves those out that cannot be reached from the source, and returns the number of the others. */
static size_t keep_family(struct dial *dial, size_t n)
{
	const spore_addr *source = &dial->target.source;
	char text[ADDR_TEXT_SIZE];
	size_t kept = 0;

	if (!source->family || n == 0)
		return n;
	for (size_t i = 0; i < n; i++) {
		if (dial->addrs[i].family == source->family)
			dial->addrs[kept++] = dial->addrs[i];
	}
	if (kept == 0) {
		snprintf(dial->why, sizeof dial->why,
		         "the name has no IPv%u address, as the source address %s needs it",
		         source->family, addr_format_ip(source, text));
		dial->lacks = SHORTAGE_NONE;
	}
	return kept;
}

static void try_addrs(struct dial *dial, size_t n)
{
	dial->n_addrs = keep_family(dial, n);
	mix_families(dial->addrs, dial->n_addrs);
	try_next(dial);
}

static void on_resolved(void *arg, const spore_addr *addrs, size_t n,
                        const struct net_failure *failure)
{
	struct dial *dial = arg;

	dial->resolve = NULL;
	memcpy(dial->addrs, addrs, n * sizeof *addrs);
	if (n == 0) {
		snprintf(dial->why, sizeof dial->why, "cannot resolve the name: %s", failure->why);
		dial->lacks = failure->lacks;
	}
	try_addrs(dial, n);
}

static void look_up(struct dial *dial)
{
	dial->resolve = resolve_start(dial->resolver, dial->loop, dial->target.host,
	                              dial->target.port, on_resolved, dial);
	if (dial->resolve)
		return;
	snprintf(dial->why, sizeof dial->why, "cannot resolve the name: too many look-ups wait");
	report_later(dial);
}

/* Returns the number of known addresses; 0: the name must be looked up. */
static size_t find_addrs(struct dial *dial)
{
	const struct dial_target *target = &dial->target;

	if (!target->addr.family)
		return resolver_known(dial->resolver, target->host, target->port, dial->addrs);
	dial->addrs[0] = target->addr;
	return 1;
}

static void begin(struct dial *dial)
{
	size_t n = dial->target.path ? 0 : find_addrs(dial);

	if (dial->target.path)
		try_path(dial);
	else if (n > 0)
		try_addrs(dial, n);
	else
		look_up(dial);
}

struct dial *dial_start(struct loop *loop, struct resolver *resolver,
                        const struct dial_target *target, dial_fn on_done, void *arg)
{
	struct dial *dial = zeroed_new(sizeof *dial);

	if (!dial)
		return NULL;
	dial->loop = loop;
	dial->resolver = resolver;
	dial->target = *target;
	dial->on_done = on_done;
	dial->arg = arg;
	dial->fd = -1;
	list_init(&dial->attempts);
	ev_timer_init(&dial->stagger, on_stagger_over, 0.0, 0.0);
	dial->stagger.data = dial;
	ev_timer_init(&dial->deadline, on_dial_late, 0.0, 0.0);
	dial->deadline.data = dial;
	begin(dial);
	if (!dial->task.queued)
		start_timer(dial, &dial->deadline, target->timeout_ms);
	return dial;
}

void dial_stop(struct dial *dial)
{
	if (!dial || dial->ended)
		return;
	stop_timers(dial);
	close_attempts(dial);
	if (dial->fd >= 0)
		close(dial->fd);
	if (dial->task.queued) /* run_report sees `ended` and frees the dial */
		dial->ended = true;
	else
		end_dial(dial);
}
