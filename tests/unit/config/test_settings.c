#include "config/settings.h"

#include "config/shorthands.h"
#include "plugin/kind.h"
#include "scene/option_scene.h"
#include "suite.h"
#include "json/pointer.h"

static const struct option_table *root_of(unsigned role)
{
	return role == ROLE_SERVER ? &settings_server : &settings_client;
}

static void fill(struct option_scene *scene, unsigned role, const char *text, struct settings *out)
{
	*out = (struct settings){ 0 };
	option_scene_open(scene, text);
	option_fill(&(struct option_scope){ scene->doc, &scene->diag, NULL, NULL, NULL },
	            root_of(role), scene->root, out);
}

/* The row of a section's pointer, or NULL. */
static const spore_option *find_row(unsigned role, const char *pointer)
{
	struct option_table table = *root_of(role);
	const spore_option *row = NULL;
	char parts[64], *rest = parts, *part;

	strcpy(parts, pointer + 1);
	while ((part = strsep(&rest, "/")) != NULL) {
		row = option_find(&table, part);
		if (!row || !row->item)
			break;
		table = (struct option_table){ row->item->options, row->item->n_options,
			                       row->item->option_size };
	}
	return rest ? NULL : row;
}

/* The file of each role has sections for the kinds that it can run. */
START_TEST(every_chain_has_a_section)
{
	for (size_t i = 0; i < N_CHAINS; i++) {
		const char *pointer = chain_rows[i].pointer;
		uint32_t roles = kind_find(chain_rows[i].kind)->roles;
		const spore_option *on_server = find_row(ROLE_SERVER, pointer);
		const spore_option *on_client = find_row(ROLE_LOCAL, pointer);

		ck_assert((on_server != NULL) == ((roles & SPORE_ROLE_SERVER) != 0));
		ck_assert((on_client != NULL) == ((roles & SPORE_ROLE_CLIENT) != 0));
		ck_assert_uint_eq((on_server ? on_server : on_client)->type, SPORE_OPT_NODE);
	}
}
END_TEST

/* Each section goes to the field of its own chain. */
START_TEST(every_section_fills_its_chain)
{
	for (size_t i = 0; i < N_CHAINS; i++) {
		struct option_scene scene;
		struct settings settings;
		bool on_server = kind_find(chain_rows[i].kind)->roles & SPORE_ROLE_SERVER;
		char text[128];

		if (!on_server)
			snprintf(text, sizeof text,
			         "{\"client\":{\"to\":\"h\"},\"tunnels\":[{}],\"%s\":[7]}",
			         chain_rows[i].pointer + 1);
		else if (chain_rows[i].point)
			snprintf(text, sizeof text, "{\"acl\":{\"%s\":[7]}}",
			         strrchr(chain_rows[i].pointer, '/') + 1);
		else
			snprintf(text, sizeof text, "{\"%s\":[7]}", chain_rows[i].pointer + 1);
		fill(&scene, on_server ? ROLE_SERVER : ROLE_LOCAL, text, &settings);
		ck_assert_uint_eq(scene.diag.count, 0);
		for (size_t j = 0; j < N_CHAINS; j++)
			ck_assert_ptr_eq(
				settings.chains[j],
				j == i ? (const void *)json_at(scene.root, chain_rows[i].pointer)
				       : NULL);
		option_scene_close(&scene);
	}
}
END_TEST

START_TEST(defaults_are_bores)
{
	struct option_scene scene;
	struct settings settings;

	fill(&scene, ROLE_SERVER, "{}", &settings);
	ck_assert_uint_eq(scene.diag.count, 0);
	ck_assert_int_eq(settings.server.control_port, 7835);
	ck_assert_int_eq(settings.server.min_port, 1024);
	ck_assert_int_eq(settings.server.max_port, 65535);
	ck_assert_int_eq(settings.server.on_reload, ON_RELOAD_CLOSE);
	ck_assert_int_eq(settings.limits.max_tunnels, 0);
	ck_assert_int_eq(settings.limits.ban_time, 60000);
	ck_assert_uint_eq(settings.limits.ban_exempt.count, 2);
	ck_assert_int_eq(settings.log.level, 2);
	ck_assert_ptr_null(settings.admin.socket);
	option_scene_close(&scene);
	fill(&scene, ROLE_LOCAL, "{\"client\":{\"to\":\"h\"},\"tunnels\":[{}]}", &settings);
	ck_assert_uint_eq(scene.diag.count, 0);
	ck_assert_int_eq(settings.client.control_port, 7835);
	ck_assert_uint_eq(settings.client.reconnect, 1);
	ck_assert_uint_eq(settings.client.retry, 0);
	ck_assert_str_eq(((const struct tunnel_settings *)settings.tunnels.items)->local_host,
	                 "localhost");
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_role_has_only_its_own_sections)
{
	static const char *const server[] = { "/server", "/limits", "/acl" };
	static const char *const client[] = { "/client", "/tunnels" };

	for (size_t i = 0; i < sizeof server / sizeof *server; i++) {
		ck_assert_ptr_nonnull(find_row(ROLE_SERVER, server[i]));
		ck_assert_ptr_null(find_row(ROLE_LOCAL, server[i]));
	}
	for (size_t i = 0; i < sizeof client / sizeof *client; i++) {
		ck_assert_ptr_nonnull(find_row(ROLE_LOCAL, client[i]));
		ck_assert_ptr_null(find_row(ROLE_SERVER, client[i]));
	}
}
END_TEST

/* The tables, and what they are made of, are documented: help and reference show the texts. */
static void check_table(const struct option_table *table)
{
	for (uint32_t i = 0; i < table->n; i++) {
		const spore_option *row = option_row(table, i);

		ck_assert_msg(row->doc && *row->doc, "%s", row->name);
		ck_assert_msg(row->doc[strlen(row->doc) - 1] != '.', "%s", row->name);
		if (row->item && row->item->options)
			check_table(&(struct option_table){
				row->item->options, row->item->n_options, row->item->option_size });
	}
}

START_TEST(every_option_is_documented)
{
	check_table(&settings_server);
	check_table(&settings_client);
	check_table(&settings_instance);
}
END_TEST

START_TEST(keys_of_an_instance_are_listed_once)
{
	size_t n = 0;

	for (; config_instance_keys[n]; n++)
		ck_assert_ptr_nonnull(option_find(&settings_instance, config_instance_keys[n]));
	ck_assert_uint_eq(n, settings_instance.n);
}
END_TEST

SUITE("settings", every_chain_has_a_section, every_section_fills_its_chain, defaults_are_bores,
      a_role_has_only_its_own_sections, every_option_is_documented,
      keys_of_an_instance_are_listed_once)
