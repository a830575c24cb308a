#include "config/command.h"
#include "config/help.h"
#include "diag/diag.h"

#include <string.h>

#include "suite.h"

enum { MAX_WORDS = 12 };

struct scene {
	struct command command;
	struct diag diag;
	char printed[4096];
};

/* Reads words that are separated by '|'. */
static enum config_outcome read_line(struct scene *scene, unsigned role, const char *line)
{
	static char words[1024];
	char *argv[MAX_WORDS] = { NULL };
	int argc = 0;

	snprintf(words, sizeof words, "%s", line);
	for (char *word = words; word && *line; argc++) {
		argv[argc] = strsep(&word, "|");
		ck_assert_int_lt(argc, MAX_WORDS - 1);
	}
	*scene = (struct scene){ .diag = { 0 } };
	return command_read(role, argc, argv, &scene->diag, &scene->command);
}

static const char *message(struct scene *scene)
{
	FILE *file = fmemopen(scene->printed, sizeof scene->printed, "w");

	diag_print(&scene->diag, file);
	fputc('\0', file);
	fclose(file);
	scene->printed[strcspn(scene->printed, "\n")] = '\0';
	return scene->printed;
}

static const struct command_value *value_of(const struct command_value *values, size_t n,
                                            const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(values[i].shorthand->name, name) == 0)
			return &values[i];
	}
	return NULL;
}

static void check_flag(struct scene *scene, const char *name, const char *text, const char *origin)
{
	const struct command_value *value = value_of(scene->command.flags, scene->command.n_flags,
	                                             name);

	ck_assert_msg(value != NULL, "%s", name);
	ck_assert_str_eq(value->text, text);
	ck_assert_str_eq(value->origin, origin);
}

static void check_usage(unsigned role, const char *line, const char *expected)
{
	struct scene scene;

	ck_assert_msg(read_line(&scene, role, line) == CONFIG_USAGE, "%s", line);
	ck_assert_str_eq(message(&scene), expected);
	diag_fini(&scene.diag);
}

START_TEST(long_flags_with_a_space_or_an_equals_sign)
{
	struct scene scene;

	ck_assert_int_eq(read_line(&scene, ROLE_SERVER,
	                           "--min-port|2000|--max-port=3000|--secret=a=b|--config|f.json|"
	                           "--bind-addr="),
	                 CONFIG_LOADED);
	check_flag(&scene, "min_port", "2000", "--min-port");
	check_flag(&scene, "max_port", "3000", "--max-port");
	check_flag(&scene, "secret", "a=b", "--secret");
	check_flag(&scene, "bind_addr", "", "--bind-addr");
	ck_assert_str_eq(scene.command.file, "f.json");
	ck_assert_uint_eq(scene.command.n_flags, 4);
}
END_TEST

START_TEST(bores_short_flags)
{
	struct scene scene;

	ck_assert_int_eq(read_line(&scene, ROLE_LOCAL, "5000|-t|host|-p9000|-l=::1|-s=--to"),
	                 CONFIG_LOADED);
	check_flag(&scene, "local_port", "5000", "--local-port");
	check_flag(&scene, "to", "host", "-t");
	check_flag(&scene, "port", "9000", "-p");
	check_flag(&scene, "local_host", "::1", "-l");
	check_flag(&scene, "secret", "--to", "-s");
	ck_assert_int_eq(read_line(&scene, ROLE_LOCAL, "--to|h|--|5000"), CONFIG_LOADED);
	check_flag(&scene, "local_port", "5000", "--local-port");
}
END_TEST

START_TEST(a_unix_socket_needs_no_flag)
{
	struct scene scene;

	ck_assert_int_eq(read_line(&scene, ROLE_LOCAL, "--to|h|unix:/run/app.sock"), CONFIG_LOADED);
	check_flag(&scene, "local", "unix:/run/app.sock", "--local");
}
END_TEST

START_TEST(an_empty_command_line_is_valid)
{
	struct scene scene;

	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, ""), CONFIG_LOADED);
	ck_assert_uint_eq(scene.command.n_flags, 0);
	ck_assert_ptr_null(scene.command.file);
}
END_TEST

START_TEST(help_takes_precedence)
{
	struct scene scene;

	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, "--help"), CONFIG_HELP);
	ck_assert_int_eq(read_line(&scene, ROLE_LOCAL, "5000|-h|--nonsense"), CONFIG_HELP);
}
END_TEST

START_TEST(there_may_be_several_local_ports)
{
	struct scene scene;

	ck_assert_int_eq(read_line(&scene, ROLE_LOCAL, "8000-8001|80"), CONFIG_LOADED);
	check_flag(&scene, "local_port", "8000", "--local-port");
	ck_assert_uint_eq(scene.command.n_spans, 2);
	ck_assert_uint_eq(scene.command.spans[0].hi, 8001);
	ck_assert_uint_eq(scene.command.spans[1].lo, 80);
}
END_TEST

START_TEST(mistakes_say_what_was_expected)
{
	struct scene scene;

	check_usage(ROLE_SERVER, "--min-port",
	            "error: expected a value after --min-port, found the end of the command line");
	check_usage(ROLE_LOCAL, "-l",
	            "error: expected a value after -l, found the end of the command line");
	check_usage(ROLE_SERVER, "--secret|--watch",
	            "error: expected a value after --secret, found a word that begins with \"-\"; "
	            "if it is the value, write it behind \"=\"");
	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, "--secret|-"), CONFIG_LOADED);
	check_flag(&scene, "secret", "-", "--secret");
	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, "--sndbuf|-1"), CONFIG_LOADED);
	check_flag(&scene, "sndbuf", "-1", "--sndbuf");
	check_usage(ROLE_SERVER, "5000", "error: expected a flag, found \"5000\"");
	check_usage(ROLE_SERVER, "-", "error: expected a flag, found \"-\"");
	check_usage(ROLE_LOCAL, "1|1-2", "error: expected each local port once, found 1 twice");
	check_usage(ROLE_LOCAL, "1|0",
	            "error: expected local ports from 1 to 65535, such as 80 or 8000-8003, found "
	            "\"0\"");
	check_usage(ROLE_LOCAL, "1|--local-port|1", "error: --local-port is given twice");
	check_usage(ROLE_LOCAL, "--to=a|-t|a", "error: -t is given twice");
	check_usage(ROLE_SERVER, "--config|a|--config|b", "error: --config is given twice");
	check_usage(ROLE_LOCAL, "-x", "error: unknown flag -x");
	check_usage(ROLE_SERVER, "-l|h", "error: unknown flag -l");
	check_usage(ROLE_SERVER, "--\x1b[2J", "error: unknown flag --\\x1b[2J");
}
END_TEST

START_TEST(unknown_flags_are_explained)
{
	check_usage(ROLE_SERVER, "--contrl-port|1",
	            "error: unknown flag --contrl-port: did you mean --control-port?");
	check_usage(ROLE_SERVER, "--control_port|1",
	            "error: unknown flag --control_port: did you mean --control-port?");
	check_usage(ROLE_LOCAL, "--secrets|x",
	            "error: unknown flag --secrets: did you mean --secret?");
	check_usage(ROLE_SERVER, "--halp", "error: unknown flag --halp: did you mean --help?");
	check_usage(ROLE_SERVER, "--local-host|x",
	            "error: unknown flag --local-host: it is a flag of spore local");
}
END_TEST

START_TEST(the_value_is_not_part_of_the_name)
{
	check_usage(ROLE_SERVER, "--contrl-port=7836",
	            "error: unknown flag --contrl-port: did you mean --control-port?");
	check_usage(ROLE_LOCAL, "--secrte=a-long-secret",
	            "error: unknown flag --secrte: did you mean --secret?");
}
END_TEST

START_TEST(only_similar_names_are_suggested)
{
	check_usage(ROLE_LOCAL, "--v", "error: unknown flag --v");
	check_usage(ROLE_LOCAL, "--x=1", "error: unknown flag --x");
}
END_TEST

/* ---- variables ---- */

static void check_variable(struct scene *scene, const char *name, const char *text,
                           const char *origin)
{
	const struct command_value *value = value_of(scene->command.variables,
	                                             scene->command.n_variables, name);

	ck_assert_msg(value != NULL, "%s", name);
	ck_assert_str_eq(value->text, text);
	ck_assert_str_eq(value->origin, origin);
}

START_TEST(spore_variables_override_bore_variables)
{
	struct scene scene;

	setenv("BORE_SECRET", "bore", 1);
	setenv("BORE_MIN_PORT", "1", 1);
	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, ""), CONFIG_LOADED);
	check_variable(&scene, "secret", "bore", "BORE_SECRET");
	check_variable(&scene, "min_port", "1", "BORE_MIN_PORT");
	ck_assert_uint_eq(scene.command.n_variables, 2);
	setenv("SPORE_SECRET", "spore", 1);
	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, ""), CONFIG_LOADED);
	check_variable(&scene, "secret", "spore", "SPORE_SECRET");
	ck_assert_uint_eq(scene.command.n_variables, 2);
}
END_TEST

START_TEST(variables_have_bores_names)
{
	struct scene scene;

	setenv("BORE_SERVER", "b", 1);
	setenv("BORE_LOCAL_PORT", "5", 1);
	setenv("SPORE_CONTROL_PORT", "6", 1);
	setenv("BORE_CONTROL_PORT", "7", 1); /* bore has no such variable */
	ck_assert_int_eq(read_line(&scene, ROLE_LOCAL, ""), CONFIG_LOADED);
	check_variable(&scene, "to", "b", "BORE_SERVER");
	check_variable(&scene, "local_port", "5", "BORE_LOCAL_PORT");
	check_variable(&scene, "control_port", "6", "SPORE_CONTROL_PORT");
	unsetenv("SPORE_CONTROL_PORT");
	ck_assert_int_eq(read_line(&scene, ROLE_LOCAL, ""), CONFIG_LOADED);
	ck_assert_uint_eq(scene.command.n_variables, 2);
	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, ""), CONFIG_LOADED);
	ck_assert_uint_eq(scene.command.n_variables, 0);
}
END_TEST

START_TEST(an_empty_variable_is_a_mistake)
{
	static const char *const names[] = { "SPORE_SECRET", "BORE_SECRET", "SPORE_SECRET_FILE",
		                             "SPORE_ALLOW",  "SPORE_TLS",   "SPORE_CONFIG" };
	struct scene scene;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		setenv(names[i], "", 1);
		ck_assert_int_eq(read_line(&scene, ROLE_SERVER, ""), CONFIG_USAGE);
		ck_assert_ptr_nonnull(strstr(message(&scene), names[i]));
		diag_fini(&scene.diag);
		unsetenv(names[i]);
	}
	setenv("SPORE_SECRET", "ours", 1);
	setenv("BORE_SECRET", "", 1); /* overridden */
	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, ""), CONFIG_LOADED);
	check_variable(&scene, "secret", "ours", "SPORE_SECRET");
}
END_TEST

START_TEST(a_variable_can_give_the_file)
{
	struct scene scene;

	setenv("SPORE_CONFIG", "env.json", 1);
	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, ""), CONFIG_LOADED);
	ck_assert_str_eq(scene.command.file, "env.json");
	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, "--config|flag.json"), CONFIG_LOADED);
	ck_assert_str_eq(scene.command.file, "flag.json");
}
END_TEST

/* ---- help ---- */

static void check_help(unsigned role)
{
	static char text[16384];
	FILE *file = fmemopen(text, sizeof text, "w");

	help_print(role, file);
	fputc('\0', file);
	fclose(file);
	for (size_t i = 0; i < n_shorthands; i++) {
		char flag[64];
		char *line;

		snprintf(flag, sizeof flag, "--%s %s", shorthands[i].name, shorthands[i].metavar);
		for (char *c = flag; *c; c++)
			*c = *c == '_' ? '-' : *c;
		line = strstr(strstr(text, "\nCommon flags:"), flag);
		if (!(shorthands[i].roles & role))
			continue;
		ck_assert_msg(line != NULL, "%s", flag);
		line += strlen(flag);
		ck_assert_msg(line[-1] == ' ' || *line == ' ' || *line == '\n',
		              "%s is not apart from its text", flag);
		line += strspn(line, "\n ");
		ck_assert_msg(*line != '[' && *line != '-', "%s has no description", flag);
	}
}

START_TEST(the_help_has_every_flag)
{
	check_help(ROLE_SERVER);
	check_help(ROLE_LOCAL);
}
END_TEST

static void check_purpose(unsigned role, const char *line, enum config_purpose expected)
{
	struct scene scene;

	ck_assert_int_eq(read_line(&scene, role, line), CONFIG_LOADED);
	ck_assert_msg(scene.command.purpose == expected, "%s", line);
	diag_fini(&scene.diag);
}

START_TEST(the_purpose_is_read)
{
	struct scene scene;

	check_purpose(ROLE_SERVER, "--min-port|1", CONFIG_TO_RUN);
	check_purpose(ROLE_SERVER, "-t", CONFIG_TO_CHECK);
	check_purpose(ROLE_LOCAL, "1|--check", CONFIG_TO_CHECK);
	check_purpose(ROLE_SERVER, "--print-config", CONFIG_TO_PRINT);
	check_usage(ROLE_SERVER, "-t|--check", "error: --check is given twice");
	check_usage(ROLE_SERVER, "-t|--print-config",
	            "error: expected either --check or --print-config, found --print-config too");
	check_usage(ROLE_SERVER, "--check=yes", "error: expected --check without a value");
	check_usage(ROLE_SERVER, "-tx", "error: unknown flag -tx");
	ck_assert_int_eq(read_line(&scene, ROLE_SERVER, "-c|f.json"), CONFIG_LOADED);
	ck_assert_str_eq(scene.command.file, "f.json");
	diag_fini(&scene.diag);
	check_usage(ROLE_SERVER, "-c|f|--config|g", "error: --config is given twice");
}
END_TEST

START_TEST(a_clients_t_means_two_things)
{
	struct scene scene;

	check_purpose(ROLE_LOCAL, "1|-t|host", CONFIG_TO_RUN);
	check_purpose(ROLE_LOCAL, "1|-t=host", CONFIG_TO_RUN);
	check_purpose(ROLE_LOCAL, "1|-t", CONFIG_TO_CHECK);
	ck_assert_int_eq(read_line(&scene, ROLE_LOCAL, "-t|-c|f.json|-t|host"), CONFIG_LOADED);
	ck_assert_int_eq(scene.command.purpose, CONFIG_TO_CHECK);
	check_flag(&scene, "to", "host", "-t");
	diag_fini(&scene.diag);
}
END_TEST

SUITE("command", long_flags_with_a_space_or_an_equals_sign, bores_short_flags,
      a_unix_socket_needs_no_flag, an_empty_command_line_is_valid, help_takes_precedence,
      there_may_be_several_local_ports, mistakes_say_what_was_expected, unknown_flags_are_explained,
      the_value_is_not_part_of_the_name, only_similar_names_are_suggested,
      spore_variables_override_bore_variables, variables_have_bores_names,
      an_empty_variable_is_a_mistake, a_variable_can_give_the_file, the_help_has_every_flag,
      the_purpose_is_read, a_clients_t_means_two_things)
