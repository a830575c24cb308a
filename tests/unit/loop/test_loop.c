#include "loop/loop.h"

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"
#include "epoll_sets.h"
#include "refuse.h"
#include "run_until.h"
#include "suite.h"

struct note {
	struct loop_task task;
	struct loop *loop;
	char *log; /* its letter is appended here */
	char letter;
	struct note *next_end, *next_reap, *next_post; /* queued when it runs */
};

static char *log_end;

static void run_note(struct loop_task *task)
{
	struct note *note = CONTAINER_OF(task, struct note, task);

	*log_end++ = note->letter;
	*log_end = '\0';
	if (note->next_end)
		loop_at_turn_end(note->loop, &note->next_end->task);
	if (note->next_reap)
		loop_reap(note->loop, &note->next_reap->task);
	if (note->next_post)
		loop_post(note->loop, &note->next_post->task);
}

static struct note make(struct loop *loop, char letter)
{
	return (struct note){ .task.run = run_note, .loop = loop, .letter = letter };
}

START_TEST(a_turn_ends_with_its_tasks_and_then_the_reaper)
{
	struct loop *loop = run_until_loop();
	struct note a = make(loop, 'a'), b = make(loop, 'b'), c = make(loop, 'c'),
		    d = make(loop, 'd'), e = make(loop, 'e');
	char log[16] = "";

	log_end = log;
	loop_reap(loop, &d.task);
	loop_at_turn_end(loop, &a.task);
	loop_at_turn_end(loop, &b.task);
	loop_at_turn_end(loop, &a.task); /* queueing it twice is harmless */
	loop_reap(loop, &d.task);
	a.next_end = &c; /* still before the reaper */
	d.next_reap = &e;
	run_for(loop, 5);
	ck_assert_str_eq(log, "abcde");
	loop_free(loop);
}
END_TEST

START_TEST(a_task_may_be_queued_again_from_within)
{
	struct loop *loop = run_until_loop();
	struct note a = make(loop, 'a'), b = make(loop, 'b');
	char log[16] = "";

	log_end = log;
	a.next_reap = &b;
	b.next_end = &a;
	loop_at_turn_end(loop, &a.task);
	b.next_end = NULL;
	run_for(loop, 5);
	loop_at_turn_end(loop, &a.task);
	run_for(loop, 5);
	ck_assert_str_eq(log, "abab");
	loop_free(loop);
}
END_TEST

START_TEST(posts_from_the_loops_own_thread_run_in_order)
{
	struct loop *loop = run_until_loop();
	struct note a = make(loop, 'a'), b = make(loop, 'b'), c = make(loop, 'c');
	char log[16] = "";

	log_end = log;
	loop_post(loop, &a.task);
	loop_post(loop, &b.task);
	a.next_post = &c;
	run_for(loop, 10);
	ck_assert_str_eq(log, "abc");
	loop_free(loop);
}
END_TEST

START_TEST(what_was_posted_runs_before_the_loop_is_freed)
{
	struct loop *loop = run_until_loop();
	struct note a = make(loop, 'a'), b = make(loop, 'b'), c = make(loop, 'c');
	char log[16] = "";

	log_end = log;
	loop_post(loop, &a.task);
	loop_at_turn_end(loop, &b.task);
	loop_reap(loop, &c.task);
	loop_free(loop);
	ck_assert_str_eq(log, "abc");
	loop_free(NULL);
}
END_TEST

/* A posted task always runs, even if it is posted late. */
START_TEST(what_the_last_tasks_post_runs_too)
{
	struct loop *loop = run_until_loop();
	struct note a = make(loop, 'a'), b = make(loop, 'b'), c = make(loop, 'c');
	char log[16] = "";

	log_end = log;
	a.next_post = &b;
	b.next_end = &c;
	loop_post(loop, &a.task);
	loop_free(loop);
	ck_assert_str_eq(log, "abc");
}
END_TEST

START_TEST(the_next_turn_comes_after_a_look_at_what_is_ready)
{
	struct loop *loop = run_until_loop();
	struct note a = make(loop, 'a'), b = make(loop, 'b'), c = make(loop, 'c');
	char log[16] = "";

	log_end = log;
	loop_next_turn(loop, &b.task);
	loop_next_turn(loop, &b.task);
	loop_at_turn_end(loop, &a.task);
	b.next_reap = &c;
	run_for(loop, 20);
	ck_assert_str_eq(log, "abc");
	loop_next_turn(loop, &a.task); /* does not run */
	loop_free(loop);
	ck_assert_str_eq(log, "abca");
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 3, POSTS = 5000 };

struct post {
	struct loop_task task;
	unsigned thread, number;
};

static struct {
	struct loop *loop;
	struct post posts[THREADS][POSTS];
	unsigned next[THREADS], n_run;
	bool in_order, on_loop;
} hail;

static void run_post(struct loop_task *task)
{
	struct post *post = CONTAINER_OF(task, struct post, task);

	hail.in_order = hail.in_order && hail.next[post->thread]++ == post->number;
	hail.on_loop = hail.on_loop && loop_current() == hail.loop;
	hail.n_run++;
}

static void *post_all(void *arg)
{
	unsigned thread = *(unsigned *)arg;

	for (unsigned i = 0; i < POSTS; i++) {
		hail.posts[thread][i] = (struct post){ { .run = run_post }, thread, i };
		loop_post(hail.loop, &hail.posts[thread][i].task);
	}
	return NULL;
}

START_TEST(posts_keep_each_threads_order)
{
	unsigned numbers[THREADS] = { 0, 1, 2 };
	pthread_t threads[THREADS];
	struct err err;

	ck_assert_ptr_nonnull(hail.loop = loop_new(3, &err));
	hail.in_order = hail.on_loop = true;
	ck_assert_uint_eq(loop_index(hail.loop), 3);
	ck_assert_ptr_null(loop_current());
	ck_assert(loop_start(hail.loop, &err));
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, post_all, &numbers[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	loop_break(hail.loop);
	loop_join(hail.loop);
	loop_free(hail.loop); /* runs what came too late for the thread; not on the loop's thread
	                         then */
	ck_assert_uint_eq(hail.n_run, THREADS * POSTS);
	ck_assert(hail.in_order);
}
END_TEST

START_TEST(breaking_before_it_runs_ends_it_at_once)
{
	struct loop *loop = run_until_loop();

	loop_break(loop);
	loop_run(loop);
	ck_assert_ptr_null(loop_current());
	loop_free(loop);
}
END_TEST

static void note_time(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	*(int64_t *)timer->data = loop_now_ms(loop_current());
}

START_TEST(its_time_is_that_of_the_turn)
{
	struct loop *loop = run_until_loop();
	int64_t start = clock_ms(), seen = 0;
	ev_timer timer;

	ev_timer_init(&timer, note_time, 0.05, 0.0);
	timer.data = &seen;
	ev_timer_start(loop_ev(loop), &timer);
	run_for(loop, 200);
	ck_assert_int_ge(seen, start + 40);
	ck_assert_int_le(seen, clock_ms());
	loop_free(loop);
}
END_TEST

static void linger(struct ev_loop *ev, ev_timer *timer, int events)
{
	int64_t until_ns = clock_ns() + *(int64_t *)timer->data;

	(void)ev;
	(void)events;
	while (clock_ns() < until_ns)
		;
}

START_TEST(its_vitals_know_the_longest_turn)
{
	struct loop *loop = run_until_loop();
	int64_t linger_ns = 20000000;
	struct loop_vitals vitals = loop_vitals(loop);
	ev_timer timer;

	ck_assert_uint_eq(vitals.turns, 0);
	ck_assert_int_eq(vitals.longest_ns, 0);
	ev_timer_init(&timer, linger, 0.01, 0.0);
	timer.data = &linger_ns;
	ev_timer_start(loop_ev(loop), &timer);
	run_for(loop, 100);
	vitals = loop_vitals(loop);
	ck_assert_uint_ge(vitals.turns, 2);
	ck_assert_int_ge(vitals.longest_ns, linger_ns);
	ck_assert_int_eq(vitals.recent_ns, vitals.longest_ns);
	ck_assert_int_ge(vitals.busy_ns, vitals.longest_ns);
	loop_free(loop);
}
END_TEST

START_TEST(its_lag_is_the_longest_recent_turn)
{
	struct loop *loop = run_until_loop();
	int64_t linger_ns = 20000000;
	ev_timer timer;

	ck_assert_int_eq(loop_lag_ns(loop), 0);
	ev_timer_init(&timer, linger, 0.01, 0.0);
	timer.data = &linger_ns;
	ev_timer_start(loop_ev(loop), &timer);
	run_for(loop, 50);
	ck_assert_int_ge(loop_lag_ns(loop), linger_ns);
	ck_assert_int_eq(loop_lag_ns(loop), loop_vitals(loop).longest_ns);
	loop_free(loop);
}
END_TEST

struct asker {
	struct loop *loop;
	int64_t lag_ns;
};

static void linger_and_ask(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct asker *asker = timer->data;
	int64_t until_ns = clock_ns() + 20000000;

	(void)ev;
	(void)events;
	while (clock_ns() < until_ns)
		;
	asker->lag_ns = loop_lag_ns(asker->loop);
}

START_TEST(its_lag_includes_the_present_turn)
{
	struct loop *loop = run_until_loop();
	struct asker asker = { .loop = loop };
	ev_timer timer;

	ev_timer_init(&timer, linger_and_ask, 0.0, 0.0);
	timer.data = &asker;
	ev_timer_start(loop_ev(loop), &timer);
	run_for(loop, 30);
	ck_assert_int_ge(asker.lag_ns, 20000000);
	loop_free(loop);
}
END_TEST

struct waker {
	struct loop_task task;
	struct loop *loop;
	unsigned n;
};

static void run_waker(struct loop_task *task)
{
	struct waker *waker = CONTAINER_OF(task, struct waker, task);

	waker->n++;
	loop_break(waker->loop);
}

/* It polls for that time after an event, and sleeps without events. */
START_TEST(a_loop_that_polls_sleeps_when_nothing_happens)
{
	struct err err;
	struct loop *loop = loop_new(0, &err);
	struct waker waker = { .task.run = run_waker, .loop = loop };
	struct timespec before, after;
	double cpu_s;

	ck_assert_ptr_nonnull(loop);
	loop_set_busy_poll(loop, 1000);
	ck_assert(loop_start(loop, &err));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	usleep(500000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	loop_post(loop, &waker.task);
	loop_join(loop);
	ck_assert_uint_eq(waker.n, 1);
	cpu_s = (double)(after.tv_sec - before.tv_sec) +
	        (double)(after.tv_nsec - before.tv_nsec) / 1e9;
	ck_assert_msg(cpu_s < 0.2, "%g s of CPU in 0.5 s", cpu_s);
	loop_free(loop);
}
END_TEST

struct hooked {
	struct loop_hook hook;
	struct loop *loop;
	struct loop_task task;
	unsigned begun, ended, most_rounds, ran;
};

static bool on_turn_begin(struct loop_hook *hook)
{
	CONTAINER_OF(hook, struct hooked, hook)->begun++;
	return false;
}

/* Queues a task in the first rounds. */
static bool on_turn_end(struct loop_hook *hook, unsigned round)
{
	struct hooked *hooked = CONTAINER_OF(hook, struct hooked, hook);

	ck_assert_uint_eq(hooked->ran, 3 * (hooked->ended / 4) + round);
	hooked->ended++;
	hooked->most_rounds = round;
	if (round < 3)
		loop_at_turn_end(hooked->loop, &hooked->task);
	return round < 3;
}

static void run_hooked(struct loop_task *task)
{
	CONTAINER_OF(task, struct hooked, task)->ran++;
}

START_TEST(a_hook_runs_at_both_ends_of_a_turn)
{
	struct hooked hooked = { .hook = { on_turn_begin, on_turn_end },
		                 .loop = run_until_loop(),
		                 .task.run = run_hooked };

	loop_set_hook(hooked.loop, &hooked.hook);
	for (int i = 0; i < 2; i++)
		ev_run(loop_ev(hooked.loop), EVRUN_NOWAIT);
	ck_assert_uint_eq(hooked.begun, 2);
	ck_assert_uint_eq(hooked.ended, 8);
	ck_assert_uint_eq(hooked.most_rounds, 3);
	ck_assert_uint_eq(hooked.ran, 6);
	loop_set_hook(hooked.loop, NULL);
	ev_run(loop_ev(hooked.loop), EVRUN_NOWAIT);
	ck_assert_uint_eq(hooked.begun, 2);
	loop_free(hooked.loop);
}
END_TEST

START_TEST(what_a_loop_is_refused_is_named)
{
	struct err err;

	ck_assert(refuse_call(SYS_epoll_create1, EPERM));
	ck_assert_ptr_null(loop_new(0, &err));
	ck_assert_str_eq(err.text, "cannot create an event loop: epoll_create1: Operation not "
	                           "permitted (does a sandbox refuse this system call?)");
}
END_TEST

static void count_event(struct ev_loop *ev, ev_io *io, int events)
{
	(void)events;
	++*(unsigned *)io->data;
	ev_io_stop(ev, io);
}

START_TEST(it_forgets_a_descriptor_at_once)
{
	struct loop *loop = run_until_loop();
	unsigned n_events = 0;
	int ends[2];
	ev_io io;

	ck_assert_int_eq(pipe(ends), 0);
	ev_io_init(&io, count_event, ends[0], EV_READ);
	io.data = &n_events;
	ev_io_start(loop_ev(loop), &io);
	run_for(loop, 5);
	ck_assert_uint_eq(epoll_sets_count(ends[0]), 1);
	ev_io_stop(loop_ev(loop), &io);
	loop_forget_fd(loop, ends[0]);
	ck_assert_uint_eq(epoll_sets_count(ends[0]), 0);
	run_for(loop, 5);
	ck_assert_uint_eq(epoll_sets_count(ends[0]), 0);
	ev_io_start(loop_ev(loop), &io);
	run_for(loop, 5);
	ev_io_stop(loop_ev(loop), &io); /* and starts again before libev looks */
	loop_forget_fd(loop, ends[0]);
	ev_io_set(&io, ends[0], EV_READ);
	ev_io_start(loop_ev(loop), &io);
	run_for(loop, 5);
	ck_assert_uint_eq(epoll_sets_count(ends[0]), 1);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	run_for(loop, 5);
	ck_assert_uint_eq(n_events, 1);
	close(ends[0]);
	close(ends[1]);
	loop_free(loop);
}
END_TEST

SUITE("loop", a_hook_runs_at_both_ends_of_a_turn, a_turn_ends_with_its_tasks_and_then_the_reaper,
      a_task_may_be_queued_again_from_within, posts_from_the_loops_own_thread_run_in_order,
      what_was_posted_runs_before_the_loop_is_freed, what_the_last_tasks_post_runs_too,
      the_next_turn_comes_after_a_look_at_what_is_ready, posts_keep_each_threads_order,
      breaking_before_it_runs_ends_it_at_once, its_time_is_that_of_the_turn,
      its_vitals_know_the_longest_turn, its_lag_is_the_longest_recent_turn,
      its_lag_includes_the_present_turn, a_loop_that_polls_sleeps_when_nothing_happens,
      what_a_loop_is_refused_is_named, it_forgets_a_descriptor_at_once)
