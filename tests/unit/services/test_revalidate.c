#include "services/revalidate.h"

#include "scene/thing_scene.h"
#include "suite.h"

START_TEST(a_client_cannot_revalidate)
{
	const spore_host *host = host_table();
	struct component_scene scene;

	component_scene_open(&scene, &thing_scene);
	ck_assert_int_eq(host->auth_revalidate(thing_scene_ctx_of(&scene), spore_cstr("a"),
	                                       SPORE_NEXT, NULL),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->auth_revalidate(NULL, spore_cstr("a"), SPORE_DENY, NULL),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->auth_revalidate(thing_scene_ctx_of(&scene), (spore_str){ NULL, 1 },
	                                       SPORE_DENY, NULL),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->auth_revalidate(thing_scene_ctx_of(&scene), spore_cstr("a"),
	                                       SPORE_ALLOW, &(spore_auth_result){ .fields = 0 }),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->auth_revalidate(thing_scene_ctx_of(&scene), spore_cstr("a"),
	                                       SPORE_DENY, NULL),
	                 SPORE_EUNSUPPORTED);
	ck_assert_int_eq(host->auth_revalidate_session(thing_scene_ctx_of(&scene), spore_cstr("a"),
	                                               1, SPORE_NEXT, NULL),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->auth_revalidate_session(thing_scene_ctx_of(&scene), spore_cstr("a"),
	                                               1, SPORE_DENY, NULL),
	                 SPORE_EUNSUPPORTED);
	component_scene_close(&scene);
}
END_TEST

SUITE("revalidate", a_client_cannot_revalidate)
