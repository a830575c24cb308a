#include "services/keepsakes.h"

#include "net/addr.h"
#include "scene/thing_scene.h"
#include "suite.h"
#include "thread/guest.h"

START_TEST(a_listener_is_given_back_with_its_instance)
{
	struct component_scene scene;
	spore_addr address;
	int fd = -1;

	ck_assert(addr_parse("127.0.0.1:1", &address));
	component_scene_open(&scene, &thing_scene);
	scene.host.services.binds_nothing = true;
	host_fini();
	ck_assert(host_init(&scene.host.services));
	ck_assert_int_eq(host_table()->listener_get(thing_scene_ctx_of(&scene), &address, &fd),
	                 SPORE_EINVAL);
	guest_enter(scene.instance->name, "create");
	ck_assert_int_eq(host_table()->listener_get(NULL, &address, &fd), SPORE_EINVAL);
	ck_assert_int_eq(host_table()->listener_get(thing_scene_ctx_of(&scene), NULL, &fd),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host_table()->listener_get(thing_scene_ctx_of(&scene), &address, NULL),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host_table()->listener_get(thing_scene_ctx_of(&scene),
	                                            &(spore_addr){ .family = 9 }, &fd),
	                 SPORE_EINVAL);
	ck_assert_uint_eq(scene.instance->listeners.bits, 0);
	ck_assert_int_eq(host_table()->listener_get(thing_scene_ctx_of(&scene), &address, &fd),
	                 SPORE_OK);
	guest_leave();
	ck_assert_uint_ne(scene.instance->listeners.bits, 0);
	component_scene_close(&scene);
	ck_assert_int_eq(close(fd), -1);
}
END_TEST

START_TEST(files_are_named_only_in_create)
{
	const spore_host *host = host_table();
	struct component_scene scene;
	struct json_doc *doc = json_doc_new();

	component_scene_open(&scene, &thing_scene);
	scene.instance->doc = doc;
	ck_assert_int_eq(host->file_watch(thing_scene_ctx_of(&scene), "/etc/passwd"), SPORE_EINVAL);
	guest_enter(scene.instance->name, "create");
	ck_assert_int_eq(host->file_watch(NULL, "/etc/passwd"), SPORE_EINVAL);
	ck_assert_int_eq(host->file_watch(thing_scene_ctx_of(&scene), NULL), SPORE_EINVAL);
	ck_assert_int_eq(host->file_watch(thing_scene_ctx_of(&scene), ""), SPORE_EINVAL);
	ck_assert_uint_eq(scene.instance->files.n, 0);
	ck_assert_int_eq(host->file_watch(thing_scene_ctx_of(&scene), "/etc/passwd"), SPORE_OK);
	ck_assert_int_eq(host->file_watch(thing_scene_ctx_of(&scene), "/nonexistent"), SPORE_OK);
	guest_leave();
	ck_assert_uint_eq(scene.instance->files.n, 2);
	ck_assert_str_eq(scene.instance->files.items[1].path, "/nonexistent");
	component_scene_close(&scene);
	json_doc_free(doc);
}
END_TEST

START_TEST(an_instance_shows_one_line)
{
	const spore_host *host = host_table();
	char long_text[2 * SPORE_STATE_MAX], text[SPORE_STATE_MAX + 1];
	struct component_scene scene;

	component_scene_open(&scene, &thing_scene);
	instance_read_state(scene.instance, text);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(host->state_show(NULL, spore_cstr("x")), SPORE_EINVAL);
	ck_assert_int_eq(host->state_show(thing_scene_ctx_of(&scene), (spore_str){ NULL, 1 }),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->state_show(thing_scene_ctx_of(&scene), (spore_str){ "ready!", 5 }),
	                 SPORE_OK);
	instance_read_state(scene.instance, text);
	ck_assert_str_eq(text, "ready");
	memset(long_text, 'x', sizeof long_text);
	host->state_show(thing_scene_ctx_of(&scene), (spore_str){ long_text, sizeof long_text });
	instance_read_state(scene.instance, text);
	ck_assert_uint_eq(strlen(text), SPORE_STATE_MAX);
	host->state_show(thing_scene_ctx_of(&scene), (spore_str){ NULL, 0 });
	instance_read_state(scene.instance, text);
	ck_assert_str_eq(text, "");
	component_scene_close(&scene);
}
END_TEST

START_TEST(state_is_read_only_in_create)
{
	const spore_host *host = host_table();
	struct component_scene scene;
	spore_str out = spore_cstr("x");

	component_scene_open(&scene, &thing_scene);
	ck_assert_int_eq(host->state_put(thing_scene_ctx_of(&scene), "a", spore_cstr("1")),
	                 SPORE_OK);
	ck_assert_uint_eq(host->state_get(thing_scene_ctx_of(&scene), "a", &out), 0);
	ck_assert_uint_eq(out.len, 0);
	component_scene_close(&scene);
}
END_TEST

SUITE("keepsakes", a_listener_is_given_back_with_its_instance, files_are_named_only_in_create,
      an_instance_shows_one_line, state_is_read_only_in_create)
