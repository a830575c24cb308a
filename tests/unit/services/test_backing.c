#include "services/backing.h"

#include "scene/thing_scene.h"
#include "suite.h"

START_TEST(the_name_of_an_instance_is_known)
{
	struct component_scene scene;

	component_scene_open(&scene, &thing_scene);
	ck_assert_ptr_eq(backing_name(thing_scene_ctx_of(&scene)), scene.instance->name);
	ck_assert_ptr_null(backing_name(NULL));
	ck_assert_ptr_eq(backing()->metrics, host_metrics());
	component_scene_close(&scene);
}
END_TEST

START_TEST(only_missing_bytes_are_a_mistake)
{
	ck_assert(backing_is_null((spore_str){ NULL, 1 }));
	ck_assert(!backing_is_null((spore_str){ NULL, 0 }));
	ck_assert(!backing_is_null(spore_cstr("x")));
}
END_TEST

SUITE("backing", the_name_of_an_instance_is_known, only_missing_bytes_are_a_mistake)
