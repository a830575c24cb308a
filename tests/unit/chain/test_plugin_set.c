#include "chain/plugin_set.h"

#include <spore/auth.h>
#include <sys/mman.h>

#include "plugin_file.h"
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

START_TEST(each_chain_has_its_instances_in_order)
{
	struct host_scene scene;
	struct plugin_set *set;
	const struct chain *auth;

	host_scene_open(&scene);
	set = host_scene_server(&scene,
	                        "{\"auth\":[{\"use\":\"hmac\",\"secret\":\"x\",\"name\":\"one\"},"
	                        "{\"use\":\"hmac\",\"secret\":\"y\",\"on_error\":\"next\"}],"
	                        "\"acl\":{\"public\":[{\"use\":\"cidr\",\"deny\":[]}]}}");
	auth = set->chains[CHAIN_AUTH];
	ck_assert_uint_eq(auth->n, 2);
	ck_assert_str_eq(auth->items[0]->name, "one");
	ck_assert(!auth->items[0]->continue_on_error);
	ck_assert_str_eq(auth->items[1]->name, "hmac");
	ck_assert(auth->items[1]->continue_on_error);
	ck_assert(set->needs_challenge);
	ck_assert_uint_eq(set->chains[CHAIN_TRANSPORT]->n, 1);
	ck_assert_uint_eq(set->chains[CHAIN_ACL_CONTROL]->n, 0);
	ck_assert_uint_eq(set->chains[CHAIN_ACL_PUBLIC]->n, 1);
	ck_assert_uint_eq(set->chains[CHAIN_METRICS]->n, 0);
	ck_assert_uint_eq(retirer_alive(scene.retirer), 4);
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

START_TEST(not_every_set_needs_a_challenge)
{
	struct host_scene scene;
	struct plugin_set *set;

	host_scene_open(&scene);
	set = host_scene_server(&scene, "{}");
	ck_assert(!set->needs_challenge && !set->binds);
	plugin_set_unref(set);
	set = host_scene_server(&scene, "{\"auth\":[{\"use\":\"silent\",\"peer\":\"::1\"}]}");
	ck_assert(!set->needs_challenge);
	ck_assert_uint_eq(set->chains[CHAIN_AUTH]->items[0]->challenge, SPORE_CHALLENGE_NONE);
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

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

static const struct instance *auth_of(const struct plugin_set *set)
{
	return set->chains[CHAIN_AUTH]->items[0];
}

/* An instance of the same configuration goes on with what the old one knows, for a time of its own.
 * Any other begins with nothing. */
START_TEST(last_good_verdicts_survive_a_reload_of_the_same_configuration)
{
	static const char *const texts[] = {
		"{\"auth\":[{\"use\":\"recall\",\"on_error\":\"last_good\",\"max_tunnels\":3}]}",
		"{\"auth\":[{\"max_tunnels\":3,\"use\":\"recall\",\"on_error\":\"last_good\","
		"\"last_good_for\":\"5m\"},{\"use\":\"hmac\",\"secret\":\"x\"}]}",
		"{\"auth\":[{\"use\":\"recall\",\"on_error\":\"last_good\",\"max_tunnels\":4}]}",
		"{\"auth\":[{\"use\":\"recall\",\"on_error\":\"last_good\",\"max_tunnels\":3,"
		"\"name\":\"other\"}]}",
		"{\"auth\":[{\"use\":\"recall\",\"max_tunnels\":3}]}",
	};
	struct plugin_set *sets[sizeof texts / sizeof *texts];
	struct host_scene scene;

	host_scene_open(&scene);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		sets[i] = host_scene_set(&scene, ROLE_SERVER, texts[i], i ? sets[0] : NULL);
		ck_assert_msg(sets[i] != NULL, "%s", scene.printed);
	}
	ck_assert_ptr_nonnull(auth_of(sets[0])->last_good);
	ck_assert_ptr_eq(auth_of(sets[1])->last_good, auth_of(sets[0])->last_good);
	ck_assert_int_eq(auth_of(sets[1])->last_good_ms, 300000);
	ck_assert_int_eq(auth_of(sets[0])->last_good_ms, 3600000);
	ck_assert_ptr_nonnull(auth_of(sets[2])->last_good);
	ck_assert_ptr_ne(auth_of(sets[2])->last_good, auth_of(sets[0])->last_good);
	ck_assert_ptr_nonnull(auth_of(sets[3])->last_good);
	ck_assert_ptr_ne(auth_of(sets[3])->last_good, auth_of(sets[0])->last_good);
	ck_assert_ptr_null(auth_of(sets[4])->last_good);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		plugin_set_unref(sets[i]);
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

START_TEST(exporters_are_left_out_of_a_check_and_end_first)
{
	char folder[64], path[80], text[256];
	struct host_scene scene;
	struct plugin_set *set;
	struct patience patience = { .until_ms = INT64_MAX };
	struct err err;

	host_scene_open(&scene);
	snprintf(path, sizeof path, "%s/metrics", plugin_file_folder(folder));
	snprintf(text, sizeof text,
	         "{\"acl\":{\"control\":[{\"use\":\"cidr\",\"deny\":[]}]},"
	         "\"metrics\":[{\"use\":\"file\",\"file\":\"%s\"}]}",
	         path);
	set = host_scene_set(&scene, ROLE_SERVER, text, NULL);
	ck_assert_msg(set != NULL, "%s", scene.printed);
	ck_assert_msg(plugin_set_start(set, false, scene.loops, &patience, &err), "%s", err.text);
	ck_assert_ptr_nonnull(set->chains[CHAIN_ACL_CONTROL]->items[0]->workers[0].loop);
	ck_assert_ptr_null(set->chains[CHAIN_METRICS]->items[0]->workers[0].loop);
	ck_assert(plugin_set_start(set, true, scene.loops, &patience, &err));
	plugin_set_end_exporters(set);
	ck_assert_ptr_null(set->chains[CHAIN_METRICS]);
	ck_assert_ptr_nonnull(set->chains[CHAIN_ACL_CONTROL]);
	plugin_set_unref(set);
	host_scene_close(&scene);
	unlink(path);
	rmdir(folder);
}
END_TEST

START_TEST(a_chain_outlives_its_set)
{
	struct host_scene scene;
	struct plugin_set *set;
	struct chain *chain;

	host_scene_open(&scene);
	set = host_scene_server(&scene, "{\"acl\":{\"control\":[{\"use\":\"cidr\",\"deny\":[]}]}}");
	chain = chain_ref(set->chains[CHAIN_ACL_CONTROL]);
	plugin_set_unref(plugin_set_ref(set));
	plugin_set_unref(set);
	ck_assert_str_eq(chain->items[0]->name, "cidr");
	loop_finish(scene.main_loop); /* the transport ends; the list does not */
	ck_assert_uint_eq(retirer_alive(scene.retirer), 1);
	chain_unref(chain);
	plugin_set_unref(NULL);
	chain_unref(NULL);
	host_scene_close(&scene);
}
END_TEST

SUITE("plugin_set", each_chain_has_its_instances_in_order, not_every_set_needs_a_challenge,
      one_mistake_refuses_the_whole_set, a_component_must_have_a_side_for_the_role,
      an_instance_replaces_the_one_of_its_name, exporters_are_left_out_of_a_check_and_end_first,
      a_chain_outlives_its_set, last_good_needs_a_plugin_that_can_recheck,
      last_good_verdicts_survive_a_reload_of_the_same_configuration)
