#include "chain/acl.h"

#include "net/addr.h"
#include "scene/host_scene.h"
#include "suite.h"

struct question {
	const struct plugin_set *set;
	enum chain_id chain;
	const struct loop *loop;
	const char *peer;
	bool allowed;
	struct acl_answer answer;
};

static void ask_list(void *arg)
{
	struct question *q = arg;
	spore_addr peer, local;

	ck_assert(addr_parse_ip(q->peer, &peer) && addr_parse_ip("127.0.0.1", &local));
	q->allowed = acl_allows(q->set, q->chain, q->loop,
	                        &(struct acl_question){ &peer, &local, "", NULL }, &q->answer);
}

static struct question ask(struct host_scene *scene, const struct plugin_set *set,
                           enum chain_id chain, const char *peer)
{
	struct question q = { .set = set, .chain = chain, .loop = scene->loops[0], .peer = peer };

	host_scene_call(scene, ask_list, &q);
	ck_assert(q.allowed == (q.answer.by == NULL));
	return q;
}

static bool is_allowed(struct host_scene *scene, const struct plugin_set *set, enum chain_id chain,
                       const char *peer)
{
	return ask(scene, set, chain, peer).allowed;
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

START_TEST(a_refusal_has_an_instance_and_a_reason)
{
	struct host_scene scene;
	struct plugin_set *set;
	struct question q;

	host_scene_open(&scene);
	set = host_scene_server(&scene, "{\"acl\":{\"public\":["
	                                "{\"use\":\"cidr\",\"deny\":[\"10.0.0.0/8\"]},"
	                                "{\"use\":\"deny\",\"name\":\"gate\",\"point\":\"public\","
	                                "\"deny\":[\"11.0.0.0/8\"],\"reason\":\"because\"},"
	                                "{\"use\":\"deny\",\"name\":\"mute\",\"point\":\"public\","
	                                "\"deny\":[\"0.0.0.0/0\"]}]}}");
	q = ask(&scene, set, CHAIN_ACL_PUBLIC, "10.0.0.1");
	ck_assert_str_eq(q.answer.by->name, "cidr");
	ck_assert_str_eq(q.answer.reason, "10.0.0.0/8");
	q = ask(&scene, set, CHAIN_ACL_PUBLIC, "11.0.0.1");
	ck_assert_str_eq(q.answer.by->name, "gate");
	ck_assert_str_eq(q.answer.reason, "because");
	q = ask(&scene, set, CHAIN_ACL_PUBLIC, "12.0.0.1");
	ck_assert_str_eq(q.answer.by->name, "mute");
	ck_assert_str_eq(q.answer.reason, "");
	ck_assert_double_eq(host_scene_metric(&scene, "spore_acl_refusals_total",
	                                      "at=public,plugin=gate,reason=because"),
	                    1);
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

/* The plugin fills the field and writes no NUL, or what is not UTF-8. */
START_TEST(a_reason_is_cut)
{
	char config[600], reason[200] = "";
	struct host_scene scene;
	struct plugin_set *set;
	struct question q;

	host_scene_open(&scene);
	memset(reason, 'x', 126);
	strcat(reason, "\xc3\xa4\xc3\xb6"); /* the first of the two does not fit */
	snprintf(config, sizeof config,
	         "{\"acl\":{\"public\":[{\"use\":\"deny\",\"point\":\"public\","
	         "\"deny\":[\"0.0.0.0/0\"],\"reason\":\"%s\"}]}}",
	         reason);
	set = host_scene_server(&scene, config);
	q = ask(&scene, set, CHAIN_ACL_PUBLIC, "10.0.0.1");
	ck_assert_uint_eq(strlen(q.answer.reason), 126);
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

START_TEST(the_lowest_rate_counts)
{
	static const struct {
		const char *first, *second;
		uint64_t rate;
	} rows[] = { { "0", "0", 0 },
		     { "1000", "0", 1000 },
		     { "0", "1000", 1000 },
		     { "2000", "1000", 1000 },
		     { "1000", "2000", 1000 } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char config[300];
		struct host_scene scene;
		struct plugin_set *set;

		host_scene_open(&scene);
		snprintf(config, sizeof config,
		         "{\"acl\":{\"public\":["
		         "{\"use\":\"deny\",\"point\":\"public\",\"rate\":%s},"
		         "{\"use\":\"deny\",\"point\":\"public\",\"rate\":%s,"
		         "\"otherwise\":\"allow\"},"
		         "{\"use\":\"deny\",\"point\":\"public\",\"rate\":1}]}}",
		         rows[i].first, rows[i].second);
		set = host_scene_server(&scene, config);
		ck_assert_uint_eq(ask(&scene, set, CHAIN_ACL_PUBLIC, "10.0.0.1").answer.rate,
		                  rows[i].rate);
		plugin_set_unref(set);
		host_scene_close(&scene);
	}
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
      the_first_verdict_of_a_chain_counts, a_refusal_has_an_instance_and_a_reason, a_reason_is_cut,
      the_lowest_rate_counts, what_is_not_a_verdict_denies, each_check_is_measured)
