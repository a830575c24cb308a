#include "services/lend.h"

#include <fcntl.h>
#include <stdatomic.h>

#include "host/instance.h"
#include "scene/component_scene.h"
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
	spore_timer timer;
	spore_io io;
	spore_resolve resolve;
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
	ck_assert_int_eq(lend_timer_stop(user->timer), SPORE_OK); /* within its own callback */
	ck_assert_int_eq(lend_timer_stop(user->timer), SPORE_ESTALE);
	atomic_store(&user->done, true);
}

static void start_ticking(void *arg)
{
	struct user *user = arg;

	ck_assert_int_eq(lend_timer_start(user->worker, 1, 1, on_tick, user, &user->timer),
	                 SPORE_OK);
}

START_TEST(a_timer_repeats_until_it_is_stopped)
{
	struct user user;

	open_user(&user);
	run(&user, start_ticking);
	ck_assert(host_scene_wait(is_done, &user));
	ck_assert_uint_eq(atomic_load(&user.n_calls), 3);
	ck_assert(list_is_empty(&user.worker->lent));
	close_user(&user);
	ck_assert_uint_eq(atomic_load(&user.n_calls), 3);
}
END_TEST

static void start_late(void *arg)
{
	struct user *user = arg;

	ck_assert_int_eq(lend_timer_start(user->worker, 60000, 0, note_call, user, &user->timer),
	                 SPORE_OK);
}

static void start_again(void *arg)
{
	struct user *user = arg;

	atomic_store(&user->done, false);
	ck_assert_int_eq(lend_timer_update(user->timer, 1, 0), SPORE_OK);
}

START_TEST(a_timer_can_be_started_again)
{
	struct user user;

	open_user(&user);
	run(&user, start_late);
	for (unsigned i = 1; i <= 3; i++) { /* at first it has not fired, then it has */
		run(&user, start_again);
		ck_assert(host_scene_wait(is_done, &user));
		ck_assert_uint_eq(atomic_load(&user.n_calls), i);
	}
	close_user(&user);
}
END_TEST

/* ---- watchers ---- */

static void on_readable(void *arg, uint32_t events)
{
	struct user *user = arg;
	char byte;

	ck_assert_uint_eq(events, SPORE_READ);
	ck_assert_int_eq(read(user->fds[0], &byte, 1), 1);
	ck_assert_int_eq(lend_io_update(user->io, 0), SPORE_OK);
	note_call(user);
}

static void watch_pipe(void *arg)
{
	struct user *user = arg;

	ck_assert_int_eq(lend_io_start(user->worker, user->fds[0], 0, on_readable, user, &user->io),
	                 SPORE_OK);
	ck_assert_int_eq(lend_io_update(user->io, SPORE_READ), SPORE_OK);
}

static void stop_watching(void *arg)
{
	struct user *user = arg;

	ck_assert_int_eq(lend_io_stop(user->io), SPORE_OK);
	ck_assert_int_eq(lend_io_stop(user->io), SPORE_ESTALE);
	ck_assert_int_eq(lend_io_update(user->io, SPORE_READ), SPORE_ESTALE);
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

	ck_assert_int_eq(
		lend_resolve(user->worker, "127.0.0.1", 80, on_resolved, user, &user->resolve),
		SPORE_OK);
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
	ck_assert_int_eq(lend_resolve_stop(user->resolve), SPORE_OK);
	ck_assert_int_eq(lend_resolve_stop(user->resolve), SPORE_ESTALE);
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

	start_late(user);
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

/* ---- mistakes ---- */

static void ignore(void *arg)
{
	(void)arg;
}

static void ignore_events(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
}

static void ignore_addresses(void *arg, spore_status status, const spore_addr *addrs, size_t n)
{
	(void)arg;
	(void)status;
	(void)addrs;
	(void)n;
}

static void pass_bad_times(void *arg)
{
	spore_worker *worker = ((struct user *)arg)->worker;
	spore_timer timer = { 1 };

	ck_assert_int_eq(lend_timer_start(NULL, 1, 0, ignore, NULL, &timer), SPORE_EINVAL);
	ck_assert_uint_eq(timer.id, 0);
	ck_assert_int_eq(lend_timer_start(worker, 1, 0, NULL, NULL, &timer), SPORE_EINVAL);
	ck_assert_int_eq(lend_timer_start(worker, 1, 0, ignore, NULL, NULL), SPORE_EINVAL);
	ck_assert_int_eq(lend_timer_start(worker, -1, 0, ignore, NULL, &timer), SPORE_EINVAL);
	ck_assert_int_eq(lend_timer_start(worker, 1, -1, ignore, NULL, &timer), SPORE_EINVAL);
	ck_assert_int_eq(lend_timer_start(worker, INT64_MAX, INT64_MAX, ignore, NULL, &timer),
	                 SPORE_OK);
	ck_assert_int_eq(lend_timer_update(timer, INT64_MIN, 0), SPORE_EINVAL);
	ck_assert_int_eq(lend_timer_stop(timer), SPORE_OK);
	ck_assert_int_eq(lend_timer_update(timer, 1, 0), SPORE_ESTALE);
	ck_assert_int_eq(lend_timer_update((spore_timer){ 0 }, 1, 0), SPORE_ESTALE);
	ck_assert_int_eq(lend_timer_stop((spore_timer){ 0 }), SPORE_OK);
	ck_assert_int_eq(lend_timer_stop((spore_timer){ UINT64_MAX }), SPORE_ESTALE);
}

static void pass_bad_descriptors(void *arg)
{
	spore_worker *worker = ((struct user *)arg)->worker;
	int fds[2], root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	spore_timer timer;
	spore_io io;

	ck_assert(root >= 0 && pipe2(fds, O_CLOEXEC) == 0);
	ck_assert_int_eq(lend_io_start(worker, -1, SPORE_READ, ignore_events, NULL, &io),
	                 SPORE_EINVAL);
	ck_assert_uint_eq(io.id, 0);
	ck_assert_int_eq(lend_io_start(worker, 999, SPORE_READ, ignore_events, NULL, &io),
	                 SPORE_EINVAL);
	ck_assert_int_eq(lend_io_start(worker, root, SPORE_READ, ignore_events, NULL, &io),
	                 SPORE_EUNSUPPORTED);
	ck_assert_int_eq(lend_io_start(worker, fds[0], 4, ignore_events, NULL, &io), SPORE_EINVAL);
	ck_assert_int_eq(lend_io_start(worker, fds[0], SPORE_READ, NULL, NULL, &io), SPORE_EINVAL);
	ck_assert_int_eq(lend_io_start(worker, fds[0], SPORE_READ, ignore_events, NULL, NULL),
	                 SPORE_EINVAL);
	ck_assert_int_eq(lend_io_start(worker, fds[0], SPORE_READ, ignore_events, NULL, &io),
	                 SPORE_OK);
	ck_assert_int_eq(lend_io_update(io, 8), SPORE_EINVAL);
	timer.id = io.id;
	ck_assert_int_eq(lend_timer_stop(timer), SPORE_EINVAL); /* of another kind */
	ck_assert_int_eq(lend_io_stop(io), SPORE_OK);
	ck_assert(list_is_empty(&worker->lent));
	close(fds[0]);
	close(fds[1]);
	close(root);
}

static void close_too_early(void *arg)
{
	spore_worker *worker = ((struct user *)arg)->worker;
	int fds[2];
	spore_io io;

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(lend_io_start(worker, fds[0], SPORE_READ, ignore_events, NULL, &io),
	                 SPORE_OK);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(lend_io_update(io, SPORE_WRITE), SPORE_EINVAL);
	ck_assert_int_eq(lend_io_stop(io), SPORE_EINVAL);
	ck_assert_int_eq(lend_io_stop(io), SPORE_ESTALE);
	ck_assert(list_is_empty(&worker->lent));
}

static void pass_bad_names(void *arg)
{
	spore_worker *worker = ((struct user *)arg)->worker;
	char name[257];
	spore_resolve resolve;

	memset(name, 'a', sizeof name);
	name[256] = '\0';
	ck_assert_int_eq(lend_resolve(worker, NULL, 1, ignore_addresses, NULL, &resolve),
	                 SPORE_EINVAL);
	ck_assert_int_eq(lend_resolve(worker, "", 1, ignore_addresses, NULL, &resolve),
	                 SPORE_EINVAL);
	ck_assert_int_eq(lend_resolve(worker, name, 1, ignore_addresses, NULL, &resolve),
	                 SPORE_EINVAL);
	ck_assert_int_eq(lend_resolve(worker, "x", 1, NULL, NULL, &resolve), SPORE_EINVAL);
	ck_assert_int_eq(lend_resolve(worker, "x", 1, ignore_addresses, NULL, NULL), SPORE_EINVAL);
	name[255] = '\0';
	ck_assert_int_eq(lend_resolve(worker, name, 1, ignore_addresses, NULL, &resolve), SPORE_OK);
	ck_assert_int_eq(lend_resolve_stop(resolve), SPORE_OK);
}

START_TEST(bad_arguments_are_errors)
{
	struct user user;

	open_user(&user);
	run(&user, pass_bad_times);
	run(&user, pass_bad_descriptors);
	run(&user, close_too_early);
	run(&user, pass_bad_names);
	ck_assert(list_is_empty(&user.worker->lent));
	ck_assert_int_eq(lend_post(user.worker, NULL, NULL), SPORE_EINVAL);
	ck_assert_int_eq(lend_post(NULL, ignore, NULL), SPORE_EINVAL);
	ck_assert_int_eq(lend_offload(user.worker, NULL, ignore, NULL), SPORE_EINVAL);
	ck_assert_int_eq(lend_offload(user.worker, ignore, NULL, NULL), SPORE_EINVAL);
	ck_assert_int_eq(lend_offload(NULL, ignore, ignore, NULL), SPORE_EINVAL);
	close_user(&user);
}
END_TEST

/* The test's own thread is not the worker's. */
START_TEST(another_thread_is_refused)
{
	spore_resolve resolve;
	spore_timer timer;
	struct user user;
	spore_io io;

	open_user(&user);
	run(&user, start_late);
	ck_assert_int_eq(lend_timer_stop(user.timer), SPORE_EINVAL);
	ck_assert_int_eq(lend_timer_update(user.timer, 1, 0), SPORE_EINVAL);
	ck_assert_int_eq(lend_timer_start(user.worker, 1, 0, ignore, NULL, &timer), SPORE_EINVAL);
	ck_assert_int_eq(lend_io_start(user.worker, 0, SPORE_READ, ignore_events, NULL, &io),
	                 SPORE_EINVAL);
	ck_assert_int_eq(lend_resolve(user.worker, "x", 1, ignore_addresses, NULL, &resolve),
	                 SPORE_EINVAL);
	ck_assert(!list_is_empty(&user.worker->lent));
	close_user(&user);
}
END_TEST

SUITE("lend", bad_arguments_are_errors, another_thread_is_refused, a_timer_can_be_started_again,
      a_timer_repeats_until_it_is_stopped, a_watcher_reports_what_it_was_asked_for,
      a_post_runs_on_the_worker, a_job_runs_on_the_pool_and_ends_on_the_worker,
      an_instance_that_stops_takes_no_more_work, a_name_becomes_addresses,
      a_stopped_look_up_is_silent, what_a_plugin_forgets_is_released)
