#include "chain/plugin_set.h"

#include <spore/auth.h>

#include "plugin_file.h"
#include "scene/host_scene.h"
#include "suite.h"

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
      exporters_are_left_out_of_a_check_and_end_first, a_chain_outlives_its_set,
      last_good_verdicts_survive_a_reload_of_the_same_configuration)
