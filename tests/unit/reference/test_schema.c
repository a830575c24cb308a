#include "reference/schema.h"

#include "capture.h"
#include "config/shorthands.h"
#include "scene/catalogue_scene.h"
#include "suite.h"
#include "json/json.h"
#include "json/parse.h"

struct scene {
	struct catalogue catalogue;
	struct registry registry;
	struct json_doc *doc;
	const struct json *root;
};

static void set_up(struct scene *scene, unsigned roles)
{
	struct json_error error;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	ck_assert(catalogue_scene_read(&scene->catalogue, &scene->registry, NULL));
	schema_write(roles, &scene->catalogue, out);
	fclose(out);
	scene->doc = json_doc_new();
	scene->root = json_parse(scene->doc, json_source_add(scene->doc, "schema", text, size),
	                         &error);
	ck_assert_msg(scene->root != NULL, "%s", error.text);
	free(text);
}

static void tear_down(struct scene *scene)
{
	json_doc_free(scene->doc);
	catalogue_fini(&scene->catalogue);
	loader_fini(&scene->registry.loader);
}

/* The value at a path of keys, '/' between them; NULL if there is none. */
static const struct json *at(const struct scene *scene, const char *path)
{
	const struct json *node = scene->root;
	char key[64];

	while (node && *path) {
		size_t len = strcspn(path, "/");

		snprintf(key, sizeof key, "%.*s", (int)len, path);
		node = json_get(node, key);
		path += len + (path[len] == '/');
	}
	return node;
}

static void check_text(const struct scene *scene, const char *path, const char *expected)
{
	const struct json *node = at(scene, path);

	ck_assert_msg(node != NULL && node->type == JSON_STRING, "%s", path);
	ck_assert_str_eq(node->raw, expected);
}

static bool has_element(const struct json *array, const char *text)
{
	for (const struct json *i = array ? array->first : NULL; i; i = i->next) {
		if (i->type == JSON_STRING && strcmp(i->raw, text) == 0)
			return true;
	}
	return false;
}

START_TEST(one_role)
{
	struct scene scene;

	set_up(&scene, ROLE_SERVER);
	check_text(&scene, "$schema", "http://json-schema.org/draft-07/schema#");
	ck_assert_ptr_null(at(&scene, "if"));
	ck_assert_ptr_nonnull(at(&scene, "definitions/server"));
	ck_assert_ptr_null(at(&scene, "definitions/local"));
	ck_assert_str_eq(json_get(at(&scene, "allOf")->first, "$ref")->raw, "#/definitions/server");
	tear_down(&scene);
}
END_TEST

START_TEST(with_both_roles_a_clients_keys_decide)
{
	struct scene scene;
	bool client = false, log = false;

	set_up(&scene, ROLE_SERVER | ROLE_LOCAL);
	check_text(&scene, "then/$ref", "#/definitions/local");
	check_text(&scene, "else/$ref", "#/definitions/server");
	for (const struct json *i = at(&scene, "if/anyOf")->first; i; i = i->next) {
		client = client || has_element(json_get(i, "required"), "client");
		log = log || has_element(json_get(i, "required"), "log");
	}
	ck_assert(client && !log);
	tear_down(&scene);
}
END_TEST

START_TEST(sections_and_flat_keys)
{
	struct scene scene;
	const struct json *root_required;

	set_up(&scene, ROLE_SERVER | ROLE_LOCAL);
	check_text(&scene, "definitions/server/properties/server/properties/min_port/type",
	           "integer");
	check_text(&scene, "definitions/server/properties/min_port/type", "integer");
	check_text(&scene, "definitions/local/properties/tls/type", "boolean");
	check_text(&scene, "definitions/local/properties/secret_file/type", "string");
	ck_assert_uint_eq(at(&scene, "definitions/server/properties/allow/anyOf")->count, 2);
	ck_assert_ptr_null(at(&scene, "definitions/local/properties/no_reconnect"));
	ck_assert_ptr_null(at(&scene, "definitions/local/properties/min_port"));
	ck_assert(!at(&scene, "definitions/server/additionalProperties")->boolean);
	/* --to sets client.to, and the port of the service is a word of the command line. */
	root_required = at(&scene, "definitions/local/required");
	ck_assert_ptr_null(root_required);
	ck_assert_ptr_null(at(&scene, "definitions/local/properties/client/required"));
	tear_down(&scene);
}
END_TEST

START_TEST(chains_hold_instances_of_their_kind)
{
	struct scene scene;
	const struct json *uses;

	set_up(&scene, ROLE_SERVER);
	check_text(&scene, "definitions/server/properties/auth/items/$ref",
	           "#/definitions/any.auth");
	check_text(&scene, "definitions/server/properties/acl/properties/public/items/$ref",
	           "#/definitions/any.acl");
	ck_assert_ptr_nonnull(at(&scene, "definitions/server/properties/transport/maxItems"));
	ck_assert_ptr_null(at(&scene, "definitions/server/properties/auth/maxItems"));
	ck_assert_ptr_nonnull(at(&scene, "definitions/server/properties/public/items/properties/"
	                                 "route/minItems"));
	uses = at(&scene, "definitions/any.auth/properties/use/enum");
	ck_assert(has_element(uses, "hmac") && has_element(uses, "auth_hmac:hmac"));
	ck_assert(!has_element(uses, "plain"));
	ck_assert(has_element(at(&scene, "definitions/any.auth/required"), "use"));
	tear_down(&scene);
}
END_TEST

START_TEST(components_have_their_options)
{
	struct scene scene;

	set_up(&scene, ROLE_SERVER);
	ck_assert_ptr_nonnull(
		at(&scene, "definitions/auth.auth_hmac:hmac/properties/secret/allOf"));
	ck_assert_ptr_nonnull(at(&scene, "definitions/auth.auth_hmac:hmac/properties/on_error"));
	ck_assert(!at(&scene, "definitions/auth.auth_hmac:hmac/additionalProperties")->boolean);
	ck_assert_ptr_null(at(&scene, "definitions/auth.auth_hmac:hmac/required"));
	ck_assert_ptr_nonnull(at(&scene, "definitions/duration"));
	tear_down(&scene);
}
END_TEST

SUITE("schema", one_role, with_both_roles_a_clients_keys_decide, sections_and_flat_keys,
      chains_hold_instances_of_their_kind, components_have_their_options)
