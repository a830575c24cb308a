#include "process/culprit.h"

#include <pthread.h>
#include <semaphore.h>

#include "suite.h"
#include "thread/guest.h"
#include "thread/reading.h"
#include "thread/thread.h"

struct guest {
	const char *thread, *plugin, *call;
	pthread_t id;
	sem_t is_in, may_leave;
};

static struct guest guest(const char *thread, const char *plugin, const char *call)
{
	return (struct guest){ .thread = thread, .plugin = plugin, .call = call };
}

static void *visit(void *arg)
{
	struct guest *guest = arg;

	guest_thread_is(strncmp(guest->thread, "worker", 6) == 0 ? GUEST_WORKER : GUEST_ORDINARY);
	guest_enter(guest->plugin, guest->call);
	sem_post(&guest->is_in);
	sem_wait(&guest->may_leave);
	guest_leave();
	return NULL;
}

static void enter(struct guest *guest)
{
	sem_init(&guest->is_in, 0, 0);
	sem_init(&guest->may_leave, 0, 0);
	ck_assert_int_eq(thread_start(&guest->id, guest->thread, visit, guest), 0);
	sem_wait(&guest->is_in);
}

static void leave(struct guest *guest)
{
	sem_post(&guest->may_leave);
	pthread_join(guest->id, NULL);
}

static void expect(const char *text)
{
	char found[CULPRIT_TEXT_SIZE];

	ck_assert_str_eq(culprit_describe(found), text);
}

START_TEST(the_control_thread_comes_first)
{
	struct guest worker = guest("worker 1", "staff", "verify");
	struct guest pool = guest("pool", "slow", "work");
	struct guest control = guest("control", "late", "create");

	expect("no plugin is being called");
	enter(&pool);
	expect("no plugin is being called"); /* a pool's thread may block */
	enter(&worker);
	expect("plugin staff has not returned from verify() on worker 1 for 0 s");
	enter(&control);
	expect("plugin late has not returned from create() for 0 s");
	leave(&worker);
	expect("plugin late has not returned from create() for 0 s");
	leave(&control);
	leave(&pool);
	expect("no plugin is being called");
}
END_TEST

START_TEST(a_constructor_has_no_slot)
{
	struct guest control = guest("control", "/lib/auth_x.so", "load");

	enter(&control);
	expect("plugin /lib/auth_x.so has not returned from its constructors for 0 s");
	leave(&control);
}
END_TEST

START_TEST(the_oldest_call_of_the_workers_counts)
{
	struct guest first = guest("worker 0", "a", "verify");
	struct guest second = guest("worker 1", "b", "check");

	enter(&first);
	usleep(20000);
	enter(&second);
	usleep(1100000);
	expect("plugin a has not returned from verify() on worker 0 for 1 s");
	leave(&first);
	expect("plugin b has not returned from check() on worker 1 for 1 s");
	leave(&second);
}
END_TEST

START_TEST(a_file_that_is_read_comes_before_the_workers)
{
	struct guest worker = guest("worker 0", "a", "verify");
	struct guest control = guest("control", "late", "create");

	enter(&worker);
	reading_begin("/mnt/secret.key", "/auth/0/secret/file");
	expect("/mnt/secret.key, which /auth/0/secret/file names, has not been read for 0 s");
	enter(&control);
	expect("plugin late has not returned from create() for 0 s");
	leave(&control);
	reading_end();
	expect("plugin a has not returned from verify() on worker 0 for 0 s");
	leave(&worker);
}
END_TEST

SUITE("culprit", the_control_thread_comes_first, a_constructor_has_no_slot,
      the_oldest_call_of_the_workers_counts, a_file_that_is_read_comes_before_the_workers)
