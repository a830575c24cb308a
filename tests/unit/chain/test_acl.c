#include "chain/acl.h"

#include "host_scene.h"
#include "net/addr.h"
#include "suite.h"

struct question {
	const struct plugin_set *set;
	enum chain_id chain;
	const struct loop *loop;
	const char *peer;
	bool allowed;
};

static void ask_list(void *arg)
{
	struct question *q = arg;
	spore_addr peer, local;

	ck_assert(addr_parse_ip(q->peer, &peer) && addr_parse_ip("127.0.0.1", &local));
	q->allowed = acl_allows(q->set, q->chain, q->loop, &peer, &local, "");
}

static bool is_allowed(struct host_scene *scene, const struct plugin_set *set, enum chain_id chain,
                       const char *peer)
{
	struct question q = { set, chain, scene->loops[0], peer, false };

	host_scene_call(scene, ask_list, &q);
	return q.allowed;
}

START_TEST(an_empty_chain_allows)
{
	struct host_scene scene;
	struct plugin_set *set;

	host_scene_open(&scene);
	set = host_scene_server(&scene, "{}");
	ck_assert(is_allowed(&scene, set, CHAIN_ACL_CONTROL, "10.0.0.1"));
	ck_assert(is_allowed(&scene, set, CHAIN_ACL_PUBLIC, "::1"));
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

START_TEST(each_point_has_its_own_chain)
{
	struct host_scene scene;
	struct plugin_set *set;

	host_scene_open(&scene);
	set = host_scene_server(
		&scene, "{\"acl\":{\"control\":[{\"use\":\"cidr\",\"allow\":[\"10.0.0.0/8\"]}],"
			"\"public\":[{\"use\":\"cidr\",\"deny\":[\"10.1.0.0/16\"]}]}}");
	ck_assert(is_allowed(&scene, set, CHAIN_ACL_CONTROL, "10.1.0.1"));
	ck_assert(!is_allowed(&scene, set, CHAIN_ACL_CONTROL, "11.0.0.1"));
	ck_assert(!is_allowed(&scene, set, CHAIN_ACL_PUBLIC, "10.1.0.1"));
	ck_assert(is_allowed(&scene, set, CHAIN_ACL_PUBLIC, "11.0.0.1"));
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

/* acl_deny checks the point of each query, and gives the next instance a say or not. */
START_TEST(the_first_verdict_of_a_chain_counts)
{
	struct host_scene scene;
	struct plugin_set *set;

	host_scene_open(&scene);
	set = host_scene_server(
		&scene, "{\"acl\":{\"public\":["
			"{\"use\":\"deny\",\"point\":\"public\",\"deny\":[\"10.0.0.1\"]},"
			"{\"use\":\"deny\",\"point\":\"public\",\"deny\":[\"10.0.0.2\"],"
			"\"otherwise\":\"allow\"},"
			"{\"use\":\"deny\",\"point\":\"public\",\"deny\":[\"0.0.0.0/0\"]}]}}");
	ck_assert(!is_allowed(&scene, set, CHAIN_ACL_PUBLIC, "10.0.0.1"));
	ck_assert(!is_allowed(&scene, set, CHAIN_ACL_PUBLIC, "10.0.0.2"));
	ck_assert(is_allowed(&scene, set, CHAIN_ACL_PUBLIC, "10.0.0.3"));
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

START_TEST(what_is_not_a_verdict_denies)
{
	struct host_scene scene;
	struct plugin_set *set;

	host_scene_open(&scene);
	set = host_scene_server(&scene, "{\"acl\":{\"control\":[{\"use\":\"deny\",\"point\":"
	                                "\"control\",\"otherwise\":\"zero\"}]}}");
	ck_assert(!is_allowed(&scene, set, CHAIN_ACL_CONTROL, "10.0.0.1"));
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

START_TEST(each_check_is_measured)
{
	static const char labels[] = "kind=acl,plugin=gate,call=check";
	struct host_scene scene;
	struct plugin_set *set;

	host_scene_open(&scene);
	set = host_scene_server(
		&scene,
		"{\"acl\":{\"control\":[{\"use\":\"cidr\",\"name\":\"gate\",\"deny\":[]}]}}");
	ck_assert_double_eq(host_scene_metric(&scene, "spore_plugin_call_seconds", labels), 0);
	for (int i = 0; i < 3; i++)
		is_allowed(&scene, set, CHAIN_ACL_CONTROL, "10.0.0.1");
	ck_assert_double_eq(host_scene_metric(&scene, "spore_plugin_call_seconds", labels), 3);
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

SUITE("acl", an_empty_chain_allows, each_point_has_its_own_chain,
      the_first_verdict_of_a_chain_counts, what_is_not_a_verdict_denies, each_check_is_measured)
