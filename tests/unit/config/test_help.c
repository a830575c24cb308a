#include "config/help.h"

#include <stdlib.h>
#include <string.h>

#include "config/command.h"
#include "suite.h"

/* The help without its line breaks and alignment. */
static char *print_help(unsigned role)
{
	char *to;

	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	help_print(role, out);
	fclose(out);
	to = text;
	for (const char *at = text; *at;) {
		size_t blanks = strspn(at, " \n");

		*to++ = blanks ? ' ' : *at;
		at += blanks ? blanks : 1;
	}
	*to = '\0';
	return text;
}

/* The flag of that name, which must exist. */
static struct help_flag find_flag(unsigned role, const char *name)
{
	struct help_flag flags[HELP_MAX_FLAGS];
	size_t n = help_list(role, flags);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(flags[i].flag, name) == 0)
			return flags[i];
	}
	ck_abort_msg("there is no %s", name);
}

START_TEST(every_shorthand_of_the_role_is_listed_once)
{
	for (unsigned role = ROLE_SERVER; role <= ROLE_LOCAL; role++) {
		struct help_flag flags[HELP_MAX_FLAGS];
		size_t n = help_list(role, flags), n_own = 0;

		for (size_t i = 0; i < n; i++) {
			n_own += flags[i].shorthand == NULL;
			ck_assert_msg(*flags[i].doc, "%s", flags[i].flag);
			ck_assert(!flags[i].shorthand || flags[i].shorthand->roles & role);
		}
		for (size_t i = 0; i < n_shorthands; i++)
			n -= (shorthands[i].roles & role) != 0;
		ck_assert_uint_eq(n, n_own);
		ck_assert_uint_eq(n_own, 5); /* config, check, print-config, help, version */
	}
}
END_TEST

START_TEST(a_flag_takes_its_text_from_the_option)
{
	struct help_flag port = find_flag(ROLE_SERVER, "--control-port");

	ck_assert_ptr_eq(port.option, help_target_option(ROLE_SERVER, "/server/control_port"));
	ck_assert_str_eq(port.doc, port.option->doc);
	ck_assert_str_eq(port.metavar, "PORT");
	ck_assert_str_eq(port.variables, "SPORE_CONTROL_PORT");
	ck_assert_int_eq(port.letter, 0);
}
END_TEST

START_TEST(a_plugins_flag_has_a_text_of_its_own)
{
	struct help_flag secret = find_flag(ROLE_SERVER, "--secret");

	ck_assert_ptr_null(secret.option);
	ck_assert_str_eq(secret.doc, secret.shorthand->doc);
	ck_assert_str_eq(secret.variables, "SPORE_SECRET, BORE_SECRET");
	ck_assert_int_eq(secret.letter, 's');
}
END_TEST

START_TEST(targets_lead_to_options)
{
	ck_assert_str_eq(help_target_option(ROLE_LOCAL, "/client/to")->name, "to");
	ck_assert_str_eq(help_target_option(ROLE_LOCAL, "/tunnels[0]/port")->name, "port");
	ck_assert_ptr_null(help_target_option(ROLE_LOCAL, "/server/min_port"));
	ck_assert_ptr_null(help_target_option(ROLE_SERVER, "/server/none"));
	ck_assert_ptr_null(help_target_option(ROLE_SERVER, "/auth[hmac]/secret"));
}
END_TEST

START_TEST(the_help_shows_defaults_choices_and_variables)
{
	char *text = print_help(ROLE_SERVER);

	ck_assert_ptr_nonnull(strstr(text, "Usage: spore server [FLAGS]"));
	ck_assert_ptr_nonnull(strstr(text, " --control-port PORT port that clients connect "
	                                   "to [default: 7835] [env: SPORE_CONTROL_PORT]"));
	ck_assert_ptr_nonnull(strstr(text, ": trace|debug|info|warn|error [default: \"info\"]"));
	ck_assert_ptr_nonnull(strstr(text, " -s, --secret TEXT secret that clients must know"));
	ck_assert_ptr_nonnull(strstr(text, "[env: SPORE_SECRET, BORE_SECRET]"));
	ck_assert_ptr_null(strstr(text, "--local-port"));
	free(text);
	text = print_help(ROLE_LOCAL);
	ck_assert_ptr_nonnull(strstr(text, "Usage: spore local [LOCAL_PORT...] --to HOST [FLAGS]"));
	ck_assert_ptr_null(strstr(text, "--min-port"));
	free(text);
}
END_TEST

START_TEST(common_flags_come_first_and_groups_stay_together)
{
	struct help_flag flags[HELP_MAX_FLAGS];
	size_t n = help_list(ROLE_LOCAL, flags), n_groups = 1;

	ck_assert_str_eq(flags[0].flag, "--to");
	ck_assert_str_eq(flags[0].group, "Common flags");
	ck_assert_str_eq(find_flag(ROLE_LOCAL, "--insecure").group, "Certificates");
	ck_assert_str_eq(find_flag(ROLE_SERVER, "--sndbuf").group, "Other flags");
	ck_assert_str_eq(flags[n - 1].group, "Other flags");
	for (size_t i = 1; i < n; i++) {
		ck_assert_uint_lt(flags[i - 1].rank, flags[i].rank);
		n_groups += strcmp(flags[i - 1].group, flags[i].group) != 0;
	}
	ck_assert_uint_eq(n_groups, 5); /* all but "Access to the server" */
}
END_TEST

SUITE("help", common_flags_come_first_and_groups_stay_together,
      every_shorthand_of_the_role_is_listed_once, a_flag_takes_its_text_from_the_option,
      a_plugins_flag_has_a_text_of_its_own, targets_lead_to_options,
      the_help_shows_defaults_choices_and_variables)
