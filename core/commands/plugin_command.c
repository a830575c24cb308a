#include "commands/plugin_command.h"

#include <stdio.h>
#include <string.h>

#include "commands/plugin_info.h"
#include "commands/plugin_list.h"
#include "commands/words.h"
#include "inventory/plugin_search.h"
#include "inventory/plugin_view.h"

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

struct request {
	bool info; /* else a list */
	const char *file;
	struct plugin_search search;
	bool as_json, no_load, help;
};

static const char usage[] =
	"Usage: spore plugin list [FLAGS]\n"
	"       spore plugin info [FLAGS] FILE\n"
	"\n"
	"list  shows every plugin in the folders where a server or client looks for them, in that "
	"order\n"
	"info  shows what one plugin's file says of itself; exit status 1 if it would be refused\n"
	"\n"
	"Flags:\n"
	"  -c, --config FILE      the server's or client's configuration: its section \"plugins\" "
	"counts\n"
	"                         [env: SPORE_CONFIG]\n"
	"      --plugin-path DIR  (list) a folder to look in before all others; may be given "
	"again\n"
	"      --no-load          show only what can be known without running any of it\n"
	"      --json             as JSON\n"
	"  -h, --help             this text\n"
	"\n"
	"A plugin that may be loaded is loaded, as at a start: its constructors run. Before, that "
	"is "
	"tried\n"
	"in a process of its own. One that is refused is not loaded, whoever wrote it.\n";

/* ---- the command line ---- */

static bool wrong(const char *format, const char *what)
{
	return words_wrong("plugin", format, what);
}

static bool is_flag(const char *word, const char *flag, bool has_value)
{
	size_t len = strlen(flag);

	return strncmp(word, flag, len) == 0 && (!word[len] || (has_value && word[len] == '='));
}

static bool read_folder(struct request *request, char ***at)
{
	const char *folder = words_value("plugin", at, "--plugin-path");

	if (!folder)
		return false;
	if (request->info)
		return wrong("%s is a flag of `spore plugin list`", "--plugin-path");
	return plugin_search_add(&request->search, folder) ||
	       wrong("too many folders at %s", folder);
}

static bool read_config(struct request *request, char ***at)
{
	if (request->search.config)
		return wrong("%s is given twice", "--config");
	request->search.config = words_value("plugin", at, "--config");
	return request->search.config != NULL;
}

static bool read_word(struct request *request, char ***at)
{
	const char *word = **at;

	if (is_flag(word, "--help", false) || is_flag(word, "-h", false))
		request->help = true;
	else if (is_flag(word, "--json", false))
		request->as_json = true;
	else if (is_flag(word, "--no-load", false))
		request->no_load = true;
	else if (is_flag(word, "--config", true) || is_flag(word, "-c", false))
		return read_config(request, at);
	else if (is_flag(word, "--plugin-path", true))
		return read_folder(request, at);
	else if (word[0] == '-' && word[1])
		return wrong("unknown flag %s", word);
	else if (!request->info)
		return wrong("expected a flag, found \"%s\"", word);
	else if (request->file)
		return wrong("expected one file, found \"%s\" too", word);
	else
		request->file = word;
	return true;
}

/* argv is NULL-ended. */
static bool read_request(char **argv, struct request *request)
{
	const char *what = *argv;

	*request = (struct request){ .info = false };
	if (!what)
		return wrong("expected %s", "list or info");
	request->info = strcmp(what, "info") == 0;
	if (is_flag(what, "--help", false) || is_flag(what, "-h", false)) {
		request->help = true;
		return true;
	}
	if (!request->info && strcmp(what, "list") != 0)
		return wrong("expected list or info, found \"%s\"", what);
	for (argv++; *argv && !request->help; argv++) {
		if (!read_word(request, &argv))
			return false;
	}
	if (request->info && !request->file && !request->help)
		return wrong("expected %s", "the plugin's file");
	return true;
}

/* ---- the work ---- */

static bool list(const struct request *request, struct registry *registry)
{
	return plugin_list_print(registry, !request->no_load, request->as_json, stdout);
}

static bool info(const struct request *request, struct registry *registry)
{
	const char *slash = strrchr(request->file, '/');
	const char *pin = registry_pin(registry, slash ? slash + 1 : request->file);
	struct plugin_view view;

	plugin_view_open(&view, &registry->loader, request->file, pin, !request->no_load);
	if (request->as_json)
		plugin_info_write_json(&view, stdout);
	else if (!plugin_info_print(&view, stdout)) {
		fputs("error: out of memory\n", stderr);
		return false;
	}
	return view.state != PLUGIN_REFUSED;
}

static bool work(struct registry *registry, const void *arg)
{
	const struct request *request = arg;

	return (request->info ? info : list)(request, registry);
}

int plugin_run(int argc, char **argv)
{
	struct request request;

	(void)argc;
	if (!read_request(argv, &request))
		return EXIT_USAGE;
	if (request.help) {
		fputs(usage, stdout);
		return EXIT_GOOD;
	}
	return plugin_search_run(&request.search, work, &request) && fflush(stdout) == 0 ? EXIT_GOOD
	                                                                                 : EXIT_BAD;
}
