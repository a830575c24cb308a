#include "config/shorthands.h"

#include <string.h>

#include "config/chains.h"
#include "config/command.h"
#include "config/help.h"
#include "scene/option_scene.h"
#include "suite.h"

static bool has_entry(const struct shorthand *s)
{
	return strchr(s->target, '[') && strncmp(s->target, "/tunnels[0]", 11) != 0;
}

/* "/acl/control" of "/acl/control[cidr]/allow". */
static const struct chain_row *chain_of(const struct shorthand *s)
{
	char section[64];

	snprintf(section, sizeof section, "%.*s", (int)strcspn(s->target, "["), s->target);
	return chain_find(section);
}

START_TEST(a_role_has_each_name_and_letter_once)
{
	for (size_t i = 0; i < n_shorthands; i++) {
		const struct shorthand *s = &shorthands[i];

		ck_assert_uint_ne(s->roles, 0);
		for (size_t j = 0; j < i; j++) {
			if (!(shorthands[j].roles & s->roles))
				continue;
			ck_assert_str_ne(shorthands[j].name, s->name);
			ck_assert_msg(!s->letter || shorthands[j].letter != s->letter, "-%c",
			              s->letter);
		}
	}
}
END_TEST

/* A target is an option of the core, or one of a plugin in a chain. */
START_TEST(targets_exist)
{
	for (size_t i = 0; i < n_shorthands; i++) {
		const struct shorthand *s = &shorthands[i];

		for (unsigned role = ROLE_SERVER; role <= ROLE_LOCAL; role++) {
			if (!(s->roles & role))
				continue;
			if (has_entry(s))
				ck_assert_msg(chain_of(s) != NULL, "%s", s->target);
			else
				ck_assert_msg(help_target_option(role, s->target) != NULL, "%s",
				              s->target);
		}
	}
}
END_TEST

START_TEST(every_flag_is_documented)
{
	for (size_t i = 0; i < n_shorthands; i++) {
		const struct shorthand *s = &shorthands[i];

		ck_assert_msg(s->doc || !has_entry(s), "%s", s->name);
		ck_assert_msg((s->type >= SHORTHAND_YES) == (*s->metavar == '\0'), "%s", s->name);
		ck_assert_msg((s->type == SHORTHAND_ENTRY) ==
		                      (s->target[strlen(s->target) - 1] == ']'),
		              "%s", s->name);
	}
	ck_assert_uint_le(n_shorthands, COMMAND_MAX_VALUES);
}
END_TEST

START_TEST(lists_belong_to_a_shorthand)
{
	for (size_t i = 0; i < n_shorthand_lists; i++) {
		bool found = false;

		for (size_t j = 0; j < n_shorthands; j++)
			found = found ||
			        (shorthands[j].type == SHORTHAND_SECRETS &&
			         strcmp(shorthands[j].target, shorthand_lists[i].target) == 0);
		ck_assert_msg(found, "%s", shorthand_lists[i].target);
	}
}
END_TEST

/* The defaults of sections are valid. */
START_TEST(default_sections_can_be_read)
{
	for (size_t i = 0; i < n_default_sections; i++) {
		struct config_chain chain = { .n = 0 };
		struct option_scene scene;
		char pointer[64];

		snprintf(pointer, sizeof pointer, "/%s", default_sections[i].key);
		ck_assert_ptr_nonnull(chain_find(pointer));
		option_scene_open(&scene, default_sections[i].json);
		chain_read(chain_find(pointer), scene.doc,
		           (const spore_cfg *)(const void *)scene.root, &chain, &scene.diag);
		ck_assert_uint_eq(scene.diag.count, 0);
		ck_assert_uint_eq(chain.n, 1);
		option_scene_close(&scene);
	}
}
END_TEST

START_TEST(bores_variables_are_known)
{
	static const char *const names[] = { "BORE_SECRET", "BORE_MIN_PORT", "BORE_MAX_PORT",
		                             "BORE_SERVER", "BORE_LOCAL_PORT" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		bool found = false;

		for (size_t j = 0; j < n_shorthands; j++) {
			char name[64];

			command_variable_name(&shorthands[j], "BORE", name, sizeof name);
			found = found ||
			        (shorthands[j].bore_variable && strcmp(name, names[i]) == 0);
		}
		ck_assert_msg(found, "%s", names[i]);
	}
}
END_TEST

SUITE("shorthands", a_role_has_each_name_and_letter_once, targets_exist, every_flag_is_documented,
      lists_belong_to_a_shorthand, default_sections_can_be_read, bores_variables_are_known)
