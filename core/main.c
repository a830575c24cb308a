/* main - the table of subcommands. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "commands/ctl.h"
#include "commands/keygen.h"
#include "commands/plugin_command.h"
#include "commands/reference_command.h"
#include "commands/serve.h"
#include "version.h"

struct command {
	const char *name, *summary;
	int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
	{ "server", "run on the public machine", serve_server },
	{ "local", "make a local service reachable at a public port", serve_local },
	{ "ctl", "ask a server that runs, or tell it what to do", ctl_run },
	{ "keygen", "print a fresh secret", keygen_run },
	{ "plugin", "list plugins, or show what one says of itself", plugin_run },
	{ "reference", "print what can be configured, as a document or a schema", reference_run },
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_usage(FILE *out)
{
	fputs("Usage: spore COMMAND [ARGUMENTS]\n\nA TCP tunnel that speaks bore's protocol.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-10s%s\n", commands[i].name, commands[i].summary);
	fputs("\n`spore COMMAND --help` tells more; `spore --version` says which this is.\n", out);
}

static void refuse(const char *name)
{
	const char *names[N_COMMANDS], *meant;
	char shown[96];

	for (size_t i = 0; i < N_COMMANDS; i++)
		names[i] = commands[i].name;
	meant = text_suggest(name, names, N_COMMANDS);
	text_escape(name, strlen(name), shown, sizeof shown);
	if (meant)
		fprintf(stderr, "error: unknown command \"%s\": did you mean \"%s\"?\n", shown,
		        meant);
	else if (*name)
		fprintf(stderr, "error: unknown command \"%s\"\n", shown);
	else
		fputs("error: expected a command: server or local\n", stderr);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (argc > 2 && strcmp(argv[2], "--version") == 0)
			name = argv[2];
		else if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 2, argv + 2);
	}
	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		puts("spore " SPORE_VERSION);
		return 0;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		print_usage(stdout);
		return 0;
	}
	refuse(name);
	fputs("try: spore --help\n", stderr);
	return 2;
}
