#include "host/meter.h"

#include "base/clock.h"
#include "scene/host_scene.h"
#include "suite.h"
#include "thread/delays.h"

static const spore_component auth = { .struct_size = sizeof auth,
	                              .kind = SPORE_KIND_AUTH,
	                              .name = "a" };

static double calls(const struct host_scene *scene, const char *labels)
{
	return host_scene_metric(scene, "spore_plugin_call_seconds", labels);
}

static double verdicts(const struct host_scene *scene, const char *labels)
{
	return host_scene_metric(scene, "spore_auth_verdicts_total", labels);
}

START_TEST(an_instance_has_the_series_of_its_role)
{
	struct host_scene scene;
	struct meter server, client;

	host_scene_open(&scene);
	meter_init(&server, scene.services.metrics, &auth, SPORE_ROLE_SERVER, "s");
	meter_init(&client, scene.services.metrics, &auth, SPORE_ROLE_CLIENT, "c");
	ck_assert_double_eq(calls(&scene, "kind=auth,plugin=s,call=verify"), 0);
	ck_assert_double_eq(calls(&scene, "kind=auth,plugin=s,call=answer"), -1);
	ck_assert_double_eq(calls(&scene, "kind=auth,plugin=c,call=verify"), -1);
	ck_assert_double_eq(calls(&scene, "kind=auth,plugin=c,call=answer"), 0);
	ck_assert_double_eq(verdicts(&scene, "plugin=s,verdict=allow,reason="), 0);
	ck_assert_double_eq(verdicts(&scene, "plugin=c,verdict=allow,reason="), -1);
	host_scene_close(&scene);
}
END_TEST

START_TEST(slow_calls_are_read_from_the_delays)
{
	struct host_scene scene;
	struct meter meter;

	host_scene_open(&scene);
	meter_init(&meter, scene.services.metrics, &auth, SPORE_ROLE_SERVER, "x");
	ck_assert_double_eq(host_scene_metric(&scene, "spore_plugin_slow_calls_total", "plugin=x"),
	                    0);
	delays_note(&(struct delay){ .plugin = "x", .call = "on_timer" }, "worker 0");
	delays_note(&(struct delay){ .plugin = "y", .call = "on_timer" }, "worker 0");
	ck_assert_double_eq(host_scene_metric(&scene, "spore_plugin_slow_calls_total", "plugin=x"),
	                    1);
	host_scene_close(&scene);
}
END_TEST

START_TEST(an_exporter_has_no_series)
{
	static const spore_component exporter = { .struct_size = sizeof exporter,
		                                  .kind = SPORE_KIND_METRICS,
		                                  .name = "e" };
	struct host_scene scene;
	struct meter meter;

	host_scene_open(&scene);
	meter_init(&meter, scene.services.metrics, &exporter, SPORE_ROLE_SERVER, "e");
	for (size_t i = 0; i < KIND_MAX_SLOTS; i++)
		ck_assert_uint_eq(meter.calls[i], 0);
	host_scene_close(&scene);
}
END_TEST

START_TEST(calls_are_counted_by_their_slot)
{
	struct host_scene scene;
	struct meter meter;

	host_scene_open(&scene);
	meter_init(&meter, scene.services.metrics, &auth, SPORE_ROLE_SERVER | SPORE_ROLE_CLIENT,
	           "x");
	meter_call(&meter, scene.loops[0], AUTH_VERIFY, clock_ns());
	meter_call(&meter, scene.loops[0], AUTH_VERIFY, clock_ns());
	meter_call(&meter, scene.loops[0], AUTH_ANSWER, clock_ns());
	ck_assert_double_eq(calls(&scene, "kind=auth,plugin=x,call=verify"), 2);
	ck_assert_double_eq(calls(&scene, "kind=auth,plugin=x,call=answer"), 1);
	host_scene_close(&scene);
}
END_TEST

START_TEST(verdicts_are_counted_by_what_they_say)
{
	static const struct {
		int32_t verdict;
		const char *labels;
	} cases[] = {
		{ SPORE_ALLOW, "plugin=x,verdict=allow,reason=" },
		{ SPORE_DENY, "plugin=x,verdict=deny,reason=" },
		{ SPORE_NEXT, "plugin=x,verdict=next,reason=" },
		{ SPORE_EBACKEND, "plugin=x,verdict=error,reason=backend" },
		{ SPORE_EPROTO, "plugin=x,verdict=error,reason=other" },
	};
	struct host_scene scene;
	struct meter meter;

	host_scene_open(&scene);
	meter_init(&meter, scene.services.metrics, &auth, SPORE_ROLE_SERVER, "x");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_double_eq(verdicts(&scene, cases[i].labels), 0);
		meter_verdict(&meter, scene.loops[0], cases[i].verdict, clock_ns());
		ck_assert_double_eq(verdicts(&scene, cases[i].labels), 1);
	}
	meter_verdict(&meter, scene.loops[0], 1, clock_ns()); /* not a verdict */
	ck_assert_double_eq(verdicts(&scene, "plugin=x,verdict=error,reason=other"), 2);
	ck_assert_double_eq(host_scene_metric(&scene, "spore_auth_verdict_seconds", "plugin=x"), 6);
	meter_no_verdict(&meter, scene.loops[0]);
	ck_assert_double_eq(verdicts(&scene, "plugin=x,verdict=none,reason=cancelled"), 1);
	ck_assert_double_eq(host_scene_metric(&scene, "spore_auth_verdict_seconds", "plugin=x"), 6);
	host_scene_close(&scene);
}
END_TEST

SUITE("meter", slow_calls_are_read_from_the_delays, an_instance_has_the_series_of_its_role,
      an_exporter_has_no_series, calls_are_counted_by_their_slot,
      verdicts_are_counted_by_what_they_say)
