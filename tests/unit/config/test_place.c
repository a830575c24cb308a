#include "config/place.h"

#include "config/command.h"
#include "scene/option_scene.h"
#include "suite.h"
#include "json/pointer.h"

/* A file's text in the root, and the flags and variables that are placed over it. */
struct scene {
	struct option_scene option;
	struct command command;
	struct placer placer;
	char texts[8][64]; /* of the values, since secrets are wiped */
};

static void open_scene(struct scene *scene, unsigned role, const char *text)
{
	struct json *root;

	memset(scene, 0, sizeof *scene);
	option_scene_open(&scene->option, text);
	root = json_doc_root(scene->option.doc);
	root->source = scene->option.root->source;
	while (scene->option.root->first)
		json_add(scene->option.doc, root, scene->option.root->first->key,
		         scene->option.root->first);
	scene->placer = (struct placer){ .doc = scene->option.doc,
		                         .role = role,
		                         .command = &scene->command,
		                         .diag = &scene->option.diag };
}

static struct command_value make_value(struct scene *scene, const char *name, const char *text,
                                       const char *origin)
{
	size_t n = scene->command.n_flags + scene->command.n_variables;
	struct command_value value = { shorthand_find(scene->placer.role, name),
		                       strcpy(scene->texts[n], text), "" };

	ck_assert_ptr_nonnull(value.shorthand);
	strcpy(value.origin, origin);
	return value;
}

static void give_flag(struct scene *scene, const char *name, const char *text, const char *origin)
{
	struct command_value value = make_value(scene, name, text, origin);

	scene->command.flags[scene->command.n_flags++] = value;
}

static void give_variable(struct scene *scene, const char *name, const char *text,
                          const char *origin)
{
	struct command_value value = make_value(scene, name, text, origin);

	scene->command.variables[scene->command.n_variables++] = value;
}

static const struct json *place_all(struct scene *scene)
{
	place_flat(&scene->placer);
	place_values(&scene->placer);
	place_defaults(&scene->placer);
	return json_doc_root(scene->option.doc);
}

static const char *text_at(const struct json *root, const char *pointer)
{
	const struct json *node = json_at(root, pointer); /* or the last one on the way */
	const char *key = strrchr(pointer, '/') + 1;

	return (!node->key || strcmp(node->key, key) == 0) && node->raw ? node->raw : "(none)";
}

static void check_wrong(struct scene *scene, const char *expected)
{
	place_all(scene);
	ck_assert_str_eq(option_scene_message(&scene->option), expected);
	option_scene_close(&scene->option);
}

START_TEST(flat_keys_move_to_their_sections)
{
	const struct json *root;
	struct scene scene;

	open_scene(&scene, ROLE_SERVER,
	           "{\"control_port\":7,\"secret\":\"x\",\"deny\":\"10.0.0.0/8, ::1\","
	           "\"server\":{\"workers\":1}}");
	root = place_all(&scene);
	ck_assert_str_eq(text_at(root, "/server/control_port"), "7");
	ck_assert_str_eq(text_at(root, "/server/workers"), "1");
	ck_assert_str_eq(text_at(root, "/auth/0/use"), "hmac");
	ck_assert_str_eq(text_at(root, "/auth/0/secret"), "x");
	ck_assert_str_eq(text_at(root, "/acl/control/0/deny/0"), "10.0.0.0/8");
	ck_assert_str_eq(text_at(root, "/acl/control/0/deny/1"), "::1");
	ck_assert_ptr_null(json_get(root, "control_port"));
	ck_assert_uint_eq(scene.option.diag.count, 0);
	option_scene_close(&scene.option);
}
END_TEST

START_TEST(a_flag_overrides_a_variable_which_overrides_the_file)
{
	const struct json *root;
	struct scene scene;

	open_scene(&scene, ROLE_SERVER,
	           "{\"control_port\":1,\"server\":{\"min_port\":1,\"workers\":1}}");
	give_variable(&scene, "control_port", "2", "SPORE_CONTROL_PORT");
	give_variable(&scene, "min_port", "2", "SPORE_MIN_PORT");
	give_flag(&scene, "control_port", "3", "--control-port");
	root = place_all(&scene);
	ck_assert_str_eq(text_at(root, "/server/control_port"), "3");
	ck_assert_str_eq(json_at(root, "/server/control_port")->source->name, "--control-port");
	ck_assert_str_eq(text_at(root, "/server/min_port"), "2");
	ck_assert_str_eq(text_at(root, "/server/workers"), "1");
	option_scene_close(&scene.option);
}
END_TEST

START_TEST(secrets_with_commas_go_to_another_plugin)
{
	const struct json *root;
	struct scene scene;

	open_scene(&scene, ROLE_SERVER, "{}");
	give_flag(&scene, "secret", "one,two", "--secret");
	root = place_all(&scene);
	ck_assert_str_eq(text_at(root, "/auth/0/use"), "multi_secret");
	ck_assert_str_eq(text_at(root, "/auth/0/secrets/secret2"), "two");
	ck_assert_uint_eq(scene.placer.secrets_in_list, 2);
	ck_assert(scene.placer.secret_in_arguments);
	ck_assert_str_eq(scene.texts[0], "*******");
	option_scene_close(&scene.option);
	open_scene(&scene, ROLE_SERVER, "{}");
	give_variable(&scene, "secret", "one,two", "BORE_SECRET"); /* one secret to bore */
	root = place_all(&scene);
	ck_assert_str_eq(text_at(root, "/auth/0/secret"), "one,two");
	ck_assert(!scene.placer.secret_in_arguments);
	option_scene_close(&scene.option);
}
END_TEST

START_TEST(a_file_of_a_secret_is_wrapped)
{
	const struct json *root;
	struct scene scene;

	open_scene(&scene, ROLE_LOCAL, "{}");
	give_flag(&scene, "secret_file", "a/b", "--secret-file");
	root = place_all(&scene);
	ck_assert_str_eq(text_at(root, "/auth/0/secret/file"), "a/b");
	option_scene_close(&scene.option);
}
END_TEST

START_TEST(flags_without_a_value_add_an_entry_or_a_boolean)
{
	const struct json *root;
	struct scene scene;

	open_scene(&scene, ROLE_LOCAL, "{}");
	give_flag(&scene, "tls", "true", "--tls");
	give_flag(&scene, "no_reconnect", "true", "--no-reconnect");
	give_flag(&scene, "retry", "true", "--retry");
	root = place_all(&scene);
	ck_assert_str_eq(text_at(root, "/transport/0/use"), "tls");
	ck_assert(!json_at(root, "/client/reconnect")->boolean);
	ck_assert(json_at(root, "/client/retry")->boolean);
	ck_assert_uint_eq(scene.option.diag.count, 0);
	option_scene_close(&scene.option);
}
END_TEST

START_TEST(a_boolean_variable_has_several_spellings)
{
	static const char *const words[][2] = {
		{ "true", "false" }, { "1", "0" }, { "Yes", "NO" }, { "on", "off" }
	};

	for (size_t i = 0; i < 2 * (sizeof words / sizeof *words); i++) {
		const char *word = words[i / 2][i % 2];
		bool is_true = i % 2 == 0;
		const struct json *root;
		struct scene scene;

		open_scene(&scene, ROLE_LOCAL, "{}");
		give_variable(&scene, "retry", word, "SPORE_RETRY");
		give_variable(&scene, "no_reconnect", word, "SPORE_NO_RECONNECT");
		give_variable(&scene, "tls", word, "SPORE_TLS");
		root = place_all(&scene);
		ck_assert(json_at(root, "/client/retry")->boolean == is_true);
		ck_assert(json_at(root, "/client/reconnect")->boolean == !is_true);
		ck_assert_str_eq(text_at(root, "/transport/0/use"), is_true ? "tls" : "plain");
		ck_assert_uint_eq(scene.option.diag.count, 0);
		option_scene_close(&scene.option);
	}
}
END_TEST

START_TEST(a_missing_section_gets_its_default)
{
	const struct json *root;
	struct scene scene;

	open_scene(&scene, ROLE_SERVER, "{}");
	root = place_all(&scene);
	ck_assert_str_eq(text_at(root, "/transport/0/use"), "plain");
	ck_assert_ptr_null(json_get(root, "transport")->source->text);
	option_scene_close(&scene.option);
	open_scene(&scene, ROLE_SERVER, "{\"transport\":[]}");
	root = place_all(&scene);
	ck_assert_uint_eq(json_get(root, "transport")->count, 0);
	option_scene_close(&scene.option);
}
END_TEST

START_TEST(conflicts_are_reported)
{
	struct scene scene;

	open_scene(&scene, ROLE_SERVER, "{\"control_port\":1,\"server\":{\"control_port\":2}}");
	check_wrong(&scene, "/control_port: \"control_port\" conflicts with /server/control_port: "
	                    "keep one");
	open_scene(&scene, ROLE_SERVER, "{}");
	give_flag(&scene, "secret", "x", "--secret");
	give_flag(&scene, "secret_file", "f", "--secret-file");
	check_wrong(&scene, "conflicts with --secret: keep one");
	open_scene(&scene, ROLE_SERVER, "{\"tls\":false,\"certfile\":\"c\"}");
	check_wrong(&scene, "/tls: \"tls\" is false, but other keys need it: remove them");
	open_scene(&scene, ROLE_SERVER, "{\"tls\":true,\"transport\":[{\"use\":\"plain\"}]}");
	check_wrong(&scene, "/tls: \"tls\" conflicts with /transport: keep one");
	open_scene(&scene, ROLE_SERVER, "{\"tls\":1}");
	check_wrong(&scene, "/tls: expected true or false, found a number");
}
END_TEST

START_TEST(a_flag_needs_the_entry_of_its_plugin)
{
	struct scene scene;

	open_scene(&scene, ROLE_SERVER, "{\"acl\":{\"control\":[{\"use\":\"other\"}]}}");
	give_flag(&scene, "allow", "::1", "--allow");
	check_wrong(&scene,
	            "expected an entry with \"use\": \"cidr\" in \"acl/control\" for this key, "
	            "found none");
	open_scene(&scene, ROLE_SERVER, "{\"acl\":[]}"); /* the section's own check reports that */
	give_flag(&scene, "allow", "::1", "--allow");
	check_wrong(&scene, "");
}
END_TEST

SUITE("place", flat_keys_move_to_their_sections,
      a_flag_overrides_a_variable_which_overrides_the_file,
      secrets_with_commas_go_to_another_plugin, a_file_of_a_secret_is_wrapped,
      flags_without_a_value_add_an_entry_or_a_boolean, a_boolean_variable_has_several_spellings,
      a_missing_section_gets_its_default, conflicts_are_reported,
      a_flag_needs_the_entry_of_its_plugin)
