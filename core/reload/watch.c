#include "reload/watch.h"

#include <stddef.h>

#include "config/config.h"
#include "loop/loop.h"

static const double poll_every_s = 0.5;

static void on_poll(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct watch *watch = timer->data;
	uint64_t now, before = watch->seen;

	(void)ev;
	(void)events;
	if (!files_differ(&watch->config->files, &now))
		return;
	watch->seen = now;
	if (now != before || now == watch->reported)
		return;
	watch->reported = now;
	watch->on_change(watch->arg);
}

void watch_start(struct watch *watch, struct loop *main_loop, void (*on_change)(void *arg),
                 void *arg)
{
	*watch = (struct watch){ .main_loop = main_loop, .on_change = on_change, .arg = arg };
	ev_timer_init(&watch->poll, on_poll, poll_every_s, poll_every_s);
	watch->poll.data = watch;
}

void watch_follow(struct watch *watch, struct config *config, bool on)
{
	struct config *old = watch->config;

	watch->config = config_ref(config);
	config_unref(old);
	watch->reported = 0;
	files_differ(&config->files, &watch->seen);
	if (on)
		ev_timer_again(loop_ev(watch->main_loop), &watch->poll);
	else
		ev_timer_stop(loop_ev(watch->main_loop), &watch->poll);
}

void watch_stop(struct watch *watch)
{
	ev_timer_stop(loop_ev(watch->main_loop), &watch->poll);
	config_unref(watch->config);
	watch->config = NULL;
}
