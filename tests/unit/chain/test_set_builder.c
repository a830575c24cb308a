#include "chain/set_builder.h"

#include <sys/mman.h>

#include "scene/host_scene.h"
#include "suite.h"

static void check_refused(struct host_scene *scene, unsigned role, const char *text,
                          const char *why)
{
	ck_assert_ptr_null(host_scene_set(scene, role, text, NULL));
	ck_assert_msg(strstr(scene->printed, why) != NULL, "%s", scene->printed);
	ck_assert(retirer_finish(scene->retirer, HOST_SCENE_MS));
	ck_assert_uint_eq(retirer_alive(scene->retirer), 0);
}

/* All mistakes come at once, and the good instances end, too. */
START_TEST(one_mistake_refuses_the_whole_set)
{
	struct host_scene scene;

	host_scene_open(&scene);
	check_refused(&scene, ROLE_SERVER,
	              "{\"auth\":[{\"use\":\"hmac\",\"secret\":\"x\"},{\"use\":\"hmca\"}]}",
	              "/auth/1/use: unknown auth plugin \"hmca\": did you mean \"hmac\"?");
	check_refused(&scene, ROLE_SERVER,
	              "{\"auth\":[{\"use\":\"hmac\",\"secret\":\"x\",\"a\":1}]}",
	              "/auth/0/a: unknown key");
	check_refused(&scene, ROLE_SERVER,
	              "{\"acl\":{\"public\":[{\"use\":\"deny\",\"point\":"
	              "\"control\"}]}}",
	              "/acl/public/0/point: it stands elsewhere");
	host_scene_close(&scene);
}
END_TEST

START_TEST(last_good_needs_a_plugin_that_can_recheck)
{
	static const char client[] =
		"{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local_port\":1}],"
		"\"auth\":[{\"use\":\"hmac\",\"secret\":\"x\",\"on_error\":\"last_good\"}]}";
	struct host_scene scene;

	host_scene_open(&scene);
	check_refused(&scene, ROLE_SERVER,
	              "{\"auth\":[{\"use\":\"hmac\",\"secret\":\"x\",\"on_error\":\"last_good\"}]}",
	              "/auth/0/on_error: expected deny|next, since plugin hmac cannot check an "
	              "answer without its back-end, which \"last_good\" needs");
	check_refused(&scene, ROLE_LOCAL, client,
	              "/auth/0/on_error: expected \"last_good\" on a server only");
	host_scene_close(&scene);
}
END_TEST

START_TEST(a_component_must_have_a_side_for_the_role)
{
	static const char client[] =
		"{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local_port\":1}],"
		"\"auth\":[{\"use\":\"multi_secret\",\"secrets\":{\"a\":\"b\"}}]}";
	struct host_scene scene;

	host_scene_open(&scene);
	check_refused(&scene, ROLE_LOCAL, client, "plugin multi_secret has no client side");
	host_scene_close(&scene);
}
END_TEST

START_TEST(an_instance_listens_at_an_address_of_its_own)
{
	struct host_scene scene;

	host_scene_open(&scene);
	check_refused(&scene, ROLE_SERVER,
	              "{\"metrics\":[{\"use\":\"prometheus\",\"listen\":\"127.0.0.1:19187\"},"
	              "{\"use\":\"prometheus\",\"listen\":\"127.0.0.1:19187\"}]}",
	              "/metrics/1: expected an address of its own to listen at, found "
	              "127.0.0.1:19187, as in /metrics/0");
	check_refused(&scene, ROLE_SERVER,
	              "{\"server\":{\"control_port\":19187,\"bind_addr\":\"127.0.0.1\"},"
	              "\"metrics\":[{\"use\":\"prometheus\",\"listen\":\"127.0.0.1:19187\"}]}",
	              "/metrics/0: expected an address of its own to listen at, found that of the "
	              "control port, 127.0.0.1:19187");
	host_scene_close(&scene);
}
END_TEST

/* What is logged from now on goes to a file; before log_start that happens at once. */
static int catch_log(void)
{
	int fd = memfd_create("log", MFD_CLOEXEC);

	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	return fd;
}

static bool is_logged(int fd, const char *text)
{
	char all[8192] = "";

	ck_assert_int_ge(pread(fd, all, sizeof all - 1, 0), 0);
	return strstr(all, text) != NULL;
}

/* acl_heir logs the number of the instance that it replaces, which is found by name and code. */
START_TEST(an_instance_replaces_the_one_of_its_name)
{
	static const char old_text[] = "{\"acl\":{\"control\":[{\"use\":\"heir\",\"number\":1}],"
				       "\"public\":[{\"use\":\"heir\",\"number\":2},"
				       "{\"use\":\"heir\",\"number\":3}]}}";
	static const char new_text[] = "{\"acl\":{\"control\":[{\"use\":\"heir\",\"number\":4},"
				       "{\"use\":\"heir\",\"number\":5,\"name\":\"other\"}],"
				       "\"public\":[{\"use\":\"heir\",\"number\":6},"
				       "{\"use\":\"heir\",\"number\":7}]}}";
	struct host_scene scene;
	struct plugin_set *old, *new;
	int log;

	host_scene_open(&scene);
	old = host_scene_server(&scene, old_text);
	log = catch_log();
	new = host_scene_set(&scene, ROLE_SERVER, new_text, old);
	ck_assert_ptr_nonnull(new);
	ck_assert_ptr_ne(new->chains[CHAIN_ACL_CONTROL]->items[0],
	                 old->chains[CHAIN_ACL_CONTROL]->items[0]);
	ck_assert(is_logged(log, "created plugin=heir heir_of=1 option=/acl/control/0 source="));
	ck_assert(is_logged(log, "created plugin=other heir_of=0"));
	ck_assert(is_logged(log, "created plugin=heir heir_of=2"));
	ck_assert(is_logged(log, "created plugin=heir#2 heir_of=3"));
	plugin_set_unref(old);
	loop_finish(scene.main_loop);
	ck_assert_uint_eq(retirer_alive(scene.retirer), 5);
	plugin_set_unref(new);
	host_scene_close(&scene);
}
END_TEST

SUITE("set_builder", one_mistake_refuses_the_whole_set, last_good_needs_a_plugin_that_can_recheck,
      a_component_must_have_a_side_for_the_role, an_instance_listens_at_an_address_of_its_own,
      an_instance_replaces_the_one_of_its_name)
