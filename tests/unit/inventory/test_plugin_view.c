#include "inventory/plugin_view.h"

#include "plugin_file.h"
#include "suite.h"

static const void *no_extension(const char *id)
{
	(void)id;
	return NULL;
}

struct scene {
	struct loader loader;
	struct plugin_file file;
	char folder[64], path[128];
	struct plugin_view view;
};

static void set_up(struct scene *scene)
{
	*scene = (struct scene){ .loader.get_extension = no_extension };
	plugin_file_folder(scene->folder);
	snprintf(scene->path, sizeof scene->path, "%s/p.so", scene->folder);
	scene->file = plugin_file_read(PLUGIN_DIR "/transport_plain.so");
}

static void tear_down(struct scene *scene)
{
	unlink(scene->path);
	rmdir(scene->folder);
	free(scene->file.bytes);
	loader_fini(&scene->loader);
}

static void open_view(struct scene *scene, bool load)
{
	plugin_file_write(&scene->file, scene->path);
	plugin_view_open(&scene->view, &scene->loader, scene->path, NULL, load);
}

START_TEST(a_good_one_is_loaded_if_asked_for)
{
	struct scene scene;

	set_up(&scene);
	open_view(&scene, false);
	ck_assert_int_eq(scene.view.state, PLUGIN_NOT_LOADED);
	ck_assert_str_eq(scene.view.seen.note.plugin, "transport_plain");
	ck_assert_ptr_null(scene.loader.first);
	open_view(&scene, true);
	ck_assert_int_eq(scene.view.state, PLUGIN_LOADED);
	ck_assert_str_eq(scene.view.loaded->plugin->name, "transport_plain");
	tear_down(&scene);
}
END_TEST

START_TEST(a_bad_one_is_refused_with_its_reason)
{
	struct scene scene;
	char expected[256];

	set_up(&scene);
	scene.file.size = 3;
	open_view(&scene, true);
	ck_assert_int_eq(scene.view.state, PLUGIN_REFUSED);
	ck_assert_ptr_null(scene.view.loaded);
	ck_assert_str_eq(plugin_view_reason(&scene.view),
	                 "not a shared object: expected an ELF file");
	snprintf(expected, sizeof expected,
	         "plugin %s refused: not a shared object: expected an ELF file", scene.path);
	ck_assert_str_eq(scene.view.refusal.text, expected);
	tear_down(&scene);
}
END_TEST

static void check_use(const char *path, uint32_t kind, const char *name, const char *expected)
{
	spore_component component = { .kind = kind, .name = name };
	const char *use;
	char room[64];

	use = plugin_view_use(path, &component, room, sizeof room);
	if (expected)
		ck_assert_str_eq(use, expected);
	else
		ck_assert_ptr_null(use);
}

START_TEST(use_is_short_where_the_file_allows_it)
{
	check_use("/x/auth_hmac.so", SPORE_KIND_AUTH, "hmac", "hmac");
	check_use("auth_hmac.so", SPORE_KIND_AUTH, "other", "auth_hmac:other");
	check_use("/x/auth_hmac.so", SPORE_KIND_ACL, "hmac", "auth_hmac:hmac");
	check_use("/x/acme.so", SPORE_KIND_AUTH, "ldap", "acme:ldap");
	check_use("/x.so/acme.so.1", SPORE_KIND_AUTH, "ldap", NULL);
	check_use("/x/.so", SPORE_KIND_AUTH, "ldap", NULL);
}
END_TEST

START_TEST(kinds_of_other_hosts_are_unknown)
{
	ck_assert_str_eq(plugin_view_kind(&(spore_component){ .kind = SPORE_KIND_METRICS }),
	                 "metrics");
	ck_assert(plugin_view_is_known(&(spore_component){ .kind = SPORE_KIND_METRICS }));
	ck_assert_str_eq(plugin_view_kind(&(spore_component){ .kind = 77 }), "unknown");
	ck_assert(!plugin_view_is_known(&(spore_component){ .kind = 77 }));
}
END_TEST

SUITE("plugin_view", a_good_one_is_loaded_if_asked_for, a_bad_one_is_refused_with_its_reason,
      use_is_short_where_the_file_allows_it, kinds_of_other_hosts_are_unknown)
