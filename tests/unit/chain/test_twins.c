#include "chain/twins.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture.h"
#include "chain/doubts.h"
#include "scene/host_scene.h"
#include "suite.h"

/* The lines about a server's configuration. */
static const char *twins(const char *text)
{
	static char printed[4096];
	struct host_scene scene;
	struct plugin_set *set;
	FILE *out;

	host_scene_open(&scene);
	set = host_scene_server(&scene, text);
	twins_find(set);
	out = fmemopen(printed, sizeof printed, "w");
	doubts_print(set, out);
	fputc('\0', out);
	fclose(out);
	plugin_set_unref(set);
	host_scene_close(&scene);
	return printed;
}

#define SECRETS "{\"use\":\"multi_secret\",\"secrets\":{\"alice\":\"a\",\"bob\":\"b\"}}"

START_TEST(a_secret_that_two_instances_have_is_named)
{
	static const char equal[] = "{\"auth\":[" SECRETS ",{\"use\":\"hmac\",\"secret\":\"c\"},\n"
				    "{\"use\":\"hmac\",\"secret\":\"b\",\"name\":\"second\"}]}";
	static const char different[] = "{\"auth\":[" SECRETS
					",{\"use\":\"hmac\",\"secret\":\"c\"}]}";

	ck_assert_contains(twins(equal),
	                   ":2: /auth/2/secret: the same secret as "
	                   "/auth/0/secrets/bob: who knows it can pass for a client of "
	                   "both\n");
	ck_assert_str_eq(twins(different), "");
}
END_TEST

START_TEST(a_file_to_which_two_instances_append_is_named)
{
	char folder[] = "/tmp/twinsXXXXXX", config[600], path[64], link_path[64];
	FILE *file;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/log", folder);
	snprintf(link_path, sizeof link_path, "%s/link", folder);
	/* Neither is there. */
	snprintf(config, sizeof config,
	         "{\"events\":[{\"use\":\"log\",\"path\":\"%s\"},\n"
	         "{\"use\":\"log\",\"path\":\"%s/./log\"},\n"
	         "{\"use\":\"log\",\"path\":\"%s\"}]}",
	         path, folder, link_path);
	ck_assert_contains(twins(config),
	                   ":2: /events/1/path: the same file as /events/0/path: the lines of "
	                   "both mix\n");
	ck_assert_lacks(twins(config), "/events/2");
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	ck_assert_int_eq(symlink(path, link_path), 0);
	ck_assert_contains(twins(config), ":3: /events/2/path: the same file as /events/0/path");
	unlink(link_path);
	unlink(path);
	rmdir(folder);
}
END_TEST

SUITE("twins", a_secret_that_two_instances_have_is_named,
      a_file_to_which_two_instances_append_is_named)
