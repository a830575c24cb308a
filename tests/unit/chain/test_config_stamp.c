#include "chain/config_stamp.h"

#include "scene/option_scene.h"
#include "suite.h"

struct conf {
	int64_t count;
	const char *name;
	spore_str secret;
	const spore_cfg *tree;
};

static const spore_option rows[] = {
	SPORE_INT(struct conf, count, 0, "3", 0, 10, "c"),
	SPORE_STRING(struct conf, name, 0, NULL, "n"),
	SPORE_SECRET(struct conf, secret, 0, "s"),
	SPORE_NODE(struct conf, tree, 0, "t"),
};
static const struct option_table table = { rows, sizeof rows / sizeof *rows, sizeof *rows };

struct stamp {
	uint8_t bytes[CRYPTO_SHA256_SIZE];
};

static struct stamp stamp_of(const char *text, const struct noted_file *files, size_t n)
{
	static const char *const hosts[] = { "use", NULL };
	struct option_scene scene;
	struct option_scope scope;
	struct conf conf = { 0 };
	struct stamp stamp;

	option_scene_open(&scene, text);
	scope = (struct option_scope){ scene.doc, &scene.diag, NULL, hosts, NULL };
	ck_assert(option_fill(&scope, &table, scene.root, &conf));
	ck_assert(config_stamp(&table, scene.root, &conf, files, n, stamp.bytes));
	option_scene_close(&scene);
	return stamp;
}

static bool differ(const char *a, const char *b)
{
	struct stamp x = stamp_of(a, NULL, 0), y = stamp_of(b, NULL, 0);

	return memcmp(&x, &y, sizeof x) != 0;
}

/* Not their places, the host's keys, or whether a default is written out. */
START_TEST(equal_values_give_equal_stamps)
{
	ck_assert(!differ("{}", "{\"count\": 3, \"use\": \"x\"}"));
	ck_assert(!differ("{\"name\":\"a\",\"secret\":\"s\",\"tree\":[1,{\"a\":2}]}",
	                  "{\n \"tree\": [1, {\"a\": 2}], \"secret\": \"s\", \"name\": \"a\" }"));
}
END_TEST

START_TEST(each_value_counts)
{
	ck_assert(differ("{}", "{\"count\":4}"));
	ck_assert(differ("{}", "{\"name\":\"a\"}"));
	ck_assert(differ("{\"secret\":\"s\"}", "{\"secret\":\"t\"}"));
	ck_assert(differ("{\"tree\":[1,{\"a\":2}]}", "{\"tree\":[1,{\"a\":3}]}"));
}
END_TEST

START_TEST(files_count_with_their_states)
{
	const struct noted_file files[] = { { "/a", 1, true },
		                            { "/a", 2, true },
		                            { "/b", 1, true } };
	struct stamp none = stamp_of("{}", NULL, 0), stamps[3], again;

	for (size_t i = 0; i < 3; i++) {
		stamps[i] = stamp_of("{}", &files[i], 1);
		ck_assert_mem_ne(&stamps[i], &none, sizeof none);
	}
	ck_assert_mem_ne(&stamps[0], &stamps[1], sizeof none);
	ck_assert_mem_ne(&stamps[0], &stamps[2], sizeof none);
	again = stamp_of("{}", &files[0], 1);
	ck_assert_mem_eq(&stamps[0], &again, sizeof none);
}
END_TEST

SUITE("config_stamp", equal_values_give_equal_stamps, each_value_counts,
      files_count_with_their_states)
