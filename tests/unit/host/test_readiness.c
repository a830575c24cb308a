#include "host/readiness.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "base/clock.h"
#include "suite.h"
#include "thread/guest.h"

static const int64_t second_ns = 1000000000;

struct worker {
	const char *name, *plugin;
	int64_t turn_ns; /* when its turn began */
	sem_t begun, end;
	pthread_t thread;
};

static void *run(void *arg)
{
	struct worker *worker = arg;

	guest_thread_begin(worker->name);
	guest_thread_is(GUEST_WORKER);
	guest_turn_begin(worker->turn_ns);
	if (worker->plugin)
		guest_enter(worker->plugin, "verify");
	sem_post(&worker->begun);
	sem_wait(&worker->end);
	guest_thread_end();
	return NULL;
}

static void begin(struct worker *worker)
{
	sem_init(&worker->begun, 0, 0);
	sem_init(&worker->end, 0, 0);
	ck_assert_int_eq(pthread_create(&worker->thread, NULL, run, worker), 0);
	sem_wait(&worker->begun);
}

static void end(struct worker *worker)
{
	sem_post(&worker->end);
	pthread_join(worker->thread, NULL);
}

static void expect(bool ready, const char *why)
{
	char text[256];

	ck_assert_uint_eq(readiness_extension.is_ready(), ready);
	ck_assert_uint_eq(readiness_extension.explain(text, sizeof text), ready);
	ck_assert_str_eq(text, why);
}

START_TEST(it_is_ready_while_it_serves)
{
	expect(false, "the process does not serve yet, or not any more");
	readiness_set(true);
	expect(true, "");
	readiness_set(false);
	expect(false, "the process does not serve yet, or not any more");
}
END_TEST

START_TEST(a_client_names_what_is_missing)
{
	readiness_give_reason("1 of 2 tunnels open; not open: web");
	expect(false, "1 of 2 tunnels open; not open: web");
	readiness_set(true);
	expect(true, "");
}
END_TEST

START_TEST(it_is_not_while_an_obstacle_stands)
{
	readiness_set_obstacle("no address");
	expect(false, "the process does not serve yet, or not any more");
	readiness_set(true);
	expect(false, "no address");
	readiness_set_obstacle("");
	expect(true, "");
}
END_TEST

START_TEST(it_is_not_while_a_worker_hangs)
{
	int64_t now_ns = clock_ns();
	struct worker quick = { .name = "worker 0", .plugin = "a", .turn_ns = now_ns };
	struct worker stuck = { .name = "worker 1",
		                .plugin = "staff",
		                .turn_ns = now_ns - 7 * second_ns - second_ns / 2 };
	struct worker lost = { .name = "worker 2", .turn_ns = now_ns - 1201 * second_ns / 2 };

	readiness_set(true);
	readiness_set_limit(5 * second_ns);
	begin(&quick);
	expect(true, "");
	begin(&stuck);
	expect(false, "worker 1 hangs for 7 s in plugin staff, call verify");
	begin(&lost);
	expect(false, "worker 1 hangs for 7 s in plugin staff, call verify; 1 more workers hang");
	end(&stuck);
	expect(false, "worker 2 hangs for 600 s");
	readiness_set_limit(INT64_MAX);
	expect(true, "");
	readiness_set_limit(0);
	end(&lost);
	end(&quick);
	expect(true, "");
}
END_TEST

START_TEST(the_text_is_cut)
{
	char text[8];

	ck_assert(!readiness_explain(text, sizeof text));
	ck_assert_str_eq(text, "the pro");
}
END_TEST

SUITE("readiness", it_is_not_while_an_obstacle_stands, a_client_names_what_is_missing,
      it_is_ready_while_it_serves, it_is_not_while_a_worker_hangs, the_text_is_cut)
