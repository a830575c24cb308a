#include "log/hangs.h"

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "log/log.h"
#include "thread/delays.h"
#include "thread/guest.h"
#include "thread/reading.h"

/* Longer than for a call: if a single call holds up the turn, that call has been logged before. */
static const int64_t turn_hangs_ns = 2 * GUEST_HANG_NS;

static void log_delay(enum log_level level, const char *event, const struct delay *delay,
                      const char *thread)
{
	struct log_field fields[5];
	size_t n = 0;

	if (delay->plugin) {
		fields[n++] = log_str("plugin", delay->plugin);
		fields[n++] = log_str("call", delay->call);
	}
	fields[n++] = log_str("thread", thread);
	fields[n++] = log_int("duration_ms", delay->longest_ns / 1000000);
	if (delay->n > 1)
		fields[n++] = log_int("calls", delay->n);
	log_event(level, event, fields, n);
}

static void log_hang(const struct guest_view *view, bool is_call, int64_t lasts_ns)
{
	struct delay delay = {
		.plugin = view->plugin, .call = view->call, .longest_ns = lasts_ns, .n = 1
	};

	log_delay(LOG_ERROR, is_call ? "plugin hangs" : "worker hangs", &delay, view->thread);
}

static bool lasts(int64_t since_ns, int64_t now_ns, int64_t for_ns)
{
	return since_ns && now_ns - since_ns >= for_ns;
}

/* When the call or the turn that hangs began; 0: none hangs. Once a turn was logged, it counts as
 * what hangs, whichever call it is in. */
static int64_t hanging_since(const struct guest_view *view, int64_t now_ns)
{
	bool turn_hangs = view->kind == GUEST_WORKER && lasts(view->turn_ns, now_ns, turn_hangs_ns);

	if (view->kind == GUEST_POOL)
		return 0;
	if (turn_hangs && *view->told_ns == view->turn_ns)
		return view->turn_ns;
	if (lasts(view->call_ns, now_ns, GUEST_HANG_NS))
		return view->call_ns;
	return turn_hangs ? view->turn_ns : 0;
}

static void tell_hang(const struct guest_view *view, void *unused)
{
	int64_t now_ns = clock_coarse_ns(), since_ns = hanging_since(view, now_ns);
	int64_t lasts_ns = now_ns - since_ns;

	(void)unused;
	if (*view->told_ns != since_ns) {
		*view->told_ns = since_ns;
		*view->told = 0;
	}
	if (!since_ns || lasts_ns < GUEST_HANG_NS << *view->told)
		return;
	log_hang(view, since_ns == view->call_ns, lasts_ns);
	while (lasts_ns >= GUEST_HANG_NS << *view->told)
		++*view->told;
}

static void tell_delay(const struct delay *delay, const char *thread, void *unused)
{
	(void)unused;
	log_delay(LOG_WARN,
	          !delay->plugin ? "worker returned"
	          : delay->told  ? "plugin returned"
	                         : "plugin blocked a worker",
	          delay, thread);
}

static void log_reading(const struct reading *reading)
{
	int64_t lasts_ns = clock_coarse_ns() - reading->since_ns;

	log_error("reading a file hangs", log_str("path", reading->path),
	          log_str("option", reading->option), log_int("duration_ms", lasts_ns / 1000000));
}

void hangs_look(void)
{
	struct reading reading;

	delays_take(tell_delay, NULL);
	guest_each(tell_hang, NULL);
	if (reading_hangs(&reading))
		log_reading(&reading);
}

static void log_if_long(const struct guest_view *view, void *for_ns)
{
	int64_t now_ns = clock_coarse_ns(), least_ns = *(const int64_t *)for_ns;
	bool is_call = lasts(view->call_ns, now_ns, least_ns);

	if (is_call)
		log_hang(view, true, now_ns - view->call_ns);
	else if (view->kind == GUEST_WORKER && lasts(view->turn_ns, now_ns, least_ns))
		log_hang(view, false, now_ns - view->turn_ns);
}

void hangs_log_all(int64_t for_ns)
{
	struct reading reading;

	guest_each(log_if_long, &for_ns);
	if (reading_look(&reading) && lasts(reading.since_ns, clock_coarse_ns(), for_ns))
		log_reading(&reading);
}
