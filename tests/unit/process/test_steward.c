#include "process/steward.h"

#include <signal.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/container.h"
#include "process/watchdog.h"
#include "suite.h"
#include "thread/guest.h"

struct errand {
	struct steward_job job;
	atomic_bool may_end, has_run, is_done;
	char thread[16];
};

static struct steward *steward;
static struct loop *main_loop;

static void run(struct steward_job *job)
{
	struct errand *errand = CONTAINER_OF(job, struct errand, job);

	strcpy(errand->thread, guest_thread());
	while (!atomic_load(&errand->may_end))
		usleep(1000);
	atomic_store(&errand->has_run, true);
}

static void done(struct steward_job *job)
{
	struct errand *errand = CONTAINER_OF(job, struct errand, job);

	ck_assert_str_ne(guest_thread(), "control");
	ck_assert(atomic_load(&errand->has_run));
	atomic_store(&errand->is_done, true);
}

static void set_up(void)
{
	struct err err;

	main_loop = loop_new(1, &err);
	ck_assert_ptr_nonnull(main_loop);
	steward = steward_new(main_loop, 2, &err);
	ck_assert_msg(steward != NULL, "%s", err.text);
	ck_assert_uint_eq(loop_index(steward_loop(steward)), 2);
}

static void give(struct errand *errand, bool may_end)
{
	*errand = (struct errand){ .job = { .run = run, .done = done } };
	atomic_store(&errand->may_end, may_end);
	steward_give(steward, &errand->job);
}

static void note_last(void *thread)
{
	strcpy(thread, guest_thread());
}

static void tear_down(void)
{
	char thread[16] = "";

	steward_stop(steward, note_last, thread);
	ck_assert_str_eq(thread, "control");
	steward_free(steward);
	loop_free(main_loop);
}

START_TEST(a_job_runs_there_and_ends_here)
{
	struct errand errand;

	set_up();
	give(&errand, true);
	ck_assert_int_eq(steward_wait(steward, 10000), STEWARD_DONE);
	ck_assert(atomic_load(&errand.is_done));
	ck_assert_str_eq(errand.thread, "control");
	ck_assert_int_eq(steward_wait(steward, 0), STEWARD_DONE);
	tear_down();
}
END_TEST

START_TEST(main_does_not_wait_for_ever)
{
	struct errand first, second;

	set_up();
	ck_assert(steward_is_idle(steward));
	give(&first, false);
	give(&second, true);
	ck_assert_int_eq(steward_wait(steward, 20), STEWARD_LATE);
	ck_assert(!steward_is_idle(steward));
	ck_assert(!atomic_load(&second.has_run)); /* one at a time */
	atomic_store(&first.may_end, true);
	ck_assert_int_eq(steward_wait(steward, 10000), STEWARD_DONE);
	ck_assert(atomic_load(&second.is_done));
	ck_assert(steward_is_idle(steward));
	tear_down();
}
END_TEST

START_TEST(a_signal_ends_the_wait)
{
	int64_t begun_ms = clock_ms();
	struct errand errand;

	ck_assert(watchdog_start(&(struct err){ "" }));
	watchdog_catch();
	ck_assert(!watchdog_has_signal());
	set_up();
	give(&errand, false);
	kill(getpid(), SIGTERM);
	ck_assert_int_eq(steward_wait(steward, 60000), STEWARD_SIGNALLED);
	ck_assert_int_lt(clock_ms() - begun_ms, 1000); /* when the watchdog would end the process */
	atomic_store(&errand.may_end, true);
	tear_down();
}
END_TEST

START_TEST(the_stop_waits_for_jobs)
{
	struct errand errand;

	set_up();
	give(&errand, true);
	tear_down();
	ck_assert(atomic_load(&errand.is_done));
	steward_free(NULL);
}
END_TEST

SUITE("steward", a_job_runs_there_and_ends_here, main_does_not_wait_for_ever,
      a_signal_ends_the_wait, the_stop_waits_for_jobs)
