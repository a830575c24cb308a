#include "services/plugin_log.h"

#include <sys/mman.h>

#include "scene/thing_scene.h"
#include "suite.h"

START_TEST(a_plugin_logs_under_its_name_with_clean_keys)
{
	const spore_kv fields[] = { { spore_cstr("a-b c"), spore_cstr("x y") },
		                    { spore_cstr("n1"), spore_cstr("2") } };
	struct component_scene scene;
	int fd = memfd_create("log", MFD_CLOEXEC);
	char line[512] = "";

	component_scene_open(&scene, &thing_scene);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	host_table()->log(thing_scene_ctx_of(&scene), SPORE_LOG_WARN, spore_cstr("hello"), fields,
	                  2);
	host_table()->log(thing_scene_ctx_of(&scene), SPORE_LOG_TRACE, spore_cstr("hidden"), NULL,
	                  0);
	ck_assert_int_gt(pread(fd, line, sizeof line - 1, 0), 0);
	ck_assert_msg(strstr(line, "warn  hello plugin=it a_b_c=\"x y\" n1=2\n") != NULL, "%s",
	              line);
	ck_assert_ptr_null(strstr(line, "hidden"));
	ck_assert(host_table()->log_enabled(thing_scene_ctx_of(&scene), SPORE_LOG_ERROR));
	ck_assert(!host_table()->log_enabled(thing_scene_ctx_of(&scene), SPORE_LOG_TRACE));
	component_scene_close(&scene);
}
END_TEST

SUITE("plugin_log", a_plugin_logs_under_its_name_with_clean_keys)
