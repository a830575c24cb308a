#include "plugin/registry.h"

#include "plugin_file.h"
#include "suite.h"

static const void *no_extension(const char *id)
{
	(void)id;
	return NULL;
}

struct scene {
	struct registry registry;
	const struct loaded *loaded;
	struct err err;
};

static struct scene make(void)
{
	struct scene scene = { .registry = { .loader.get_extension = no_extension,
		                             .path = { PLUGIN_DIR },
		                             .n_path = 1 } };

	return scene;
}

static void check_none(struct scene *scene, uint32_t kind, const char *use, const char *why)
{
	ck_assert_ptr_null(registry_find(&scene->registry, kind, use, &scene->loaded, &scene->err));
	ck_assert_msg(strstr(scene->err.text, why) != NULL, "%s", scene->err.text);
}

START_TEST(short_and_long_names_are_found)
{
	struct scene scene = make();
	const spore_component *plain, *same, *hmac;

	plain = registry_find(&scene.registry, SPORE_KIND_TRANSPORT, "plain", &scene.loaded,
	                      &scene.err);
	ck_assert_msg(plain != NULL, "%s", scene.err.text);
	ck_assert_str_eq(plain->name, "plain");
	ck_assert_str_eq(scene.loaded->note.plugin, "transport_plain");
	same = registry_find(&scene.registry, SPORE_KIND_TRANSPORT, "transport_plain:plain",
	                     &scene.loaded, &scene.err);
	ck_assert_ptr_eq(same, plain);
	hmac = registry_find(&scene.registry, SPORE_KIND_AUTH, "hmac", &scene.loaded, &scene.err);
	ck_assert_msg(hmac != NULL, "%s", scene.err.text);
	ck_assert_uint_eq(hmac->kind, SPORE_KIND_AUTH);
	loader_fini(&scene.registry.loader);
}
END_TEST

START_TEST(missing_plugins_are_explained)
{
	struct scene scene = make(),
		     empty = { .registry = { .path = { "/another/folder" }, .n_path = 1 } };

	check_none(&empty, SPORE_KIND_ACL, "cidr",
	           "unknown acl plugin \"cidr\": none available (looked for acl_cidr.so in ");

	scene.registry.path[1] = "/another/folder";
	scene.registry.n_path = 2;
	check_none(&scene, SPORE_KIND_AUTH, "none",
	           "unknown auth plugin \"none\": expected one of hmac");
	check_none(&scene, SPORE_KIND_AUTH, "none",
	           " (looked for auth_none.so in " PLUGIN_DIR ", /another/folder)");
	check_none(
		&scene, SPORE_KIND_AUTH, "hmca",
		"unknown auth plugin \"hmca\": did you mean \"hmac\"? (looked for auth_hmca.so ");
	check_none(&scene, SPORE_KIND_AUTH, "auth_hmca:x",
	           "unknown plugin file \"auth_hmca\": did you mean \"auth_hmac\"? (");
	check_none(&scene, SPORE_KIND_ACL, "acme:x",
	           "unknown plugin file \"acme\": expected one of a");
	check_none(
		&scene, SPORE_KIND_TRANSPORT, "transport_plain:other",
		"transport_plain.so has no transport component \"other\": expected one of plain");
	check_none(&scene, SPORE_KIND_AUTH, "transport_plain:plain",
	           "has no auth component \"plain\": none available");
	check_none(&scene, SPORE_KIND_AUTH, "../auth:x",
	           "expected a plugin's name without slashes");
	check_none(&scene, SPORE_KIND_AUTH, "a:/b", "expected a plugin's name without slashes");
	check_none(&scene, SPORE_KIND_AUTH, "", "unknown auth plugin \"\": expected one of hmac");
	loader_fini(&scene.registry.loader);
}
END_TEST

START_TEST(folders_are_searched_in_order)
{
	struct plugin_file file = plugin_file_read(PLUGIN_DIR "/transport_plain.so");
	struct scene scene = make();
	char folder[64], path[128];

	plugin_file_folder(folder);
	snprintf(path, sizeof path, "%s/transport_plain.so", folder);
	memcpy(plugin_file_note(&file) + 40, "2.0.0", 6);
	plugin_file_write(&file, path);
	scene.registry.path[0] = folder;
	scene.registry.path[1] = PLUGIN_DIR;
	scene.registry.n_path = 2;
	ck_assert_ptr_nonnull(registry_find(&scene.registry, SPORE_KIND_TRANSPORT, "plain",
	                                    &scene.loaded, &scene.err));
	ck_assert_str_eq(scene.loaded->note.version, "2.0.0");
	unlink(path);
	ck_assert_ptr_nonnull(registry_find(&scene.registry, SPORE_KIND_TRANSPORT, "plain",
	                                    &scene.loaded, &scene.err));
	ck_assert_str_eq(scene.loaded->note.version, "1.0.0");
	rmdir(folder);
	free(file.bytes);
	loader_fini(&scene.registry.loader);
}
END_TEST

START_TEST(a_pin_is_for_its_file)
{
	static const char zeroes[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	const struct registry_pin pins[] = { { "auth_hmac.so", zeroes } };
	struct scene scene = make();

	scene.registry.pins = pins;
	scene.registry.n_pins = 1;
	ck_assert_ptr_nonnull(registry_find(&scene.registry, SPORE_KIND_TRANSPORT, "plain",
	                                    &scene.loaded, &scene.err));
	check_none(&scene, SPORE_KIND_AUTH, "hmac", "expected the pinned 0000");
	loader_fini(&scene.registry.loader);
}
END_TEST

/* A plugin of a folder that is known is found all the same. */
START_TEST(without_our_own_folders_no_name_is_blamed)
{
	struct scene scene = make();

	scene.registry.lost = "/proc is not mounted";
	ck_assert_ptr_nonnull(registry_find(&scene.registry, SPORE_KIND_TRANSPORT, "plain",
	                                    &scene.loaded, &scene.err));
	check_none(&scene, SPORE_KIND_AUTH, "radius", "radius");
	ck_assert_str_eq(scene.err.text, "cannot look for auth_radius.so beside the executable: "
	                                 "/proc is not mounted");
	loader_fini(&scene.registry.loader);
}
END_TEST

SUITE("registry", without_our_own_folders_no_name_is_blamed, short_and_long_names_are_found,
      missing_plugins_are_explained, folders_are_searched_in_order, a_pin_is_for_its_file)
