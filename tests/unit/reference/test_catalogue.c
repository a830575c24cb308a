#include "reference/catalogue.h"

#include "capture.h"
#include "config/shorthands.h"
#include "plugin_file.h"
#include "scene/catalogue_scene.h"
#include "suite.h"

static struct catalogue catalogue;
static struct registry registry;

static void tear_down(void)
{
	catalogue_fini(&catalogue);
	loader_fini(&registry.loader);
}

START_TEST(every_plugin_of_the_build_is_in_it)
{
	const struct catalogue_entry *entry;

	ck_assert(catalogue_scene_read(&catalogue, &registry, NULL));
	entry = catalogue_scene_find(&catalogue, "auth", "hmac");
	ck_assert_ptr_nonnull(entry);
	ck_assert_str_eq(entry->use_by_file, "auth_hmac:hmac");
	ck_assert_ptr_nonnull(catalogue_scene_find(&catalogue, "transport", "plain"));
	ck_assert_ptr_nonnull(catalogue_scene_find(&catalogue, "acl", "cidr"));
	ck_assert_ptr_nonnull(catalogue_scene_find(&catalogue, "metrics", "prometheus"));
	ck_assert_ptr_null(catalogue_scene_find(&catalogue, "auth", "plain"));
	for (size_t i = 1; i < catalogue.n; i++)
		ck_assert_int_lt(strcmp(catalogue.entries[i - 1].use_by_file,
		                        catalogue.entries[i].use_by_file),
		                 0);
	tear_down();
}
END_TEST

START_TEST(a_refused_file_is_told_and_left_out)
{
	static struct capture capture;
	struct plugin_file file = plugin_file_read(PLUGIN_DIR "/transport_plain.so"),
			   broken = { (uint8_t *)"x", 1 };
	char folder[64], bad[96], good[96];
	bool complete;

	plugin_file_folder(folder);
	snprintf(bad, sizeof bad, "%s/auth_hmac.so", folder);
	snprintf(good, sizeof good, "%s/acme.so", folder);
	plugin_file_write(&broken, bad);
	plugin_file_write(&file, good);
	free(file.bytes);
	capture_begin(&capture);
	complete = catalogue_scene_read(&catalogue, &registry, folder);
	capture_end(&capture);
	ck_assert(complete);
	ck_assert_contains(capture_err(&capture), "warning: plugin ");
	ck_assert_contains(capture_err(&capture), "/auth_hmac.so refused: not a shared object");
	/* It shadows the good one, as at a start. */
	ck_assert_ptr_null(catalogue_scene_find(&catalogue, "auth", "hmac"));
	ck_assert_str_eq(catalogue.entries[0].use, "acme:plain");
	ck_assert_str_eq(catalogue.entries[0].use_by_file, "acme:plain");
	unlink(bad);
	unlink(good);
	rmdir(folder);
	tear_down();
}
END_TEST

START_TEST(a_folder_that_cannot_be_read)
{
	static struct capture capture;
	bool complete;

	capture_begin(&capture);
	complete = catalogue_scene_read(&catalogue, &registry, "/nowhere");
	capture_end(&capture);
	ck_assert(!complete);
	ck_assert_contains(capture_err(&capture), "error: cannot read the folder /nowhere: ");
	tear_down();
}
END_TEST

START_TEST(targets_of_the_core_and_of_plugins)
{
	const spore_option *row;

	ck_assert(catalogue_scene_read(&catalogue, &registry, NULL));
	row = catalogue_target(&catalogue, ROLE_SERVER, "/server/min_port");
	ck_assert_ptr_nonnull(row);
	ck_assert_str_eq(row->name, "min_port");
	ck_assert_ptr_null(catalogue_target(&catalogue, ROLE_LOCAL, "/server/min_port"));
	row = catalogue_target(&catalogue, ROLE_SERVER, "/auth[hmac]/secret");
	ck_assert_ptr_nonnull(row);
	ck_assert_str_eq(row->name, "secret");
	ck_assert_uint_eq(row->type, SPORE_OPT_SECRET);
	ck_assert_ptr_null(catalogue_target(&catalogue, ROLE_SERVER, "/auth[none]/secret"));
	ck_assert_ptr_null(catalogue_target(&catalogue, ROLE_SERVER, "/auth[hmac]/none"));
	ck_assert_ptr_null(catalogue_target(&catalogue, ROLE_SERVER, "/transport[tls]"));
	tear_down();
}
END_TEST

/* Every shorthand means something, so that the help and the schema can describe it. */
START_TEST(every_shorthand_has_a_target)
{
	ck_assert(catalogue_scene_read(&catalogue, &registry, NULL));
	for (size_t i = 0; i < n_shorthands; i++) {
		const struct shorthand *s = &shorthands[i];

		for (unsigned role = ROLE_SERVER; role <= ROLE_LOCAL; role++) {
			if (s->roles & role && s->type != SHORTHAND_ENTRY)
				ck_assert_msg(catalogue_target(&catalogue, role, s->target) != NULL,
				              "%s", s->name);
		}
	}
	tear_down();
}
END_TEST

SUITE("catalogue", every_plugin_of_the_build_is_in_it, a_refused_file_is_told_and_left_out,
      a_folder_that_cannot_be_read, targets_of_the_core_and_of_plugins,
      every_shorthand_has_a_target)
