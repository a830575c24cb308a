/* main - the table of subcommands. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "arguments/exit_status.h"
#include "base/descriptors.h"
#include "base/text.h"
#include "commands/ctl.h"
#include "commands/keygen.h"
#include "commands/plugin.h"
#include "commands/reference.h"
#include "commands/serve_local.h"
#include "commands/serve_server.h"
#include "completion/completion.h"
#include "config/shorthands.h"
#include "diag/usage.h"
#include "log/stray_exit.h"
#include "rehearsal/auth_test.h"
#include "screen/top.h"
#include "thread/thread.h"
#include "version.h"

struct command {
	struct offer_command offer;        /* its name, its summary and what can follow */
	int (*run)(int argc, char **argv); /* argv starts after the name; returns the exit status */
};

static int run_completion(int argc, char **argv);

/* A table, aligned by hand. */
/* clang-format off */
static const struct command commands[] = {
	{ { "server", "run on the public machine", ROLE_SERVER, NULL }, serve_server },
	{ { "local", "make a local service reachable at a public port", ROLE_LOCAL, NULL }, serve_local },
	{ { "ctl", "query or control a running server or client", 0, &ctl_arguments }, ctl_run },
	{ { "top", "show a running server or client on a terminal", 0, &top_arguments }, top_run },
	{ { "auth", "ask a server's auth chain as a client would", 0, &auth_test_arguments }, auth_test_run },
	{ { "keygen", "print a new secret", 0, &keygen_arguments }, keygen_run },
	{ { "plugin", "list plugins, or show what one of them contains", 0, &plugin_arguments }, plugin_run },
	{ { "reference", "print what can be configured, as a document or a schema", 0, &reference_arguments },
	  reference_run },
	{ { "completion", "print a script with which a shell completes command lines", 0, &completion_arguments },
	  run_completion },
};
/* clang-format on */
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static int run_completion(int argc, char **argv)
{
	struct offer_command offers[N_COMMANDS];

	(void)argc;
	for (size_t i = 0; i < N_COMMANDS; i++)
		offers[i] = commands[i].offer;
	return completion_run(argv, offers, N_COMMANDS);
}

static int print_help(void)
{
	fputs("Usage: spore COMMAND [ARGUMENTS]\n\nA TCP tunnel that speaks bore's protocol.\n\n"
	      "Commands:\n",
	      stdout);
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-11s%s\n", commands[i].offer.name, commands[i].offer.summary);
	fputs("\nRun `spore COMMAND --help` for the help of a command, and `spore --version` for\n"
	      "the version.\n",
	      stdout);
	return fflush(stdout) == 0 ? EXIT_GOOD : EXIT_FAILED;
}

static int print_version(void)
{
	puts("spore " SPORE_VERSION);
	return fflush(stdout) == 0 ? EXIT_GOOD : EXIT_FAILED;
}

/* Names that people know from other programs, and the names that Spore has for the same. */
static const struct {
	const char *name, *meant;
} synonyms[] = {
	{ "client", "local" },      { "tunnel", "local" },      { "version", "--version" },
	{ "status", "ctl status" }, { "reload", "ctl reload" },
};
enum { N_SYNONYMS = sizeof synonyms / sizeof *synonyms };

/* NULL: no command resembles the name. */
static const char *suggest_command(const char *name)
{
	const char *names[N_COMMANDS];

	for (size_t i = 0; i < N_SYNONYMS; i++) {
		if (strcmp(name, synonyms[i].name) == 0)
			return synonyms[i].meant;
	}
	for (size_t i = 0; i < N_COMMANDS; i++)
		names[i] = commands[i].offer.name;
	return text_suggest(name, names, N_COMMANDS);
}

static int refuse_command(const char *name)
{
	const char *meant = suggest_command(name);
	char shown[96];

	text_escape(name, strlen(name), shown, sizeof shown);
	fputs("error: ", stderr);
	if (meant)
		fprintf(stderr, USAGE_UNKNOWN_COMMAND_LIKE, shown, meant);
	else if (*name)
		fprintf(stderr, USAGE_UNKNOWN_COMMAND, shown);
	else
		fprintf(stderr, USAGE_NO_COMMAND, "server or local");
	fputs("\ntry: spore --help\n", stderr);
	return EXIT_USAGE;
}

static bool is_either(const char *word, const char *flag, const char *letter)
{
	return strcmp(word, flag) == 0 || strcmp(word, letter) == 0;
}

static int run_command(const struct command *command, int argc, char **argv)
{
	int status;

	stray_exit_catch();
	status = command->run(argc, argv);
	stray_exit_allow();
	return status;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (!descriptors_hold_standard())
		return EXIT_FAILED; /* an error could not be shown */
	thread_use_c_locale();
	if (is_either(name, "--version", "-V") || (argc > 2 && strcmp(argv[2], "--version") == 0))
		return print_version();
	if (is_either(name, "--help", "-h") || strcmp(name, "help") == 0)
		return print_help();
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(name, commands[i].offer.name) == 0)
			return run_command(&commands[i], argc - 2, argv + 2);
	}
	return refuse_command(name);
}
