#include "chain/twins.h"

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

SUITE("twins", a_secret_that_two_instances_have_is_named)
