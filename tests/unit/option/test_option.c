#include "option/option.h"

#include <spore/auth.h>
#include <string.h>

#include "scene/option_scene.h"
#include "suite.h"

struct inner {
	const char *host;
	int64_t port;
};

struct conf {
	int64_t count;
	const char *name;
	uint32_t fast;
	int64_t timeout;
	struct inner server;
	spore_list ports, servers, folders;
	spore_map labels;
	const spore_cfg *raw;
};

static const spore_option inner_rows[] = {
	SPORE_STRING(struct inner, host, 0, "\"localhost\"", "host"),
	SPORE_PORT(struct inner, port, SPORE_OPTF_REQUIRED, NULL, 1, 65535, "the port"),
};
static const spore_option_item inner_item = { SPORE_OPT_OBJECT, sizeof(struct inner), inner_rows, 2,
	                                      sizeof *inner_rows };
static const spore_option_item port_item = { SPORE_OPT_PORT, sizeof(int64_t), NULL, 0, 0 };
static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };
static const spore_option rows[] = {
	SPORE_INT(struct conf, count, 0, "3", 0, 10, "how many"),
	SPORE_STRING(struct conf, name, 0, NULL, "what it is called"),
	SPORE_BOOL(struct conf, fast, 0, "true", "fast"),
	SPORE_DURATION(struct conf, timeout, 0, "\"1.5s\"", 0, 5000, "how long"),
	SPORE_LIST(struct conf, ports, 0, &port_item, "ports"),
	SPORE_LIST(struct conf, servers, 0, &inner_item, "servers"),
	SPORE_LIST(struct conf, folders, SPORE_OPTF_PATH, &text_item, "folders"),
	SPORE_MAP(struct conf, labels, 0, &text_item, "labels"),
	SPORE_NODE(struct conf, raw, 0, "anything"),
};
static const struct option_table table = { rows, sizeof rows / sizeof *rows, sizeof *rows };

static const char *fill(struct option_scene *scene, const char *text, struct conf *conf)
{
	struct option_scope scope;
	const char *message;
	bool good;

	option_scene_open(scene, text);
	scope = (struct option_scope){ scene->doc, &scene->diag, NULL, NULL, NULL };
	*conf = (struct conf){ 0 };
	good = option_fill(&scope, &table, scene->root, conf);
	message = option_scene_message(scene);
	ck_assert_msg(good == (*message == '\0'), "%s: %s", text, message);
	return message;
}

static void check_bad(const char *text, unsigned count, const char *expected)
{
	struct option_scene scene;
	struct conf conf;

	ck_assert_str_eq(fill(&scene, text, &conf), expected);
	ck_assert_uint_eq(scene.diag.count, count);
	option_scene_close(&scene);
}

/* Relative ones start from the folder of the configuration. */
START_TEST(a_list_of_paths)
{
	static const char text[] = "{\"folders\": [\"a\", \"../b\", \"/c\"]}";
	const char *const expected[] = { "/folder/a", "/folder/../b", "/c" };
	struct option_scene scene;
	struct option_scope scope;
	struct conf conf = { 0 };
	const char *const *found;

	option_scene_open(&scene, text);
	scope = (struct option_scope){ scene.doc, &scene.diag, "/folder", NULL, NULL };
	ck_assert(option_fill(&scope, &table, scene.root, &conf));
	ck_assert_uint_eq(conf.folders.count, 3);
	found = conf.folders.items;
	for (size_t i = 0; i < 3; i++)
		ck_assert_str_eq(found[i], expected[i]);
	option_scene_close(&scene);
}
END_TEST

START_TEST(nothing_gives_the_defaults)
{
	struct option_scene scene;
	struct conf conf;

	ck_assert_str_eq(fill(&scene, "{}", &conf), "");
	ck_assert_int_eq(conf.count, 3);
	ck_assert_ptr_null(conf.name);
	ck_assert_uint_eq(conf.fast, 1);
	ck_assert_int_eq(conf.timeout, 1500);
	ck_assert_uint_eq(conf.ports.count, 0);
	ck_assert_uint_eq(conf.labels.count, 0);
	ck_assert_ptr_null(conf.raw);
	option_scene_close(&scene);
}
END_TEST

START_TEST(everything_is_filled)
{
	struct option_scene scene;
	const struct inner *servers;
	struct conf conf;

	ck_assert_str_eq(
		fill(&scene,
	             "{\"count\":0,\"name\":\"n\",\"fast\":false,\"timeout\":2,\"ports\":[80,443],"
	             "\"servers\":[{\"port\":1},{\"host\":\"b\",\"port\":2}],"
	             "\"labels\":{\"x\":\"1\",\"y\":\"2\"},\"raw\":[null]}",
	             &conf),
		"");
	ck_assert(conf.count == 0 && conf.fast == 0 && conf.timeout == 2000);
	ck_assert_str_eq(conf.name, "n");
	ck_assert_uint_eq(conf.ports.count, 2);
	ck_assert_int_eq(((const int64_t *)conf.ports.items)[1], 443);
	servers = conf.servers.items;
	ck_assert_uint_eq(conf.servers.stride, sizeof *servers);
	ck_assert_str_eq(servers[0].host, "localhost");
	ck_assert_str_eq(servers[1].host, "b");
	ck_assert_int_eq(servers[1].port, 2);
	ck_assert_uint_eq(conf.labels.count, 2);
	ck_assert_str_eq(conf.labels.keys[1], "y");
	ck_assert_str_eq(((const char *const *)conf.labels.items)[0], "1");
	ck_assert_ptr_eq(conf.raw, json_get(scene.root, "raw"));
	option_scene_close(&scene);
}
END_TEST

START_TEST(mistakes_name_their_place)
{
	check_bad("{\"count\":11}", 1, "/count: expected a whole number from 0 to 10, found 11");
	check_bad("{\"ports\":[80,0]}", 1, "/ports/1: expected a port from 1 to 65535, found 0");
	check_bad("{\"ports\":80}", 1, "/ports: expected an array, found 80");
	check_bad("{\"labels\":[]}", 1, "/labels: expected an object, found an array");
	check_bad("{\"labels\":{\"a\":\"\",\"b\":1}}", 1, "/labels/b: expected a string, found 1");
	check_bad("{\"servers\":[{\"port\":1},{}]}", 1,
	          "/servers/1: expected the key \"port\" (the port), found none");
	check_bad("{\"servers\":[7]}", 1, "/servers/0: expected an object, found 7");
	check_bad("{\"servers\":[{\"port\":1,\"hots\":\"\"}]}", 1,
	          "/servers/0/hots: unknown key \"hots\": did you mean \"host\"?");
	check_bad("{\"tiemout\":1}", 1,
	          "/tiemout: unknown key \"tiemout\": did you mean \"timeout\"?");
	check_bad("{\"unheard_of\":1}", 1,
	          "/unheard_of: unknown key \"unheard_of\": expected one of count, name, fast, "
	          "timeout, ports, servers, folders, "
	          "labels, raw");
	check_bad("{\"Count\":1}", 1, "/Count: unknown key \"Count\": did you mean \"count\"?");
}
END_TEST

START_TEST(all_mistakes_are_found)
{
	check_bad(
		"{\"count\":11,\"name\":1,\"fast\":0,\"x\":0,\"ports\":[0,\"\"],\"servers\":[{}]}",
		7, "/count: expected a whole number from 0 to 10, found 11");
}
END_TEST

START_TEST(ignored_keys_are_somebody_elses)
{
	static const char *const ignore[] = { "use", "name_of_use", NULL };
	struct conf conf = { 0 };
	struct option_scene scene;
	struct option_scope scope;

	option_scene_open(&scene,
	                  "{\"use\":1,\"name_of_use\":{},\"servers\":[{\"port\":1,\"use\":1}]}");
	scope = (struct option_scope){ scene.doc, &scene.diag, NULL, ignore, NULL };
	ck_assert(!option_fill(&scope, &table, scene.root, &conf));
	ck_assert_uint_eq(scene.diag.count, 1); /* they are not ignored in an inner object */
	ck_assert_str_eq(option_scene_message(&scene),
	                 "/servers/0/use: unknown key \"use\": expected one of host, port");
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_required_key_is_asked_for)
{
	static const struct option_table required = { inner_rows, 2, sizeof *inner_rows };
	struct option_scene scene;
	struct inner inner = { 0 };

	option_scene_open(&scene, "{}");
	ck_assert(!option_fill(&(struct option_scope){ scene.doc, &scene.diag, NULL, NULL, NULL },
	                       &required, scene.root, &inner));
	ck_assert_str_eq(option_scene_message(&scene),
	                 "expected the key \"port\" (the port), found none");
	option_scene_close(&scene);
}
END_TEST

/* A plugin built with a later SDK has longer rows. */
START_TEST(rows_may_be_longer_than_ours)
{
	static const struct {
		spore_option row;
		uint64_t of_the_future;
	} longer[] = { { SPORE_INT(struct conf, count, 0, "1", 0, 9, "x"), 1 },
		       { SPORE_BOOL(struct conf, fast, 0, "false", "x"), 2 } };
	struct option_table future = { &longer[0].row, 2, sizeof *longer };
	struct option_scene scene;
	struct conf conf = { 0 };

	ck_assert_str_eq(option_row(&future, 1)->name, "fast");
	ck_assert_ptr_eq(option_find(&future, "fast"), &longer[1].row);
	ck_assert_ptr_null(option_find(&future, "slow"));
	option_scene_open(&scene, "{\"fast\":true}");
	ck_assert(option_fill(&(struct option_scope){ scene.doc, &scene.diag, NULL, NULL, NULL },
	                      &future, scene.root, &conf));
	ck_assert(conf.fast == 1 && conf.count == 1);
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_default_that_is_no_json_is_the_tables_mistake)
{
	static const spore_option bad[] = { SPORE_INT(struct conf, count, 0, "01", 0, 9, "x") };
	struct option_table bad_table = { bad, 1, sizeof *bad };
	struct option_scene scene;
	struct conf conf = { 0 };

	option_scene_open(&scene, "{}");
	ck_assert(!option_fill(&(struct option_scope){ scene.doc, &scene.diag, NULL, NULL, NULL },
	                       &bad_table, scene.root, &conf));
	ck_assert_str_eq(option_scene_message(&scene), "the default of \"count\" is not JSON: 01");
	option_scene_close(&scene);
}
END_TEST

static void check_empty(const char *json, const char *expected)
{
	static const spore_option full[] = {
		{ "text", SPORE_OPT_STRING, SPORE_OPTF_NOT_EMPTY, 0, 0, NULL, 1, 0, NULL, NULL,
		  "x" },
		{ "path", SPORE_OPT_STRING, SPORE_OPTF_NOT_EMPTY | SPORE_OPTF_PATH, 0, 0, NULL, 1,
		  0, NULL, NULL, "x" },
		{ "list", SPORE_OPT_LIST, SPORE_OPTF_NOT_EMPTY, 0, 0, NULL, 1, 0, NULL, &text_item,
		  "x" },
		{ "map", SPORE_OPT_MAP, SPORE_OPTF_NOT_EMPTY, 0, 0, NULL, 1, 0, NULL, &text_item,
		  "x" },
		{ "paths", SPORE_OPT_LIST, SPORE_OPTF_PATH, 0, 0, NULL, 1, 0, NULL, &text_item,
		  "x" },
	};
	const struct option_table table_of_full = { full, 5, sizeof *full };
	struct option_scene scene;
	spore_map field = { 0 };

	option_scene_open(&scene, json);
	option_fill(&(struct option_scope){ scene.doc, &scene.diag, NULL, NULL, NULL },
	            &table_of_full, scene.root, &field);
	ck_assert_str_eq(option_scene_message(&scene), expected);
	option_scene_close(&scene);
}

START_TEST(what_must_not_be_empty)
{
	check_empty("{}", "");
	check_empty("{\"text\":\"a\"}", "");
	check_empty("{\"text\":\"\"}", "/text: expected at least one character, found \"\"");
	check_empty("{\"path\":\"\"}", "/path: expected a path, found \"\"");
	check_empty("{\"list\":[\"\"]}", "");
	check_empty("{\"list\":[]}", "/list: expected at least one element, found none");
	check_empty("{\"map\":{}}", "/map: expected at least one element, found none");
	check_empty("{\"paths\":[]}", "");
	check_empty("{\"paths\":[\"a\",\"\"]}", "/paths/1: expected a path, found \"\"");
}
END_TEST

static void check_hosts(const char *json, const char *expected)
{
	static const spore_option row = { "hosts", SPORE_OPT_LIST, SPORE_OPTF_HOST, 0,  0, NULL, 1,
		                          0,       NULL,           &text_item,      "x" };
	const struct option_table of_hosts = { &row, 1, sizeof row };
	struct option_scene scene;
	spore_list list = { 0 };

	option_scene_open(&scene, json);
	option_fill(&(struct option_scope){ scene.doc, &scene.diag, NULL, NULL, NULL }, &of_hosts,
	            scene.root, &list);
	ck_assert_str_eq(option_scene_message(&scene), expected);
	option_scene_close(&scene);
}

START_TEST(a_list_of_hosts)
{
	char many[SPORE_AUTH_HOSTS_MAX * 4 + 32] = "{\"hosts\":[\"a\"";

	for (size_t i = 1; i < SPORE_AUTH_HOSTS_MAX; i++)
		strcat(many, ",\"a\"");
	strcat(many, "]}");
	check_hosts(many, "");
	strcpy(strchr(many, ']'), ",\"a\"]}");
	check_hosts(many, "/hosts: expected at most 1024 host names, found 1025");
	check_hosts("{\"hosts\":[]}", "");
	check_hosts("{\"hosts\":[\"*\",\"*.a\",\"a:80\"]}",
	            "/hosts/2: expected a host name such as \"app.example.com\" or "
	            "\"*.example.com\", or \"*\" for all names, found \"a:80\"");
}
END_TEST

static const struct inner *fill_map(struct option_scene *scene, const char *text, uint32_t flags,
                                    spore_map *map)
{
	spore_option row = { "servers", SPORE_OPT_MAP, flags,       0,  0, NULL, 1,
		             0,         NULL,          &inner_item, "x" };
	struct option_table of_map = { &row, 1, sizeof row };

	option_scene_open(scene, text);
	*map = (spore_map){ 0 };
	option_fill(&(struct option_scope){ scene->doc, &scene->diag, NULL, NULL, NULL }, &of_map,
	            scene->root, map);
	return map->items;
}

START_TEST(items_inherit_from_that_of_all)
{
	static const char text[] = "{\"servers\": {\"a\": {\"host\": \"h\"},"
				   "\"*\": {\"host\": \"all\", \"port\": 5}, \"b\": {},"
				   "\"c\": {\"port\": 6}}}";
	struct option_scene scene;
	const struct inner *items;
	spore_map map;

	items = fill_map(&scene, text, SPORE_OPTF_INHERITS, &map);
	ck_assert_str_eq(option_scene_message(&scene), "");
	ck_assert_uint_eq(map.count, 4);
	ck_assert(!strcmp(items[0].host, "h") && items[0].port == 5);
	ck_assert(!strcmp(items[1].host, "all") && items[1].port == 5);
	ck_assert(!strcmp(items[2].host, "all") && items[2].port == 5);
	ck_assert(!strcmp(items[3].host, "all") && items[3].port == 6);
	option_scene_close(&scene);

	fill_map(&scene, text, 0, &map); /* without the flag, "*" is a key like any other */
	ck_assert_str_eq(option_scene_message(&scene),
	                 "/servers/a: expected the key \"port\" (the port), found none");
	option_scene_close(&scene);

	fill_map(&scene, "{\"servers\": {\"*\": {\"port\": 0}, \"a\": {\"port\": 1}}}",
	         SPORE_OPTF_INHERITS, &map);
	option_scene_message(&scene);
	ck_assert_uint_eq(scene.diag.count, 1);
	option_scene_close(&scene);
}
END_TEST

SUITE("option", items_inherit_from_that_of_all, what_must_not_be_empty, a_list_of_paths,
      a_list_of_hosts, nothing_gives_the_defaults, everything_is_filled, mistakes_name_their_place,
      all_mistakes_are_found, ignored_keys_are_somebody_elses, a_required_key_is_asked_for,
      rows_may_be_longer_than_ours, a_default_that_is_no_json_is_the_tables_mistake)
