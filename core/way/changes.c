#include "way/changes.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"
#include "loop/loop.h"
#include "way/route_news.h"

/* Messages about one change of the network come within GATHER_MS, as a rule. */
enum { TICK_MS = 2000, GATHER_MS = 200, RATION_MS = 5000, RATION_MOST = 5 };

static struct ev_loop *ev_of(const struct changes *changes)
{
	return loop_ev(changes->loop);
}

static int64_t read_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct standstill_clocks read_clocks(void)
{
	return (struct standstill_clocks){ .boot_ms = read_ms(CLOCK_BOOTTIME),
		                           .monotonic_ms = read_ms(CLOCK_MONOTONIC) };
}

/* ---- telling ---- */

static void tell_in(struct changes *changes, int64_t ms)
{
	ev_now_update(ev_of(changes));
	ev_timer_stop(ev_of(changes), &changes->gather);
	ev_timer_set(&changes->gather, (double)ms / 1000.0, 0.0);
	ev_timer_start(ev_of(changes), &changes->gather);
}

static void on_gathered(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct changes *changes = timer->data;
	int64_t wait_ms = ration_take(&changes->ration, clock_ms());

	(void)ev;
	(void)events;
	if (wait_ms > 0)
		tell_in(changes, wait_ms);
	else
		changes->on_change(changes->arg);
}

/* ---- the sources ---- */

static void close_watched(struct changes *changes, ev_io *io)
{
	if (!ev_is_active(io))
		return;
	ev_io_stop(ev_of(changes), io);
	close(io->fd);
}

static void on_routes(struct ev_loop *ev, ev_io *io, int events)
{
	struct changes *changes = io->data;
	enum route_news news = route_news_read(io->fd);

	(void)ev;
	(void)events;
	if (news == ROUTE_NEWS_ENDED) {
		log_warn("the kernel's messages about the network have ended: changes are noticed "
		         "by time-outs");
		close_watched(changes, io);
	} else if (news == ROUTE_NEWS_SOME && !ev_is_active(&changes->gather)) {
		tell_in(changes, GATHER_MS);
	}
}

static void on_clock(struct ev_loop *ev, ev_io *io, int events)
{
	struct changes *changes = io->data;
	uint64_t ticks;
	int64_t ms;
	bool slept;

	(void)ev;
	(void)events;
	if (read(io->fd, &ticks, sizeof ticks) < 0)
		return;
	ms = standstill_look(&changes->standstill, read_clocks(), TICK_MS, &slept);
	if (ms == 0)
		return;
	log_info(slept ? "the machine slept, looking at the connections"
	               : "this process stood still, looking at the connections",
	         log_int("ms", ms));
	tell_in(changes, 0);
}

/* The timer of this clock fires as soon as a machine that slept is awake. */
static int open_clock(void)
{
	static const struct itimerspec every = { .it_interval = { .tv_sec = TICK_MS / 1000 },
		                                 .it_value = { .tv_sec = TICK_MS / 1000 } };
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd >= 0)
		timerfd_settime(fd, 0, &every, NULL);
	return fd;
}

static void watch(struct changes *changes, ev_io *io, int fd,
                  void (*on_ready)(struct ev_loop *ev, ev_io *io, int events), const char *note)
{
	ev_io_init(io, on_ready, fd, EV_READ);
	io->data = changes;
	if (fd >= 0)
		ev_io_start(ev_of(changes), io);
	else
		log_info(note, log_str("error", strerrordesc_np(errno)));
}

void changes_start(struct changes *changes, struct loop *loop, void (*on_change)(void *arg),
                   void *arg)
{
	*changes = (struct changes){ .loop = loop, .on_change = on_change, .arg = arg };
	standstill_init(&changes->standstill, read_clocks());
	ration_init(&changes->ration, RATION_MS, RATION_MOST);
	ev_timer_init(&changes->gather, on_gathered, 0.0, 0.0);
	changes->gather.data = changes;
	watch(changes, &changes->routes, route_news_open(), on_routes,
	      "the system does not tell about changes of the network: they are noticed by "
	      "time-outs");
	watch(changes, &changes->clock, open_clock(), on_clock,
	      "no timer: a time in which the machine slept is noticed by time-outs");
}

void changes_stop(struct changes *changes)
{
	ev_timer_stop(ev_of(changes), &changes->gather);
	close_watched(changes, &changes->routes);
	close_watched(changes, &changes->clock);
}
