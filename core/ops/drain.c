#include "ops/drain.h"

#include <signal.h>

#include "base/log.h"
#include "loop/loop.h"

static void on_deadline(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct drain *drain = timer->data;

	(void)events;
	log_warn("drain deadline passed, ending what still runs",
	         log_int("timeout_ms", drain->timeout_ms));
	ev_break(ev, EVBREAK_ALL);
}

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct drain *drain = watcher->data;
	const char *name = watcher->signum == SIGTERM ? "TERM" : "INT";

	(void)events;
	if (drain->begun) {
		log_warn("second signal, ending at once", log_str("signal", name));
		ev_break(ev, EVBREAK_ALL);
		return;
	}
	drain->begun = true;
	log_info("draining", log_str("signal", name), log_int("timeout_ms", drain->timeout_ms));
	ev_now_update(ev);
	ev_timer_set(&drain->deadline, (double)drain->timeout_ms / 1000.0, 0.0);
	ev_timer_start(ev, &drain->deadline);
	drain->begin(drain->arg);
}

static void start_signal(struct drain *drain, ev_signal *watcher, int number)
{
	ev_signal_init(watcher, on_signal, number);
	watcher->data = drain;
	ev_signal_start(loop_ev(drain->loop), watcher);
}

void drain_init(struct drain *drain, struct loop *loop, int64_t timeout_ms, void (*begin)(void *arg),
                void *arg)
{
	*drain = (struct drain){ .loop = loop, .timeout_ms = timeout_ms, .begin = begin, .arg = arg };
	ev_timer_init(&drain->deadline, on_deadline, 0.0, 0.0);
	drain->deadline.data = drain;
	start_signal(drain, &drain->term, SIGTERM);
	start_signal(drain, &drain->interrupt, SIGINT);
}

void drain_done(struct drain *drain)
{
	ev_break(loop_ev(drain->loop), EVBREAK_ALL);
}

void drain_fini(struct drain *drain)
{
	struct ev_loop *ev = loop_ev(drain->loop);

	ev_timer_stop(ev, &drain->deadline);
	ev_signal_stop(ev, &drain->term);
	ev_signal_stop(ev, &drain->interrupt);
}
