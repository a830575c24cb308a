#include "carry/failure.h"

#include "scene/proxy_scene.h"
#include "suite.h"

static double declined_for_descriptors(struct proxy_scene *scene, unsigned spare)
{
	struct rlimit before = few_descriptors_begin(spare);

	proxy_scene_start(scene);
	proxy_scene_expect_declined(scene);
	few_descriptors_end(&before);
	proxy_scene_wait_carried(scene, 0);
	ck_assert(proxy_scene_failures(scene, NULL) == proxy_scene_failures(scene, "descriptors"));
	return proxy_scene_failures(scene, "descriptors");
}

/* Neither connection gets one, or one does. The service is not to blame, also if the server would
 * read that. */
START_TEST(a_visitor_without_descriptors_is_declined_at_once)
{
	struct proxy_scene scene;

	proxy_scene_open(&scene, NULL);
	ck_assert(declined_for_descriptors(&scene, 0) == 1);
	ck_assert(declined_for_descriptors(&scene, 1) == 2);
	decline_on(&scene.decliner, &scene.link, true);
	ck_assert(declined_for_descriptors(&scene, 0) == 3);
	proxy_scene_close(&scene);
}
END_TEST

START_TEST(a_shortage_is_the_reason_before_any_other)
{
	ck_assert_str_eq(failure_text(SHORTAGE_NONE, "refused"), "refused");
	ck_assert_str_eq(failure_text(SHORTAGE_MEMORY, "refused"), "out of memory");
	ck_assert_str_eq(failure_text(SHORTAGE_DESCRIPTORS, "refused"), "no descriptor is left");
	ck_assert_str_eq(failure_text(SHORTAGE_FILES, "refused"), "no descriptor is left");
}
END_TEST

SUITE("failure", a_visitor_without_descriptors_is_declined_at_once,
      a_shortage_is_the_reason_before_any_other)
