#include "process/drain.h"

#include <signal.h>

#include "log/log.h"
#include "loop/loop.h"
#include "process/watchdog.h"

static struct log_field visitors_field(const struct drain *drain)
{
	return log_int("visitors", drain->count_visitors(drain->arg));
}

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct drain *drain = timer->data;

	(void)events;
	log_warn("drain deadline passed, closing open connections",
	         log_int("timeout_ms", atomic_load(&drain->lasts_ms)), visitors_field(drain));
	ev_break(ev, EVBREAK_ALL);
}

static struct log_field cause_field(const struct drain *drain)
{
	int number = atomic_load(&drain->last_signal);

	if (!number)
		return log_str("by", atomic_load(&drain->by));
	return log_str("signal", number == SIGTERM ? "TERM" : "INT");
}

static void begin_drain(struct drain *drain, struct ev_loop *ev)
{
	int64_t lasts_ms = atomic_load(&drain->lasts_ms);

	drain->begun = true;
	log_info("draining", cause_field(drain), log_int("timeout_ms", lasts_ms));
	ev_now_update(ev);
	ev_timer_set(&drain->deadline, (double)lasts_ms / 1000.0, 0.0);
	ev_timer_start(ev, &drain->deadline);
	drain->begin(drain->arg);
}

static void on_wake(struct ev_loop *ev, ev_async *watcher, int events)
{
	struct drain *drain = watcher->data;
	int signals = atomic_load(&drain->signals);
	bool is_first_signal = signals == 1 && drain->n_logged == 0;

	(void)events;
	if (!drain->begun)
		begin_drain(drain, ev);
	else if (is_first_signal) /* somebody had asked for the drain before */
		log_info("draining already", log_str("by", atomic_load(&drain->by)),
		         cause_field(drain), log_str("remedy", "a second signal stops at once"));
	drain->n_logged = signals;
	if (signals > 1) {
		log_warn("second signal, stopping at once", cause_field(drain),
		         visitors_field(drain));
		ev_break(ev, EVBREAK_ALL);
	}
}

/* False: the drain has a cause already. [any] */
static bool cause_drain(struct drain *drain)
{
	int64_t lasts_ms = atomic_load(&drain->timeout_ms);

	if (atomic_exchange(&drain->is_caused, true))
		return false;
	atomic_store(&drain->lasts_ms, lasts_ms);
	watchdog_end_within(lasts_ms + WATCHDOG_END_MS);
	return true;
}

/* [watchdog] */
static void on_signal(int number, void *arg)
{
	struct drain *drain = arg;

	atomic_store(&drain->last_signal, number);
	atomic_fetch_add(&drain->signals, 1);
	cause_drain(drain);
	ev_async_send(loop_ev(drain->loop), &drain->wake);
}

void drain_init(struct drain *drain, struct loop *loop, int64_t timeout_ms,
                void (*begin_fn)(void *arg), unsigned (*count_visitors)(void *arg), void *arg)
{
	*drain = (struct drain){
		.loop = loop, .begin = begin_fn, .count_visitors = count_visitors, .arg = arg
	};
	atomic_init(&drain->timeout_ms, timeout_ms);
	atomic_init(&drain->lasts_ms, timeout_ms);
	ev_timer_init(&drain->deadline, on_deadline, 0.0, 0.0);
	drain->deadline.data = drain;
	ev_async_init(&drain->wake, on_wake);
	drain->wake.data = drain;
	ev_async_start(loop_ev(loop), &drain->wake);
	watchdog_listen(on_signal, drain);
}

void drain_set_timeout(struct drain *drain, int64_t timeout_ms)
{
	atomic_store(&drain->timeout_ms, timeout_ms);
}

int64_t drain_timeout(const struct drain *drain)
{
	return atomic_load(&drain->timeout_ms);
}

void drain_done(struct drain *drain)
{
	ev_break(loop_ev(drain->loop), EVBREAK_ALL);
}

bool drain_ask(struct drain *drain, const char *by)
{
	if (!cause_drain(drain))
		return false;
	atomic_store(&drain->by, by);
	ev_async_send(loop_ev(drain->loop), &drain->wake);
	return true;
}

void drain_fini(struct drain *drain)
{
	struct ev_loop *ev = loop_ev(drain->loop);

	watchdog_end_within(WATCHDOG_END_MS);
	watchdog_ignore();
	ev_timer_stop(ev, &drain->deadline);
	ev_async_stop(ev, &drain->wake);
}
