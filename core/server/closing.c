#include "server/closing.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "log/log.h"
#include "loop/loop.h"
#include "loop/survey.h"
#include "quota/pending.h"
#include "server/server_worker.h"
#include "server/workers.h"
#include "session/context.h"

static const double tick_s = 0.1;
enum { WORKERS_WAIT_MS = 1000 };

/* A visitor is in a handshake first. Then it may be offered to a client, and then it waits. We look
 * in this order, so that we do not miss a visitor that moves on meanwhile. A visitor that passes
 * from tunnel to tunnel goes back in this order. No visitor has done so meanwhile if all passes
 * that have begun by the end had ended before we looked. */
bool closing_awaits_visitors(struct server_shared *shared)
{
	unsigned ended = atomic_load(&shared->passes_ended);

	return atomic_load(&shared->handshakes) > 0 || atomic_load(&shared->offered) > 0 ||
	       !pending_is_empty(shared->pending) || atomic_load(&shared->passes_begun) != ended;
}

/* All workers have answered. Runs the tick at once, so that the drain goes on without waiting for
 * its next time. */
static void on_told(struct survey *survey, void *arg)
{
	struct closing *closing = arg;

	(void)survey;
	closing->drain_survey = NULL;
	ev_feed_event(loop_ev(closing->workers->main_loop), closing->tick, EV_TIMER);
}

static void tell_to(struct closing *closing, void (*fn)(struct server_worker *worker))
{
	closing->drain_survey = workers_tell(closing->workers, fn, WORKERS_WAIT_MS, on_told,
	                                     closing);
	if (!closing->drain_survey)
		log_error("the drain is not complete", log_str("error", "out of memory"));
}

/* Clients that look for another server keep their public ports for a while: until they have found
 * one, visitors are better served here than nowhere. Routed ports close with the last of them.
 * True: all public ports are closed. */
static bool close_public_ports(struct closing *closing)
{
	bool may_accept = closing->accepting && atomic_load(&closing->shared->leavers) > 0;

	if (may_accept && clock_ms() < closing->accept_until_ms)
		return false;
	if (closing->accepting)
		tell_to(closing, server_worker_stop_accepting);
	closing->accepting = false;
	return !closing->drain_survey;
}

/* The control port closes when no visitor waits or will wait, since its client may still take such
 * a visitor. Control connections stay until the relays have ended: bore's client ends its own
 * relays when it loses its control connection. */
void closing_go_on(struct closing *closing)
{
	void (*on_drained)(void *arg) = closing->on_drained;

	if (!on_drained || closing->drain_survey || !close_public_ports(closing))
		return;
	if (closing->is_alone && atomic_load(&closing->shared->stayers) > 0) {
		tell_to(closing, server_worker_stay_no_more);
		return;
	}
	if (closing_awaits_visitors(closing->shared))
		return;
	if (closing->listening) {
		closing->listening = false;
		tell_to(closing, server_worker_stop_listening);
		return;
	}
	/* A visitor that has left the table but has no relay yet still counts. */
	if (atomic_load(&closing->shared->principals.visitors) > 0 ||
	    atomic_load(&closing->shared->stayers) > 0)
		return;
	closing->on_drained = NULL;
	on_drained(closing->arg);
}

void closing_init(struct closing *closing, struct server_shared *shared,
                  const struct workers *workers, ev_timer *tick)
{
	*closing = (struct closing){ .shared = shared,
		                     .workers = workers,
		                     .tick = tick,
		                     .listening = true,
		                     .accepting = true };
}

void closing_start(struct closing *closing, int64_t grace_ms, void (*on_drained)(void *arg),
                   void *arg)
{
	closing->accept_until_ms = clock_ms() + grace_ms;
	atomic_store(&closing->shared->draining, true);
	tell_to(closing, server_worker_drain);
	closing->on_drained = on_drained;
	closing->arg = arg;
	closing->tick->repeat = tick_s;
	ev_timer_again(loop_ev(closing->workers->main_loop), closing->tick);
}

void closing_stay_no_more(struct closing *closing)
{
	atomic_store(&closing->shared->may_stay, false);
	closing->is_alone = true;
}

void closing_stop(struct closing *closing)
{
	if (closing->drain_survey)
		survey_forget(closing->drain_survey);
	closing->drain_survey = NULL;
	closing->on_drained = NULL;
}

bool closing_has_left(const struct closing *closing)
{
	return !closing->listening && !closing->drain_survey;
}
