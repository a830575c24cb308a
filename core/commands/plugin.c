#include "commands/plugin.h"

#include <stdio.h>
#include <string.h>

#include "arguments/arguments.h"
#include "arguments/exit_status.h"
#include "commands/plugin_info.h"
#include "commands/plugin_list.h"
#include "commands/serve.h"
#include "inventory/plugin_search.h"
#include "inventory/plugin_view.h"
#include "process/watchdog.h"

struct request {
	const char *word, *file; /* file: only with info */
	struct plugin_search search;
	bool as_json, no_load;
};

static const struct argument_word words[] = {
	{ "list", NULL,
	  "show every plugin in the folders that a server or client searches, in the order of the "
	  "search" },
	{ "info", "FILE",
	  "show what one plugin file contains; the exit status is 1 if a start would refuse it" },
};

static const struct argument_flag flags[] = {
	{ .name = "--config",
	  .letter = 'c',
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, search.config),
	  .metavar = "FILE",
	  .variable = "SPORE_CONFIG",
	  .doc = "configuration of a server or client; only its section \"plugins\" is read" },
	{ .name = "--plugin-path",
	  .type = ARGUMENT_LIST,
	  .offset = offsetof(struct request, search.folders),
	  .count_offset = offsetof(struct request, search.n_folders),
	  .most = PLUGIN_SEARCH_MOST,
	  .metavar = "DIR",
	  .word = "list",
	  .doc = "folder to search before all others" },
	{ .name = "--no-load",
	  .offset = offsetof(struct request, no_load),
	  .doc = "show only what can be known without running the plugin" },
	{ .name = "--json", .offset = offsetof(struct request, as_json), .doc = "print JSON" },
};

const struct argument_table plugin_arguments = {
	.command = "plugin",
	.summary = "Lists plugins, or shows what one of them contains.",
	.remarks =
		"Without --no-load, each plugin that passes the checks is loaded, as at a start: "
		"its constructors run, first in a separate process. A plugin that fails the "
		"checks is not loaded.",
	.words = words,
	.n_words = sizeof words / sizeof *words,
	.word_offset = offsetof(struct request, word),
	.operand_offset = offsetof(struct request, file),
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
};

static bool show_list(const struct request *request, struct registry *registry)
{
	return plugin_list_print(registry, !request->no_load, request->as_json, stdout);
}

static bool show_info(const struct request *request, struct registry *registry)
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

static bool show(struct registry *registry, const void *arg)
{
	const struct request *request = arg;

	/* A plugin may end the process that loads it on trial, which does not have this thread. */
	watchdog_stop();
	return request->file ? show_info(request, registry) : show_list(request, registry);
}

int plugin_run(int argc, char **argv)
{
	struct request request = { 0 };
	bool is_shown;
	int status;

	(void)argc;
	if (!arguments_read(&plugin_arguments, argv, &request, &status))
		return status;
	serve_watch();
	is_shown = plugin_search_run(&request.search, show, &request) && fflush(stdout) == 0;
	watchdog_stop();
	return is_shown ? EXIT_GOOD : EXIT_FAILED;
}
