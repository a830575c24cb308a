#include "host/lend.h"

#include <fcntl.h>
#include <stdatomic.h>

#include "component_scene.h"
#include "host/instance.h"
#include "suite.h"

static spore_status create(const spore_create_args *args, void **instance_out)
{
	*instance_out = (void *)(uintptr_t)args->host;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	(void)instance;
}

static const spore_component component = {
	.struct_size = offsetof(spore_component, worker_start),
	.kind = SPORE_KIND_METRICS,
	.name = "thing",
	.create = create,
	.destroy = destroy,
};

/* What a plugin does on its worker, and what comes of it. */
struct user {
	struct component_scene scene;
	struct spore_worker *worker;
	spore_timer *timer;
	spore_io *io;
	spore_resolve *resolve;
	int fds[2];
	spore_status status;
	atomic_uint n_calls;
	atomic_bool on_worker, done;
};

static void open_user(struct user *user)
{
	memset(user, 0, sizeof *user);
	component_scene_open(&user->scene, &component);
	user->worker = &user->scene.instance->workers[0];
}

static void close_user(struct user *user)
{
	component_scene_close(&user->scene);
}

static void run(struct user *user, void (*fn)(void *arg))
{
	host_scene_call(&user->scene.host, fn, user);
}

static bool is_done(void *arg)
{
	return atomic_load(&((struct user *)arg)->done);
}

static void note_call(void *arg)
{
	struct user *user = arg;

	atomic_fetch_add(&user->n_calls, 1);
	atomic_store(&user->on_worker, loop_current() == user->scene.host.loops[0]);
	atomic_store(&user->done, true);
}

/* ---- timers ---- */

static void on_tick(void *arg)
{
	struct user *user = arg;

	if (atomic_fetch_add(&user->n_calls, 1) < 2)
		return;
	lend_timer_stop(user->timer); /* within its own callback */
	user->timer = NULL;
	atomic_store(&user->done, true);
}

static void start_ticking(void *arg)
{
	struct user *user = arg;

	user->timer = lend_timer_start(user->worker, 1, 1, on_tick, user);
	ck_assert_ptr_nonnull(user->timer);
}

START_TEST(a_timer_repeats_until_it_is_stopped)
{
	struct user user;

	open_user(&user);
	run(&user, start_ticking);
	ck_assert(host_scene_wait(is_done, &user));
	ck_assert_uint_eq(atomic_load(&user.n_calls), 3);
	ck_assert(list_is_empty(&user.worker->lent));
	lend_timer_stop(NULL);
	close_user(&user);
	ck_assert_uint_eq(atomic_load(&user.n_calls), 3);
}
END_TEST

/* ---- watchers ---- */

static void on_readable(void *arg, uint32_t events)
{
	struct user *user = arg;
	char byte;

	ck_assert_uint_eq(events, SPORE_READ);
	ck_assert_int_eq(read(user->fds[0], &byte, 1), 1);
	lend_io_update(user->io, 0);
	note_call(user);
}

static void watch_pipe(void *arg)
{
	struct user *user = arg;

	user->io = lend_io_start(user->worker, user->fds[0], 0, on_readable, user);
	ck_assert_ptr_nonnull(user->io);
	lend_io_update(user->io, SPORE_READ);
}

static void stop_watching(void *arg)
{
	lend_io_stop(((struct user *)arg)->io);
	lend_io_stop(NULL);
}

START_TEST(a_watcher_reports_what_it_was_asked_for)
{
	struct user user;

	open_user(&user);
	ck_assert_int_eq(pipe2(user.fds, O_CLOEXEC | O_NONBLOCK), 0);
	run(&user, watch_pipe);
	ck_assert_int_eq(write(user.fds[1], "xy", 2), 2);
	ck_assert(host_scene_wait(is_done, &user));
	run(&user, stop_watching);
	ck_assert_uint_eq(atomic_load(&user.n_calls), 1); /* the second byte was not asked for */
	ck_assert(list_is_empty(&user.worker->lent));
	close_user(&user);
	close(user.fds[0]);
	close(user.fds[1]);
}
END_TEST

/* ---- posts and jobs ---- */

START_TEST(a_post_runs_on_the_worker)
{
	struct user user;

	open_user(&user);
	ck_assert_int_eq(lend_post(user.worker, note_call, &user), SPORE_OK);
	ck_assert(host_scene_wait(is_done, &user));
	ck_assert(atomic_load(&user.on_worker));
	close_user(&user);
}
END_TEST

static void work(void *arg)
{
	struct user *user = arg;

	ck_assert_ptr_null(loop_current());
	atomic_fetch_add(&user->n_calls, 10);
}

START_TEST(a_job_runs_on_the_pool_and_ends_on_the_worker)
{
	struct user user;

	open_user(&user);
	ck_assert_int_eq(lend_offload(user.worker, work, note_call, &user), SPORE_OK);
	ck_assert(host_scene_wait(is_done, &user));
	ck_assert_uint_eq(atomic_load(&user.n_calls), 11);
	ck_assert(atomic_load(&user.on_worker));
	close_user(&user);
}
END_TEST

START_TEST(an_instance_that_stops_takes_no_more_work)
{
	struct user user;

	open_user(&user);
	ck_assert(host_scene_wait(component_scene_is_stopped, user.scene.instance));
	ck_assert_int_eq(lend_post(user.worker, note_call, &user), SPORE_ESTALE);
	ck_assert_int_eq(lend_offload(user.worker, work, note_call, &user), SPORE_ESTALE);
	ck_assert_uint_eq(atomic_load(&user.worker->instance->work), INSTANCE_CLOSED);
	close_user(&user);
	ck_assert_uint_eq(atomic_load(&user.n_calls), 0);
}
END_TEST

/* ---- look-ups ---- */

static void on_resolved(void *arg, spore_status status, const spore_addr *addrs, size_t n)
{
	struct user *user = arg;

	user->status = status;
	if (status == SPORE_OK)
		ck_assert(n == 1 && addrs[0].port == 80 && addrs[0].family == 4);
	note_call(user);
}

static void start_look_up(void *arg)
{
	struct user *user = arg;

	user->resolve = lend_resolve(user->worker, "127.0.0.1", 80, on_resolved, user);
	ck_assert_ptr_nonnull(user->resolve);
}

START_TEST(a_name_becomes_addresses)
{
	struct user user;

	open_user(&user);
	run(&user, start_look_up);
	ck_assert(host_scene_wait(is_done, &user));
	ck_assert_int_eq(user.status, SPORE_OK);
	ck_assert(list_is_empty(&user.worker->lent));
	close_user(&user);
}
END_TEST

static void start_and_stop_look_up(void *arg)
{
	struct user *user = arg;

	start_look_up(user);
	lend_resolve_stop(user->resolve);
	lend_resolve_stop(NULL);
}

START_TEST(a_stopped_look_up_is_silent)
{
	struct user user;

	open_user(&user);
	run(&user, start_and_stop_look_up);
	close_user(&user);
	ck_assert_uint_eq(atomic_load(&user.n_calls), 0);
}
END_TEST

/* ---- leaks ---- */

static void leak_all(void *arg)
{
	struct user *user = arg;

	ck_assert_ptr_nonnull(lend_timer_start(user->worker, 60000, 0, note_call, user));
	watch_pipe(user);
	start_look_up(user);
}

START_TEST(what_a_plugin_forgets_is_released)
{
	struct user user;

	open_user(&user);
	ck_assert_int_eq(pipe2(user.fds, O_CLOEXEC | O_NONBLOCK), 0);
	run(&user, leak_all);
	ck_assert(host_scene_wait(component_scene_is_stopped, user.scene.instance));
	ck_assert(list_is_empty(&user.worker->lent));
	close_user(&user);
	close(user.fds[0]);
	close(user.fds[1]);
}
END_TEST

SUITE("lend", a_timer_repeats_until_it_is_stopped, a_watcher_reports_what_it_was_asked_for,
      a_post_runs_on_the_worker, a_job_runs_on_the_pool_and_ends_on_the_worker,
      an_instance_that_stops_takes_no_more_work, a_name_becomes_addresses,
      a_stopped_look_up_is_silent, what_a_plugin_forgets_is_released)
