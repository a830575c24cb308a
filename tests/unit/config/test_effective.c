#include "config/effective.h"

#include "scene/option_scene.h"
#include "suite.h"

struct inner {
	const char *host;
	int64_t port;
};

struct conf {
	uint32_t fast;
	int64_t count, timeout, room, mode, port;
	double share;
	const char *name;
	spore_str key;
	spore_addr at, from;
	spore_list ports, prefixes, servers;
	spore_map keys;
	struct inner inner;
	const spore_cfg *raw;
};

static const spore_option inner_rows[] = {
	SPORE_STRING(struct inner, host, 0, "\"localhost\"", "host"),
	SPORE_PORT(struct inner, port, 0, NULL, 1, 65535, "port"),
};
static const spore_option_item inner_item = { SPORE_OPT_OBJECT, sizeof(struct inner), inner_rows, 2,
	                                      sizeof *inner_rows };
static const spore_option_item prefix_item = { SPORE_OPT_CIDR, sizeof(spore_cidr), NULL, 0, 0 };
static const spore_option_item secret_item = { SPORE_OPT_SECRET, sizeof(spore_str), NULL, 0, 0 };
static const spore_option rows[] = {
	SPORE_BOOL(struct conf, fast, 0, "true", "b"),
	SPORE_INT(struct conf, count, OPTIONF_NEW_ONLY, "3", 0, 10, "i"),
	SPORE_DURATION(struct conf, timeout, OPTIONF_RESTART, "\"90s\"", 0, 900000, "d"),
	SPORE_SIZE(struct conf, room, 0, "\"64k\"", 0, 1 << 30, "s"),
	SPORE_ENUM(struct conf, mode, 0, "\"b\"", "a|b|c", "e"),
	SPORE_PORT(struct conf, port, 0, NULL, 1, 65535, "p"),
	SPORE_NUMBER(struct conf, share, 0, "0.5", "n"),
	SPORE_STRING(struct conf, name, 0, NULL, "t"),
	SPORE_SECRET(struct conf, key, 0, "k"),
	SPORE_ADDR(struct conf, at, 0, "\"[::1]:80\"", "a"),
	SPORE_IP(struct conf, from, 0, NULL, "f"),
	SPORE_PORTS(struct conf, ports, 0, "\"1-2,7\"", "r"),
	SPORE_LIST(struct conf, prefixes, 0, &prefix_item, "l"),
	SPORE_LIST(struct conf, servers, 0, &inner_item, "o"),
	SPORE_MAP(struct conf, keys, 0, &secret_item, "m"),
	SPORE_OBJECT(struct conf, inner, struct inner, OPTIONF_RESTART, &inner_item, "in"),
	SPORE_NODE(struct conf, raw, 0, "x"),
};
static const struct option_table table = { rows, sizeof rows / sizeof *rows, sizeof *rows };

struct told {
	struct option_scene scene;
	struct conf conf;
	struct effective effective;
};

static struct effective_part part_of(const struct told *told)
{
	return (struct effective_part){
		.table = &table, .object = told->scene.root, .conf = &told->conf, .pointer = "/p"
	};
}

static void tell(struct told *told, const char *text)
{
	struct effective_part part;

	*told = (struct told){ .effective = { 0 } };
	option_scene_open(&told->scene, text);
	ck_assert_msg(option_fill(&(struct option_scope){ told->scene.doc, &told->scene.diag, NULL,
	                                                  NULL, NULL },
	                          &table, told->scene.root, &told->conf),
	              "%s", option_scene_message(&told->scene));
	part = part_of(told);
	effective_add(&told->effective, &part);
	ck_assert(!told->effective.failed);
}

static void forget(struct told *told)
{
	effective_fini(&told->effective);
	option_scene_close(&told->scene);
}

static const struct effective_value *find(const struct told *told, const char *pointer)
{
	for (size_t i = 0; i < told->effective.n; i++) {
		if (strcmp(told->effective.items[i].pointer, pointer) == 0)
			return &told->effective.items[i];
	}
	ck_abort_msg("no %s", pointer);
	return NULL;
}

static void check(const struct told *told, const char *pointer, const char *value,
                  const char *source)
{
	const struct effective_value *found = find(told, pointer);

	ck_assert_str_eq(found->value, value);
	ck_assert_str_eq(found->source, source);
}

START_TEST(defaults_are_included)
{
	struct told told;

	tell(&told, "{}");
	check(&told, "/p/fast", "true", "default");
	check(&told, "/p/count", "3", "default");
	check(&told, "/p/timeout", "\"90s\"", "default");
	check(&told, "/p/room", "\"64k\"", "default");
	check(&told, "/p/mode", "\"b\"", "default");
	check(&told, "/p/port", "null", "default");
	check(&told, "/p/share", "0.5", "default");
	check(&told, "/p/name", "null", "default");
	check(&told, "/p/key", "null", "default");
	check(&told, "/p/at", "\"[::1]:80\"", "default");
	check(&told, "/p/from", "null", "default");
	check(&told, "/p/ports", "\"1-2,7\"", "default");
	check(&told, "/p/prefixes", "[]", "default");
	check(&told, "/p/servers", "[]", "default");
	check(&told, "/p/keys", "{}", "default");
	check(&told, "/p/inner/host", "\"localhost\"", "default");
	check(&told, "/p/raw", "null", "default");
	ck_assert_uint_eq(told.effective.n, table.n + 1);
	forget(&told);
}
END_TEST

START_TEST(values_have_their_line)
{
	struct told told;

	tell(&told, "{ \"raw\": {\"pass\": \"hunter2\"},\n"
	            "\"servers\": [{\"port\": 1},\n{\"host\": \"b\"}],\n"
	            "\"prefixes\": [\"10.0.0.0/8\", \"::1\"],\n"
	            "\"keys\": {\n\"a/b~\": \"hunter2\",\n\"c\\u0007\": \"hunter3\"},\n"
	            "\"name\": \"say \\\"\\u001b\\\"\",\n"
	            "\"key\": \"hunter4\", \"fast\": false, \"mode\": \"c\" }");
	check(&told, "/p/raw", "\"(not shown)\"", "t:1");
	check(&told, "/p/servers/0/host", "\"localhost\"", "default");
	check(&told, "/p/servers/0/port", "1", "t:2");
	check(&told, "/p/servers/1/host", "\"b\"", "t:3");
	check(&told, "/p/prefixes", "[\"10.0.0.0/8\", \"::1/128\"]", "t:4");
	check(&told, "/p/keys/a~1b~0", "\"(secret)\"", "t:6");
	check(&told, "/p/keys/c\\x07", "\"(secret)\"", "t:7");
	check(&told, "/p/name", "\"say \\\"\\u001b\\\"\"", "t:8");
	check(&told, "/p/key", "\"(secret)\"", "t:9");
	check(&told, "/p/fast", "false", "t:9");
	check(&told, "/p/mode", "\"c\"", "t:9");
	for (size_t i = 0; i < told.effective.n; i++)
		ck_assert_ptr_null(strstr(told.effective.items[i].value, "hunter"));
	forget(&told);
}
END_TEST

static void check_source(struct json_source *source, const char *expected)
{
	struct json node = { .type = JSON_STRING, .source = source };
	struct effective effective = { 0 };

	effective_add_text(&effective, "/x", "name", "v", &node, OPTION_LIVE);
	ck_assert_str_eq(effective.items[0].source, expected);
	ck_assert_str_eq(effective.items[0].pointer, "/x/name");
	effective_fini(&effective);
}

START_TEST(values_have_their_source)
{
	check_source(&(struct json_source){ .name = "--port" }, "flag --port");
	check_source(&(struct json_source){ .name = "SPORE_PORT" }, "variable SPORE_PORT");
	check_source(&(struct json_source){ .name = "transport" }, "default");
	check_source(&(struct json_source){ .name = "a\nb", .text = "", .len = 0 }, "a\\x0ab:1");
	check_source(NULL, "default");
}
END_TEST

START_TEST(computed_values_are_derived)
{
	struct effective_part part;
	struct told told;

	tell(&told, "{}");
	effective_fini(&told.effective);
	told.conf.name = "made up";
	part = part_of(&told);
	effective_add(&told.effective, &part);
	check(&told, "/p/name", "\"made up\"", "derived");
	ck_assert(find(&told, "/p/name")->is_derived);
	ck_assert(!find(&told, "/p/count")->is_derived);
	forget(&told);
}
END_TEST

START_TEST(kinds_are_inherited)
{
	struct told told;

	tell(&told, "{}");
	ck_assert_int_eq(find(&told, "/p/fast")->change, OPTION_LIVE);
	ck_assert_int_eq(find(&told, "/p/count")->change, OPTION_NEW_ONLY);
	ck_assert_int_eq(find(&told, "/p/timeout")->change, OPTION_RESTART);
	ck_assert_int_eq(find(&told, "/p/inner/host")->change, OPTION_RESTART);
	effective_keep(&told.effective, OPTION_RESTART);
	ck_assert_uint_eq(told.effective.n, 3);
	check(&told, "/p/timeout", "\"90s\"", "default");
	forget(&told);
}
END_TEST

START_TEST(values_can_be_replaced)
{
	struct told started, now;

	tell(&started, "{\"timeout\": 5, \"count\": 9}");
	tell(&now, "{\"timeout\": 6, \"count\": 8}");
	effective_keep(&started.effective, OPTION_RESTART);
	effective_put(&now.effective, &started.effective);
	check(&now, "/p/timeout", "\"5s\"", "t:1");
	check(&now, "/p/count", "8", "t:1");
	ck_assert_mem_eq(find(&now, "/p/timeout")->digest, find(&started, "/p/timeout")->digest,
	                 CRYPTO_SHA256_SIZE);
	forget(&started);
	forget(&now);
}
END_TEST

SUITE("effective", defaults_are_included, values_have_their_line, values_have_their_source,
      computed_values_are_derived, kinds_are_inherited, values_can_be_replaced)
