#include "thread/guest.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "suite.h"
#include "thread/delays.h"

START_TEST(one_text_is_one_name)
{
	char text[] = "staff";
	const char *name = guest_name(text);

	ck_assert_str_eq(name, "staff");
	ck_assert_ptr_ne(name, text);
	text[0] = 'S';
	ck_assert_str_eq(name, "staff");
	ck_assert_ptr_eq(guest_name("staff"), name);
	ck_assert_ptr_ne(guest_name("other"), name);
}
END_TEST

START_TEST(calls_nest)
{
	ck_assert_ptr_null(guest_current());
	ck_assert_ptr_null(guest_current_call());
	for (int round = 0; round < 3; round++) {
		guest_enter("outer", "verify");
		ck_assert_str_eq(guest_current(), "outer");
		guest_enter("inner", "cancel");
		ck_assert_str_eq(guest_current(), "inner");
		ck_assert_str_eq(guest_current_call(), "cancel");
		guest_leave();
		ck_assert_str_eq(guest_current(), "outer");
		guest_leave();
		ck_assert_ptr_null(guest_current());
	}
}
END_TEST

START_TEST(deep_calls_come_back)
{
	for (int i = 0; i < 20; i++)
		guest_enter(i < 3 ? "shallow" : "deep", "verify");
	ck_assert_str_eq(guest_current(), "deep");
	for (int i = 0; i < 17; i++)
		guest_leave();
	ck_assert_str_eq(guest_current(), "shallow");
	for (int i = 0; i < 3; i++)
		guest_leave();
	ck_assert_ptr_null(guest_current());
}
END_TEST

START_TEST(a_thread_has_the_name_it_gave_itself)
{
	ck_assert_str_eq(guest_thread(), "");
	guest_thread_begin("a name that is too long");
	ck_assert_str_eq(guest_thread(), "a name that is ");
	guest_thread_end();
}
END_TEST

/* ---- what other threads see ---- */

struct thread {
	const char *name, *guest;
	enum guest_thread kind;
	bool turns;
	sem_t ready;
	atomic_bool stop;
};

static void *run(void *arg)
{
	struct thread *thread = arg;

	guest_thread_begin(thread->name);
	guest_thread_is(thread->kind);
	if (thread->turns)
		guest_turn_begin(clock_ns());
	if (thread->guest)
		guest_enter(thread->guest, "verify");
	sem_post(&thread->ready);
	while (!atomic_load(&thread->stop))
		poll(NULL, 0, 1);
	if (thread->guest)
		guest_leave();
	guest_thread_end();
	return NULL;
}

static void list_view(const struct guest_view *view, void *arg)
{
	char *list = arg;
	int64_t now_ns = clock_ns();

	if (view->call_ns)
		ck_assert(view->call_ns <= now_ns && now_ns - view->call_ns < 100 * GUEST_HANG_NS);
	snprintf(list + strlen(list), 256 - strlen(list), "%s %d %s.%s%s%s\n", view->thread,
	         view->kind, view->plugin ? view->plugin : "", view->call ? view->call : "",
	         view->call_ns ? " since" : "", view->turn_ns ? " turn" : "");
}

START_TEST(others_see_what_a_thread_does)
{
	struct thread threads[] = {
		{ .name = "idle" },
		{ .name = "w", .kind = GUEST_WORKER, .turns = true },
		{ .name = "p", .kind = GUEST_POOL, .guest = "auth" },
		{ .name = "busy", .kind = GUEST_WORKER, .guest = "acl", .turns = true }
	};
	pthread_t ids[4];
	char list[256] = "";

	for (int i = 0; i < 4; i++) {
		sem_init(&threads[i].ready, 0, 0);
		ck_assert_int_eq(pthread_create(&ids[i], NULL, run, &threads[i]), 0);
		sem_wait(&threads[i].ready);
	}
	guest_each(list_view, list);
	ck_assert_str_eq(list, "idle 0 .\nw 1 . turn\np 2 auth.verify since\n"
	                       "busy 1 acl.verify since turn\n");
	for (int i = 0; i < 4; i++) {
		atomic_store(&threads[i].stop, true);
		pthread_join(ids[i], NULL);
	}
	list[0] = '\0';
	guest_each(list_view, list);
	ck_assert_str_eq(list, "");
}
END_TEST

/* ---- slow calls ---- */

static void list_delay(const struct delay *delay, const char *thread, void *arg)
{
	char *list = arg;

	ck_assert_int_ge(delay->longest_ns, 20 * 1000000);
	snprintf(list + strlen(list), 256 - strlen(list), "%s %s.%s %u%s\n", thread,
	         delay->plugin ? delay->plugin : "", delay->call ? delay->call : "", delay->n,
	         delay->told ? " told" : "");
}

static void expect_delays(const char *expected)
{
	char list[256] = "";

	delays_take(list_delay, list);
	ck_assert_str_eq(list, expected);
}

static void call(const char *plugin, int ms)
{
	guest_enter(plugin, "verify");
	poll(NULL, 0, ms);
	guest_leave();
}

START_TEST(slow_calls_of_workers_are_noted)
{
	guest_thread_begin("w");
	guest_thread_is(GUEST_WORKER);
	call("before", 50);
	guest_set_slow(20 * 1000000);
	call("quick", 0);
	call("slow", 50);
	guest_enter("outer", "check");
	call("inner", 50);
	guest_leave();
	expect_delays("w inner.verify 1\nw slow.verify 1\n");
	guest_enter("outer", "check");
	call("inner", 0);
	poll(NULL, 0, 50);
	guest_leave();
	expect_delays("w outer.check 1\n");
	guest_thread_is(GUEST_ORDINARY);
	call("elsewhere", 50);
	guest_thread_is(GUEST_POOL);
	call("elsewhere", 50);
	expect_delays("");
	guest_thread_end();
}
END_TEST

static void tell(const struct guest_view *view, void *unused)
{
	(void)unused;
	*view->told_ns = view->call_ns;
}

START_TEST(a_call_that_was_told_is_noted_everywhere)
{
	guest_set_slow(20 * 1000000);
	guest_thread_begin("m");
	guest_enter("told", "create");
	guest_each(tell, NULL);
	poll(NULL, 0, 50);
	guest_leave();
	expect_delays("m told.create 1 told\n");
	call("told", 50);
	expect_delays("");
	guest_thread_end();
}
END_TEST

static void tell_turn(const struct guest_view *view, void *unused)
{
	(void)unused;
	*view->told_ns = view->turn_ns;
}

START_TEST(a_turn_that_was_told_is_noted)
{
	int64_t now_ns = clock_ns();

	guest_thread_begin("w");
	guest_turn_begin(now_ns);
	guest_turn_end(now_ns + 9 * GUEST_HANG_NS);
	expect_delays("");
	guest_turn_begin(now_ns);
	guest_each(tell_turn, NULL);
	guest_turn_end(now_ns + 9 * GUEST_HANG_NS);
	expect_delays("w . 1 told\n");
	guest_thread_end();
}
END_TEST

SUITE("guest", one_text_is_one_name, calls_nest, deep_calls_come_back,
      a_thread_has_the_name_it_gave_itself, others_see_what_a_thread_does,
      slow_calls_of_workers_are_noted, a_call_that_was_told_is_noted_everywhere,
      a_turn_that_was_told_is_noted)
