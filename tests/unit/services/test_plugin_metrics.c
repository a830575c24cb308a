#include "services/plugin_metrics.h"

#include "scene/thing_scene.h"
#include "suite.h"

START_TEST(a_metric_has_the_prefix_of_its_component)
{
	const spore_metric_spec spec = { .struct_size = sizeof spec,
		                         .type = SPORE_METRIC_COUNTER,
		                         .name = "things_total",
		                         .help = "Things." };
	const spore_metric_spec nameless = { .struct_size = sizeof nameless,
		                             .type = SPORE_METRIC_COUNTER,
		                             .name = "!",
		                             .help = "x" };
	const spore_host *host = host_table();
	struct component_scene scene;
	uint32_t family, series;

	component_scene_open(&scene, &thing_scene);
	family = host->metric_family(thing_scene_ctx_of(&scene), &spec);
	ck_assert_uint_ne(family, 0);
	series = host->metric_series(family, NULL, 0);
	host->metric_add(&scene.instance->workers[0], series, 2);
	ck_assert_double_eq(host_scene_metric(&scene.host, "spore_thing_things_total", ""), 2);
	host->metric_add(NULL, series, 3);
	ck_assert_double_eq(host_scene_metric(&scene.host, "spore_thing_things_total", ""), 5);
	ck_assert_uint_eq(host->metric_family(thing_scene_ctx_of(&scene), &nameless), 0);
	component_scene_close(&scene);
}
END_TEST

static void check_family(const struct component_scene *scene, spore_metric_spec spec)
{
	spec.struct_size = sizeof spec;
	ck_assert_uint_eq(host_table()->metric_family(thing_scene_ctx_of(scene), &spec), 0);
}

START_TEST(metrics_take_no_nonsense)
{
	static const char *const labels[] = { "who" };
	const spore_metric_spec good = { .struct_size = sizeof good,
		                         .type = SPORE_METRIC_GAUGE,
		                         .name = "level",
		                         .labels = labels,
		                         .n_labels = 1 };
	spore_str none = { NULL, 4 }, two[] = { spore_cstr("a"), spore_cstr("b") };
	const spore_host *host = host_table();
	static char long_text[2000];
	struct component_scene scene;
	uint32_t family, series;
	spore_worker *worker;

	memset(long_text, 'x', sizeof long_text - 1);
	component_scene_open(&scene, &thing_scene);
	worker = &scene.instance->workers[0];
	ck_assert_uint_eq(host->metric_family(thing_scene_ctx_of(&scene), NULL), 0);
	ck_assert_uint_eq(host->metric_family(NULL, &good), 0);
	check_family(&scene, (spore_metric_spec){ .type = SPORE_METRIC_GAUGE });
	check_family(&scene, (spore_metric_spec){ .type = SPORE_METRIC_GAUGE, .name = long_text });
	check_family(&scene, (spore_metric_spec){ .type = 77, .name = "x" });
	check_family(&scene,
	             (spore_metric_spec){ .type = SPORE_METRIC_GAUGE, .name = "x", .n_labels = 1 });
	check_family(&scene, (spore_metric_spec){
				     .type = SPORE_METRIC_HISTOGRAM, .name = "x", .n_bounds = 1 });
	family = host->metric_family(thing_scene_ctx_of(&scene), &good);
	ck_assert_uint_ne(family, 0);
	ck_assert_uint_eq(host->metric_series(family, NULL, 1), 0);
	ck_assert_uint_eq(host->metric_series(family, &none, 1), 0);
	ck_assert_uint_eq(host->metric_series(family, two, 2), 0);
	ck_assert_uint_eq(host->metric_series(family + 1000, two, 1), 0);
	ck_assert_uint_eq(host->metric_series(family, &(spore_str){ long_text, 1025 }, 1), 0);
	series = host->metric_series(family, two, 1);
	ck_assert_uint_ne(series, 0);
	host->metric_observe(worker, series, 1); /* of another type */
	host->metric_add(worker, series + 100000, 1);
	host->metric_set(worker, UINT32_MAX, 1);
	host->metric_set(NULL, 12345, 1);
	host->metric_add(worker, 0, 1);
	ck_assert_double_eq(host_scene_metric(&scene.host, "spore_thing_level", "who=a"), 0);
	component_scene_close(&scene);
}
END_TEST

SUITE("plugin_metrics", a_metric_has_the_prefix_of_its_component, metrics_take_no_nonsense)
