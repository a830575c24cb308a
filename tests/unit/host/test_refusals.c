#include "host/refusals.h"

#include "scene/host_scene.h"
#include "suite.h"

static double count(const struct host_scene *scene, const char *labels)
{
	return host_scene_metric(scene, "spore_acl_refusals_total", labels);
}

START_TEST(each_reason_is_counted)
{
	struct host_scene scene;
	struct refusals refusals;

	host_scene_open(&scene);
	refusals_init(&refusals);
	refusals_register(&refusals, scene.services.metrics, SPORE_ACL_AT_PUBLIC, "gate");
	ck_assert_double_eq(count(&scene, "at=public,plugin=gate,reason="), 0);
	refusals_count(&refusals, scene.loops[0], "late");
	refusals_count(&refusals, scene.loops[0], "");
	refusals_count(&refusals, scene.loops[0], "late");
	ck_assert_double_eq(count(&scene, "at=public,plugin=gate,reason="), 1);
	ck_assert_double_eq(count(&scene, "at=public,plugin=gate,reason=late"), 2);
	refusals_fini(&refusals);
	host_scene_close(&scene);
}
END_TEST

START_TEST(many_reasons_are_counted_together)
{
	struct host_scene scene;
	struct refusals refusals;
	char reason[32], labels[64];

	host_scene_open(&scene);
	refusals_init(&refusals);
	refusals_register(&refusals, scene.services.metrics, SPORE_ACL_AT_CONTROL, "gate");
	for (int i = 0; i < 100; i++) {
		snprintf(reason, sizeof reason, "reason %d", i);
		refusals_count(&refusals, scene.loops[0], reason);
		snprintf(labels, sizeof labels, "at=control,plugin=gate,reason=%s", reason);
		ck_assert_double_eq(count(&scene, labels), i < REFUSALS_MAX - 1 ? 1 : -1);
	}
	ck_assert_double_eq(count(&scene, "at=control,plugin=gate,reason=other"),
	                    100 - (REFUSALS_MAX - 1));
	refusals_count(&refusals, scene.loops[0], "reason 3");
	ck_assert_double_eq(count(&scene, "at=control,plugin=gate,reason=reason 3"), 2);
	refusals_fini(&refusals);
	host_scene_close(&scene);
}
END_TEST

START_TEST(without_series_nothing_is_counted)
{
	struct host_scene scene;
	struct refusals refusals;

	host_scene_open(&scene);
	refusals_init(&refusals);
	refusals_count(&refusals, scene.loops[0], "x");
	ck_assert_double_eq(count(&scene, "at=public,plugin=gate,reason=x"), -1);
	refusals_fini(&refusals);
	host_scene_close(&scene);
}
END_TEST

SUITE("refusals", each_reason_is_counted, many_reasons_are_counted_together,
      without_series_nothing_is_counted)
