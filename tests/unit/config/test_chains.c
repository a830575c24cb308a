#include "config/chains.h"

#include <spore/acl.h>

#include "metrics/families.h"
#include "plugin/kind.h"
#include "scene/option_scene.h"
#include "suite.h"

/* Reads the array as a chain, and keeps the first mistake. */
static struct config_chain read_text(struct option_scene *scene, const struct chain_row *row,
                                     const char *text)
{
	struct config_chain chain = { .n = 0 };

	option_scene_open(scene, text);
	chain_read(row, scene->doc, (const spore_cfg *)(const void *)scene->root, &chain,
	           &scene->diag);
	return chain;
}

static void check_wrong(const char *text, const char *expected)
{
	struct option_scene scene;

	read_text(&scene, &chain_rows[CHAIN_TRANSPORT], text);
	ck_assert_str_eq(option_scene_message(&scene), expected);
	option_scene_close(&scene);
}

START_TEST(every_row_is_found_by_its_section_and_has_a_kind)
{
	for (size_t i = 0; i < N_CHAINS; i++) {
		ck_assert_ptr_eq(chain_find(chain_rows[i].pointer), &chain_rows[i]);
		ck_assert_ptr_nonnull(kind_find(chain_rows[i].kind));
		ck_assert((chain_rows[i].point != 0) == (chain_rows[i].kind == SPORE_KIND_ACL));
	}
	ck_assert_ptr_null(chain_find("/acl"));
	ck_assert_ptr_null(chain_find("/acl/control/0"));
	ck_assert_ptr_null(chain_find(""));
}
END_TEST

START_TEST(each_instance_has_a_name_of_its_own)
{
	static const char *const expected[] = {
		"hmac", "a#2", "hmac#2", "b", "hmac#3", "a", "a#3"
	};
	struct option_scene scene;
	struct config_chain chain = read_text(
		&scene, &chain_rows[CHAIN_AUTH],
		"[{\"use\":\"hmac\"},{\"use\":\"x\",\"name\":\"a#2\"},{\"use\":\"hmac\"},"
		"{\"use\":\"hmac\",\"name\":\"b\"},{\"use\":\"hmac\"},{\"use\":\"a\"},{\"use\":"
		"\"a\"}]");

	ck_assert_str_eq(option_scene_message(&scene), "");
	ck_assert_uint_eq(chain.n, 7);
	for (size_t i = 0; i < chain.n; i++)
		ck_assert_str_eq(chain.items[i].name, expected[i]);
	option_scene_close(&scene);
}
END_TEST

/* The chain of an entry of "public". */
START_TEST(a_prefix_is_in_front_of_names_that_are_not_given)
{
	struct config_chain chain = { .prefix = "web" };
	struct option_scene scene;

	option_scene_open(&scene,
	                  "[{\"use\":\"tls\"},{\"use\":\"a\",\"name\":\"tls\"},{\"use\":\"tls\"}]");
	chain_read(&public_chain_rows[PUBLIC_TRANSPORT], scene.doc,
	           (const spore_cfg *)(const void *)scene.root, &chain, &scene.diag);
	ck_assert_str_eq(chain.items[0].name, "web/tls");
	ck_assert_str_eq(chain.items[1].name, "tls");
	ck_assert_str_eq(chain.items[2].name, "web/tls#2");
	option_scene_close(&scene);
}
END_TEST

struct labels {
	char text[256];
};

static void on_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	struct labels *seen = arg;

	(void)value;
	for (size_t i = 0; i < n; i++)
		snprintf(seen->text + strlen(seen->text), sizeof seen->text - strlen(seen->text),
		         "/%.*s", (int)labels[i].key.len, labels[i].key.ptr);
}

static void on_family(void *arg, const spore_metric_spec *family)
{
	(void)arg;
	(void)family;
}

/* spore_config_info has a label for each chain: "/acl/control" is acl_control. */
START_TEST(the_metric_of_the_configuration_has_a_label_for_each_chain)
{
	static const spore_metric_visitor visitor = { .struct_size = sizeof visitor,
		                                      .begin = on_family,
		                                      .value = on_value };
	const char *values[1 + N_CHAINS];
	struct metrics *metrics = metrics_new(1);
	struct labels seen = { "" };
	char expected[256] = "/role";

	for (size_t i = 0; i <= N_CHAINS; i++)
		values[i] = "x";
	ck_assert_uint_ne(family_series(metrics, FAMILY_CONFIG, values), 0);
	metrics_visit(metrics, &visitor, &seen);
	for (size_t i = 0; i < N_CHAINS; i++) {
		char *at = expected + strlen(expected);

		strcpy(at, chain_rows[i].pointer);
		if (strchr(at + 1, '/'))
			*strchr(at + 1, '/') = '_';
	}
	ck_assert_str_eq(seen.text, expected);
	metrics_free(metrics);
}
END_TEST

START_TEST(instances_are_read_in_order)
{
	struct option_scene scene;
	struct config_chain chain;

	chain = read_text(&scene, &chain_rows[CHAIN_AUTH],
	                  "[{\"use\":\"a\"},{\"use\":\"b:c\",\"name\":\"n\",\"on_error\":\"next\","
	                  "\"other\":1},{\"use\":\"d\",\"on_error\":\"deny\"}]");
	ck_assert_uint_eq(chain.n, 3);
	ck_assert_str_eq(chain.items[0].use, "a");
	ck_assert_str_eq(chain.items[0].name, "a");
	ck_assert(!chain.items[0].continue_on_error);
	ck_assert_str_eq(chain.items[1].use, "b:c");
	ck_assert_str_eq(chain.items[1].name, "n");
	ck_assert(chain.items[1].continue_on_error);
	ck_assert_ptr_eq(chain.items[1].node, scene.root->first->next);
	ck_assert(!chain.items[2].continue_on_error);
	ck_assert_uint_eq(scene.diag.count, 0);
	option_scene_close(&scene);
}
END_TEST

START_TEST(last_good_has_a_time)
{
	struct option_scene scene;
	struct config_chain chain;

	chain = read_text(&scene, &chain_rows[CHAIN_AUTH],
	                  "[{\"use\":\"a\",\"on_error\":\"last_good\"},{\"use\":\"a\",\"on_error\":"
	                  "\"last_good\",\"last_good_for\":\"90s\"},{\"use\":\"a\"}]");
	ck_assert_uint_eq(scene.diag.count, 0);
	ck_assert_int_eq(chain.items[0].last_good_ms, 3600000);
	ck_assert_int_eq(chain.items[1].last_good_ms, 90000);
	ck_assert_int_eq(chain.items[2].last_good_ms, 0);
	ck_assert(!chain.items[0].continue_on_error);
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_missing_section_is_an_empty_chain)
{
	struct option_scene scene;
	struct config_chain chain = { .n = 0 };

	option_scene_open(&scene, "{}");
	chain_read(&chain_rows[CHAIN_AUTH], scene.doc, NULL, &chain, &scene.diag);
	ck_assert_uint_eq(chain.n, 0);
	ck_assert_uint_eq(scene.diag.count, 0);
	option_scene_close(&scene);
	chain = read_text(&scene, &chain_rows[CHAIN_AUTH], "[]");
	ck_assert_uint_eq(chain.n, 0);
	ck_assert_uint_eq(scene.diag.count, 0);
	option_scene_close(&scene);
}
END_TEST

START_TEST(mistakes_say_what_was_expected)
{
	check_wrong("{}", "expected an array of instances, found an object");
	check_wrong("[1]", "/0: expected an object with \"use\", found 1");
	check_wrong("[{}]", "/0: expected the key \"use\" (the plugin's name), found none");
	check_wrong("[{\"use\":1}]", "/0/use: expected a name, found 1");
	check_wrong("[{\"use\":\"\"}]", "/0/use: expected a name, found \"\"");
	check_wrong("[{\"use\":\"a\",\"name\":[]}]", "/0/name: expected a name, found an array");
	check_wrong("[{\"use\":\"a\",\"on_error\":\"allow\"}]",
	            "/0/on_error: expected one of deny|next|last_good, found \"allow\"");
	check_wrong(
		"[{\"use\":\"a\",\"on_error\":\"last_good\",\"last_good_for\":\"0s\"}]",
		"/0/last_good_for: expected a duration from 1ms to 30d, such as \"1.5s\" (units: "
		"ms, s, m, h, d), or seconds, found \"0s\"");
	check_wrong("[{\"use\":\"a\",\"on_error\":\"next\",\"last_good_for\":\"1h\"}]",
	            "/0/last_good_for: expected \"last_good_for\" with \"on_error\": "
	            "\"last_good\" only");
	check_wrong("[{\"use\":\"a\"},{\"use\":\"a\"},{\"use\":\"a\"},{\"use\":\"a\"}]",
	            "expected at most 3 instances, found 4");
}
END_TEST

START_TEST(only_transports_are_limited)
{
	struct option_scene scene;
	struct config_chain chain;

	chain = read_text(&scene, &chain_rows[CHAIN_ACL_CONTROL],
	                  "[{\"use\":\"a\"},{\"use\":\"a\"},{\"use\":\"a\"},{\"use\":\"a\"}]");
	ck_assert_uint_eq(chain.n, 4);
	ck_assert_uint_eq(scene.diag.count, 0);
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_section_of_routes_is_not_empty)
{
	struct option_scene scene;

	read_text(&scene, &public_chain_rows[PUBLIC_ROUTE], "[]");
	ck_assert_str_eq(option_scene_message(&scene),
	                 "expected at least one instance, found none");
	option_scene_close(&scene);
	read_text(&scene, &public_chain_rows[PUBLIC_TRANSPORT], "[]");
	ck_assert_uint_eq(scene.diag.count, 0);
	option_scene_close(&scene);
}
END_TEST

SUITE("chains", a_section_of_routes_is_not_empty, each_instance_has_a_name_of_its_own,
      a_prefix_is_in_front_of_names_that_are_not_given,
      every_row_is_found_by_its_section_and_has_a_kind,
      the_metric_of_the_configuration_has_a_label_for_each_chain, instances_are_read_in_order,
      last_good_has_a_time, a_missing_section_is_an_empty_chain, mistakes_say_what_was_expected,
      only_transports_are_limited)
