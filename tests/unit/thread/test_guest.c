#include "thread/guest.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

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

struct thread {
	const char *name, *guest;
	bool busy; /* enters and leaves calls */
	sem_t ready;
	atomic_bool stop;
};

static void *run(void *arg)
{
	struct thread *thread = arg;

	guest_thread_begin(thread->name);
	if (thread->guest)
		guest_enter(thread->guest, "verify");
	sem_post(&thread->ready);
	while (!atomic_load(&thread->stop)) {
		if (thread->busy) {
			guest_leave();
			guest_enter(thread->guest, "verify");
		}
		poll(NULL, 0, 1);
	}
	guest_thread_end();
	return NULL;
}

static void list_stuck(const char *thread, const char *guest, void *arg)
{
	char *list = arg;

	snprintf(list + strlen(list), 128 - strlen(list), "%s in %s\n", thread, guest);
}

START_TEST(who_stays_in_one_call_is_stuck)
{
	struct thread threads[] = { { .name = "idle" },
		                    { .name = "busy", .guest = "acl", .busy = true },
		                    { .name = "stuck", .guest = "auth" } };
	pthread_t ids[3];
	char list[128] = "";

	for (int i = 0; i < 3; i++) {
		sem_init(&threads[i].ready, 0, 0);
		ck_assert_int_eq(pthread_create(&ids[i], NULL, run, &threads[i]), 0);
		sem_wait(&threads[i].ready);
	}
	guest_each_stuck(200, list_stuck, list);
	ck_assert_str_eq(list, "stuck in auth\n");
	for (int i = 0; i < 3; i++) {
		atomic_store(&threads[i].stop, true);
		pthread_join(ids[i], NULL);
	}
	list[0] = '\0';
	guest_each_stuck(1, list_stuck, list);
	ck_assert_str_eq(list, "");
}
END_TEST

SUITE("guest", one_text_is_one_name, calls_nest, deep_calls_come_back,
      a_thread_has_the_name_it_gave_itself, who_stays_in_one_call_is_stuck)
