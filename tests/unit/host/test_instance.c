#include "host/instance.h"

#include "loop/pool.h"
#include "scene/component_scene.h"
#include "suite.h"

/* A component that notes its calls, and fails where it is told to. */
static char calls[256];
static spore_status create_status, start_status;
static spore_ticket start_ticket;
static bool reports;

static void note(const char *call)
{
	snprintf(calls + strlen(calls), sizeof calls - strlen(calls), "%s ", call);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	note("create");
	ck_assert_str_eq(args->instance, "it");
	ck_assert_uint_eq(args->role, SPORE_ROLE_SERVER);
	ck_assert_uint_eq(args->point, 1);
	ck_assert_uint_eq(args->n_workers, 1);
	ck_assert_ptr_eq(args->host, host_table());
	if (reports)
		args->report(args, "/a", "is wrong");
	*instance_out = calls;
	return create_status;
}

static void destroy(void *instance)
{
	ck_assert_ptr_eq(instance, calls);
	note("destroy");
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	ck_assert_ptr_eq(instance, calls);
	ck_assert_uint_eq(host_table()->worker_index(worker), 0);
	ck_assert_int_eq((int)loop_index(loop_current()), 0);
	note("start");
	*state_out = calls + 1;
	start_ticket = ticket;
	return start_status;
}

static void worker_drain(void *state)
{
	ck_assert_ptr_eq(state, calls + 1);
	note("drain");
}

static void worker_stop(void *state)
{
	ck_assert_ptr_eq(state, calls + 1);
	note("stop");
}

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_METRICS,
	.name = "thing",
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_drain = worker_drain,
	.worker_stop = worker_stop,
};
static const spore_component plain = {
	.struct_size = offsetof(spore_component, worker_start),
	.kind = SPORE_KIND_METRICS,
	.name = "plain",
	.create = create,
	.destroy = destroy,
};

START_TEST(a_life_has_its_order)
{
	struct component_scene scene;

	component_scene_open(&scene, &component);
	ck_assert_str_eq(calls, "create start ");
	ck_assert_str_eq(scene.instance->name, "it");
	ck_assert_ptr_eq(instance_state(scene.instance, scene.host.loops[0]), calls + 1);
	component_scene_close(&scene);
	ck_assert_str_eq(calls, "create start drain stop destroy ");
}
END_TEST

/* Without worker_start the functions get the instance itself. */
START_TEST(the_state_of_a_simple_component_is_the_instance)
{
	struct component_scene scene;

	component_scene_open(&scene, &plain);
	ck_assert_ptr_eq(instance_state(scene.instance, scene.host.loops[0]), calls);
	component_scene_close(&scene);
	ck_assert_str_eq(calls, "create destroy ");
}
END_TEST

START_TEST(one_that_never_started_is_only_destroyed)
{
	struct component_scene scene = { .report = "" };

	host_scene_open(&scene.host);
	scene.instance = component_scene_make(&scene, &component);
	component_scene_close(&scene);
	ck_assert_str_eq(calls, "create destroy ");
}
END_TEST

START_TEST(a_failed_create_says_why_and_is_not_destroyed)
{
	struct component_scene scene = { .report = "" };

	host_scene_open(&scene.host);
	create_status = SPORE_EBACKEND;
	ck_assert_ptr_null(component_scene_make(&scene, &component));
	ck_assert_str_eq(scene.err.text, "cannot create plugin it: its back-end failed "
	                                 "(SPORE_EBACKEND); see also the log");
	create_status = SPORE_ECONFIG;
	reports = true;
	ck_assert_ptr_null(component_scene_make(&scene, &component));
	ck_assert_str_eq(scene.err.text, ""); /* the report says it all */
	ck_assert_str_eq(scene.report, "/a: is wrong");
	ck_assert_str_eq(calls, "create create ");
	component_scene_close(&scene);
}
END_TEST

/* worker_start may have left work behind, so the worker is still stopped, but without its state. */
START_TEST(a_failed_start_names_the_worker)
{
	struct component_scene scene = { .report = "" };

	host_scene_open(&scene.host);
	start_status = SPORE_ESYS;
	scene.instance = component_scene_make(&scene, &component);
	ck_assert(!instance_start(scene.instance, scene.host.loops, &scene.err));
	ck_assert_str_eq(scene.err.text,
	                 "cannot start plugin it on worker 0: a system call failed (SPORE_ESYS)");
	component_scene_close(&scene);
	ck_assert_str_eq(calls, "create start destroy ");
}
END_TEST

static const struct patience patient = { .until_ms = INT64_MAX }, impatient = { 0, NULL };

START_TEST(it_is_ready_when_it_says_so)
{
	struct component_scene scene;

	start_status = SPORE_EPENDING;
	component_scene_open(&scene, &component);
	ck_assert(!instance_await(scene.instance, &impatient, &scene.err));
	ck_assert_str_eq(scene.err.text, "plugin it is not ready on worker 0: expected "
	                                 "complete_start() within plugins.start_timeout");
	ck_assert_int_eq(host_table()->complete_start(start_ticket, SPORE_OK), SPORE_OK);
	ck_assert(instance_await(scene.instance, &patient, &scene.err));
	ck_assert_int_eq(host_table()->complete_start(start_ticket, SPORE_OK), SPORE_ESTALE);
	component_scene_close(&scene);
	ck_assert_str_eq(calls, "create start drain stop destroy ");
}
END_TEST

START_TEST(a_failure_may_come_later)
{
	struct component_scene scene;

	start_status = SPORE_EPENDING;
	component_scene_open(&scene, &component);
	ck_assert_int_eq(host_table()->complete_start(start_ticket, SPORE_EBACKEND), SPORE_OK);
	ck_assert(!instance_await(scene.instance, &patient, &scene.err));
	ck_assert_str_eq(scene.err.text, "cannot start plugin it on worker 0: its back-end failed "
	                                 "(SPORE_EBACKEND)");
	component_scene_close(&scene);
	ck_assert_str_eq(calls, "create start stop destroy ");
}
END_TEST

START_TEST(a_start_that_is_given_up_is_stale)
{
	struct component_scene scene;
	atomic_bool at_end = true;
	const struct patience over = { INT64_MAX, &at_end };

	start_status = SPORE_EPENDING;
	component_scene_open(&scene, &component);
	ck_assert(!instance_await(scene.instance, &over, &scene.err));
	ck_assert(instance_stop(scene.instance));
	ck_assert_int_eq(host_table()->complete_start(start_ticket, SPORE_OK), SPORE_ESTALE);
	ck_assert_str_eq(calls, "create start stop ");
	component_scene_close(&scene);
}
END_TEST

/* Only SPORE_EPENDING leaves it open. */
START_TEST(the_ticket_of_a_complete_start_is_stale)
{
	struct component_scene scene;

	component_scene_open(&scene, &component);
	ck_assert_int_eq(host_table()->complete_start(start_ticket, SPORE_OK), SPORE_ESTALE);
	ck_assert(instance_await(scene.instance, &impatient, &scene.err));
	component_scene_close(&scene);
}
END_TEST

START_TEST(work_in_flight_delays_the_stop)
{
	struct component_scene scene;
	struct spore_worker *worker;

	component_scene_open(&scene, &component);
	worker = &scene.instance->workers[0];
	ck_assert(instance_enter(worker));
	ck_assert(!instance_stop(scene.instance));
	ck_assert_str_eq(calls, "create start drain ");
	ck_assert(instance_enter(worker)); /* after the drain, too */
	instance_leave(worker);
	ck_assert(!instance_stop(scene.instance));
	instance_leave(worker);
	ck_assert(instance_stop(scene.instance));
	ck_assert_str_eq(calls, "create start drain stop ");
	ck_assert(!instance_enter(worker));
	ck_assert(instance_stop(scene.instance)); /* harmless */
	component_scene_close(&scene);
}
END_TEST

START_TEST(work_without_end_is_refused_after_a_second)
{
	struct component_scene scene;
	struct spore_worker *worker;
	int64_t begun_ms = clock_ms();

	component_scene_open(&scene, &component);
	worker = &scene.instance->workers[0];
	ck_assert(instance_enter(worker));
	while (instance_enter(worker)) {
		instance_leave(worker);
		ck_assert(!instance_stop(scene.instance));
		ck_assert_int_lt(clock_ms() - begun_ms, HOST_SCENE_MS);
	}
	ck_assert_int_ge(clock_ms() - begun_ms, 1000);
	ck_assert(!instance_stop(scene.instance)); /* the first one still runs */
	instance_leave(worker);
	ck_assert(instance_stop(scene.instance));
	component_scene_close(&scene);
}
END_TEST

static unsigned n_unused;

static void on_unused(struct instance *instance, void *arg)
{
	ck_assert_ptr_eq(instance->unused_arg, arg);
	n_unused++;
}

START_TEST(the_last_reference_is_noticed)
{
	struct component_scene scene;

	component_scene_open(&scene, &component);
	scene.instance->on_unused = on_unused;
	scene.instance->unused_arg = &n_unused;
	ck_assert_ptr_eq(instance_ref(scene.instance), scene.instance);
	instance_unref(scene.instance);
	ck_assert_uint_eq(n_unused, 0);
	instance_unref(scene.instance);
	ck_assert_uint_eq(n_unused, 1);
	ck_assert_ptr_null(instance_ref(NULL));
	instance_unref(NULL);
	component_scene_close(&scene);
}
END_TEST

START_TEST(the_pool_is_made_once)
{
	struct component_scene scene;
	struct pool *pool;

	component_scene_open(&scene, &component);
	ck_assert_ptr_null(scene.instance->pool);
	pool = instance_pool(scene.instance);
	ck_assert_ptr_nonnull(pool);
	ck_assert_ptr_eq(instance_pool(scene.instance), pool);
	component_scene_close(&scene);
}
END_TEST

SUITE("instance", a_life_has_its_order, the_state_of_a_simple_component_is_the_instance,
      one_that_never_started_is_only_destroyed, a_failed_create_says_why_and_is_not_destroyed,
      a_failed_start_names_the_worker, it_is_ready_when_it_says_so, a_failure_may_come_later,
      a_start_that_is_given_up_is_stale, the_ticket_of_a_complete_start_is_stale,
      work_in_flight_delays_the_stop, work_without_end_is_refused_after_a_second,
      the_last_reference_is_noticed, the_pool_is_made_once)
