#include "config/changes.h"

#include "scene/option_scene.h"
#include "suite.h"

struct conf {
	int64_t count;
	const char *name;
	spore_str key;
	spore_map keys, policy;
	spore_list names;
	const spore_cfg *raw;
};

struct policy {
	int64_t most, least;
};

static const spore_option_item secret_item = { SPORE_OPT_SECRET, sizeof(spore_str), NULL, 0, 0 };
static const spore_option_item name_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };
static const spore_option policy_rows[] = {
	SPORE_INT(struct policy, most, 0, NULL, 1, 10, "i"),
	SPORE_INT(struct policy, least, 0, NULL, 1, 10, "i"),
};
static const spore_option_item policy_item = { SPORE_OPT_OBJECT, sizeof(struct policy), policy_rows,
	                                       2, sizeof(spore_option) };
static const spore_option rows[] = {
	SPORE_INT(struct conf, count, OPTIONF_NEW_ONLY, "3", 0, 10, "i"),
	SPORE_STRING(struct conf, name, OPTIONF_RESTART, NULL, "t"),
	SPORE_SECRET(struct conf, key, 0, "k"),
	SPORE_MAP(struct conf, keys, 0, &secret_item, "m"),
	SPORE_MAP(struct conf, policy, 0, &policy_item, "o"),
	SPORE_LIST(struct conf, names, 0, &name_item, "l"),
	SPORE_NODE(struct conf, raw, 0, "x"),
};
static const struct option_table table = { rows, sizeof rows / sizeof *rows, sizeof *rows };

/* One configuration: the text at "/p", then instances at "/i/0" and so on, each as "USE VALUE". */
static void tell(struct effective *out, const char *text, const char *const *instances)
{
	struct option_scene scene;
	struct conf conf = { 0 };

	*out = (struct effective){ 0 };
	option_scene_open(&scene, text);
	ck_assert(option_fill(&(struct option_scope){ scene.doc, &scene.diag, NULL, NULL, NULL },
	                      &table, scene.root, &conf));
	effective_add(out, &(struct effective_part){ .table = &table,
	                                             .object = scene.root,
	                                             .conf = &conf,
	                                             .pointer = "/p" });
	for (size_t i = 0; instances && instances[i]; i++) {
		char place[32], use[32];

		snprintf(place, sizeof place, "/i/%zu", i);
		snprintf(use, sizeof use, "%.*s", (int)strcspn(instances[i], " "), instances[i]);
		effective_add_use(out, place, use, NULL, OPTION_LIVE);
		effective_add_text(out, place, "name", use, NULL, OPTION_LIVE);
		effective_add_text(out, place, use, strchr(instances[i], ' ') + 1, scene.root,
		                   OPTION_LIVE);
	}
	option_scene_close(&scene);
}

/* All changes as lines of "POINTER: FROM -> TO (KIND)". */
static void check(const char *from, const char *const *from_instances, const char *to,
                  const char *const *to_instances, const char *expected)
{
	struct effective old, new;
	struct changes changes;
	char told[2048] = "";
	size_t n = 0;

	tell(&old, from, from_instances);
	tell(&new, to, to_instances);
	ck_assert(changes_find(&old, &new, &changes));
	for (size_t i = 0; i < changes.n; i++) {
		const struct change *c = &changes.items[i];

		n += (size_t)snprintf(
			told + n, sizeof told - n, "%s: %s%s -> %s%s (%s)\n", c->pointer,
			c->from ? c->from : "not set", c->from_is_default ? " (default)" : "",
			c->to ? c->to : "not set", c->to_is_default ? " (default)" : "",
			changes_kind_name(c->kind));
	}
	ck_assert_str_eq(told, expected);
	changes_fini(&changes);
	effective_fini(&old);
	effective_fini(&new);
}

START_TEST(equal_values_are_not_changes)
{
	check("{}", NULL, "{}", NULL, "");
	check("{\"key\":\"x\",\"raw\":[1,{\"a\":null}]}", NULL,
	      "{ \"raw\": [1, {\"a\": null}], \"key\": \"x\"}", NULL, "");
	check("{}", NULL, "{\"count\": 3}", NULL, ""); /* an explicit default */
}
END_TEST

START_TEST(changes_have_values_and_a_kind)
{
	check("{}", NULL, "{\"count\": 4, \"name\": \"n\"}", NULL,
	      "/p/count: 3 (default) -> 4 (new connections only)\n"
	      "/p/name: not set -> \"n\" (needs a restart)\n");
	check("{\"count\": 4}", NULL, "{}", NULL,
	      "/p/count: 4 -> 3 (default) (new connections only)\n");
}
END_TEST

START_TEST(secrets_are_compared)
{
	check("{\"key\":\"x\"}", NULL, "{\"key\":\"y\"}", NULL,
	      "/p/key: \"(secret)\" -> \"(secret)\" (live)\n");
	check("{\"raw\":{\"a\":[true]}}", NULL, "{\"raw\":{\"a\":[false]}}", NULL,
	      "/p/raw: \"(not shown)\" -> \"(not shown)\" (live)\n");
	check("{\"keys\":{\"a\":\"x\",\"b\":\"y\",\"d\":\"z\"}}", NULL,
	      "{\"keys\":{\"d\":\"z\",\"b\":\"x\",\"c\":\"y\"}}", NULL,
	      "/p/keys/b: \"(secret)\" -> \"(secret)\" (live)\n/p/keys/c: not set -> \"(secret)\" "
	      "(live)\n"
	      "/p/keys/a: \"(secret)\" -> not set (live)\n");
}
END_TEST

/* An empty section holds nothing, and an object that was added has nothing but what was set. */
START_TEST(what_is_added_was_not_set_before)
{
	check("{}", NULL, "{\"policy\":{\"alice\":{\"most\":5}}}", NULL,
	      "/p/policy/alice/most: not set -> 5 (live)\n");
	check("{\"policy\":{\"alice\":{\"most\":5}}}", NULL, "{\"policy\":{}}", NULL,
	      "/p/policy/alice/most: 5 -> not set (live)\n");
	check("{}", NULL, "{\"policy\":{}}", NULL, "");
	check("{}", NULL, "{\"names\":[]}", NULL, "/p/names: not set -> [] (live)\n");
}
END_TEST

START_TEST(an_instance_is_reported_with_what_was_written)
{
	static const char *const one[] = { "hmac a", NULL }, *const changed[] = { "hmac b", NULL };
	static const char *const other[] = { "mtls a", NULL };
	static const char *const two[] = { "hmac a", "mtls a", NULL };

	check("{}", one, "{}", changed, "/i/0/hmac: \"a\" -> \"b\" (live)\n");
	check("{}", one, "{}", other,
	      "/i/0: \"hmac\" -> \"mtls\" (live)\n/i/0/mtls: not set -> \"a\" (live)\n");
	check("{}", one, "{}", two,
	      "/i/1: not set -> \"mtls\" (live)\n/i/1/mtls: not set -> \"a\" (live)\n");
	check("{}", two, "{}", one,
	      "/i/1: \"mtls\" -> not set (live)\n/i/1/mtls: \"a\" -> not set (live)\n");
	check("{}", NULL, "{}", one,
	      "/i/0: not set -> \"hmac\" (live)\n/i/0/hmac: not set -> \"a\" (live)\n");
}
END_TEST

START_TEST(a_long_value_is_truncated)
{
	char text[600], expected[600], a[501];

	memset(a, 'a', 500);
	a[500] = '\0';
	snprintf(text, sizeof text, "{\"name\":\"%s\"}", a);
	snprintf(expected, sizeof expected, "/p/name: not set -> \"%.196s... (needs a restart)\n",
	         a);
	check("{}", NULL, text, NULL, expected);
}
END_TEST

SUITE("changes", what_is_added_was_not_set_before, equal_values_are_not_changes,
      changes_have_values_and_a_kind, secrets_are_compared,
      an_instance_is_reported_with_what_was_written, a_long_value_is_truncated)
