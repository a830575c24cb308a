#include "link.h"

#include <string.h>

#include "suite.h"

/* A host whose timers fire, and whose threads are free, when the test says so. */
enum { TIMERS = 8 };

static struct timer {
	void (*on_timer)(void *arg);
	void *arg;
	int64_t after_ms; /* -1: it is not set */
} timers[TIMERS + 1];
static uint64_t n_timers;
static struct {
	void (*work)(void *arg);
	void (*on_done)(void *arg);
	void *arg;
} job;
static unsigned n_refused, n_lost;
static bool is_crowded;
static char lost[LINK_WHY_MAX];

static int64_t now_ms(void)
{
	return 0;
}

static spore_status start_timer(spore_worker *worker, int64_t after_ms, int64_t repeat_ms,
                                void (*on_timer)(void *arg), void *arg, spore_timer *out)
{
	(void)worker;
	(void)repeat_ms;
	ck_assert(n_timers < TIMERS);
	out->id = ++n_timers;
	timers[out->id] = (struct timer){ on_timer, arg, after_ms };
	return SPORE_OK;
}

static spore_status update_timer(spore_timer timer, int64_t after_ms, int64_t repeat_ms)
{
	(void)repeat_ms;
	timers[timer.id].after_ms = after_ms;
	return SPORE_OK;
}

static spore_status stop_timer(spore_timer timer)
{
	timers[timer.id].after_ms = -1;
	return SPORE_OK;
}

static void fire(spore_timer timer)
{
	ck_assert(timer.id && timers[timer.id].after_ms >= 0);
	timers[timer.id].after_ms = -1;
	timers[timer.id].on_timer(timers[timer.id].arg);
}

static spore_status offload(spore_worker *worker, void (*work)(void *arg),
                            void (*on_done)(void *arg), void *arg)
{
	(void)worker;
	if (is_crowded) {
		n_refused++;
		return SPORE_EBUSY;
	}
	ck_assert_ptr_null(job.work);
	job.work = work;
	job.on_done = on_done;
	job.arg = arg;
	return SPORE_OK;
}

static void end_job(void)
{
	void (*on_done)(void *arg) = job.on_done;

	ck_assert_ptr_nonnull(job.work);
	job.work(job.arg);
	job.work = NULL;
	on_done(job.arg);
}

static spore_status stop_io(spore_io io)
{
	(void)io;
	return SPORE_OK;
}

static spore_status stop_resolve(spore_resolve resolve)
{
	(void)resolve;
	return SPORE_OK;
}

static spore_status fill(void *bytes, size_t len)
{
	memset(bytes, 0, len);
	return SPORE_OK;
}

static void on_lost(void *arg, const char *why, bool was_ready)
{
	(void)arg;
	ck_assert(!was_ready);
	n_lost++;
	snprintf(lost, sizeof lost, "%s", why);
}

static const spore_host host = {
	.struct_size = sizeof host,
	.now_ms = now_ms,
	.random = fill,
	.timer_start = start_timer,
	.timer_update = update_timer,
	.timer_stop = stop_timer,
	.io_stop = stop_io,
	.offload = offload,
	.resolve_stop = stop_resolve,
};

static struct target target;
static struct link link_;

/* A link that takes its first step next. */
static void set_up(void)
{
	const spore_create_args args = { .struct_size = sizeof args };
	const struct target_options options = { .conninfo = "host=/nowhere user=u" };

	ck_assert(target_init(&target, &args, &options));
	link_ = (struct link){
		.host = &host,
		.target = &target,
		.connect_ms = 1000,
		.on_lost = on_lost,
	};
	ck_assert(link_start(&link_));
}

static void tear_down(void)
{
	link_stop(&link_);
	target_fini(&target);
}

START_TEST(a_step_waits_for_a_thread)
{
	set_up();
	is_crowded = true;
	fire(link_.timer);
	for (unsigned i = 1; i < 5; i++) {
		ck_assert_uint_eq(n_refused, i);
		ck_assert_ptr_null(link_.conn);
		fire(link_.again);
	}
	ck_assert_uint_eq(n_lost, 0);
	is_crowded = false;
	fire(link_.again);
	ck_assert_uint_eq(link_.again.id, 0);
	ck_assert_ptr_null(link_.conn); /* nothing is read here */
	end_job();
	ck_assert_uint_eq(n_lost, 1); /* there is no such socket */
	ck_assert_ptr_nonnull(strstr(lost, "/nowhere"));
	tear_down();
}
END_TEST

START_TEST(no_thread_in_time_ends_the_attempt)
{
	set_up();
	is_crowded = true;
	fire(link_.timer);
	fire(link_.timer);
	ck_assert_str_eq(lost, "no thread was free in time (connect_timeout)");
	ck_assert_uint_eq(link_.again.id, 0);
	ck_assert_int_eq(link_.stage, LINK_IDLE);
	tear_down();
}
END_TEST

START_TEST(a_step_that_hangs_holds_one_thread)
{
	set_up();
	fire(link_.timer);
	ck_assert_ptr_nonnull(job.work);
	fire(link_.timer);
	ck_assert_str_eq(lost, "PostgreSQL does not answer in time (connect_timeout)");
	fire(link_.timer); /* the pause is over: the step still runs */
	ck_assert_int_eq(link_.stage, LINK_IDLE);
	end_job();
	ck_assert_uint_eq(n_lost, 1);
	ck_assert_ptr_null(link_.conn);
	fire(link_.timer);
	ck_assert_int_eq(link_.stage, LINK_CONNECT);
	end_job();
	ck_assert_uint_eq(n_lost, 2);
	tear_down();
}
END_TEST

SUITE("link", a_step_waits_for_a_thread, no_thread_in_time_ends_the_attempt,
      a_step_that_hangs_holds_one_thread)
