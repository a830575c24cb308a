#include "commands/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin_socket.h"
#include "arguments/exit_status.h"
#include "commands/hand_over.h"
#include "config/file.h"
#include "config/help.h"
#include "config/shorthands.h"
#include "log/log.h"
#include "process/complaint.h"
#include "process/limits.h"
#include "process/overview.h"
#include "process/runtime.h"
#include "process/watchdog.h"

static const char *role_name(unsigned role)
{
	return role == ROLE_SERVER ? "server" : "local";
}

/* Returns the exit status. */
static int end_with_mistakes(unsigned role, struct diag *diag, bool is_usage)
{
	complain_of_mistakes(diag, is_usage ? role_name(role) : NULL);
	diag_fini(diag);
	return is_usage ? EXIT_USAGE : EXIT_FAILED;
}

/* The log format that the command line or the environment asks for. Looks for nothing else: they
 * are not parsed yet, and their mistakes shall be logged in this format. */
static enum log_format guess_format(int argc, char *const *argv)
{
	static const char flag[] = "--log-format";
	const char *format = getenv("SPORE_LOG_FORMAT");

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], flag) == 0 && i + 1 < argc)
			format = argv[i + 1];
		else if (strncmp(argv[i], flag, sizeof flag - 1) == 0 &&
		         argv[i][sizeof flag - 1] == '=')
			format = argv[i] + sizeof flag;
	}
	return format && strcmp(format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
}

/* What serve_load returns. asked: the format that messages have had so far. */
static struct config *take_config(unsigned role, enum config_outcome outcome, struct config *config,
                                  enum log_format asked, struct diag *diag, int *status_out)
{
	/* A configuration with mistakes may lack the format that was asked for. */
	if (config && asked == LOG_FORMAT_JSON)
		config->settings.log.format = asked;
	if (config) {
		log_set_format((enum log_format)config->settings.log.format);
		file_warn_of_modes(config->path);
	}
	if (config && config->is_readable)
		return config;
	if (outcome == CONFIG_HELP)
		help_print(role, stdout);
	*status_out = outcome == CONFIG_HELP
	                      ? EXIT_GOOD
	                      : end_with_mistakes(role, diag, outcome == CONFIG_USAGE);
	config_unref(config);
	return NULL;
}

void serve_watch(void)
{
	struct err err;

	/* runtime_start reports a failure, when the log can. */
	watchdog_start(&err);
}

struct config *serve_load(unsigned role, int argc, char **argv, struct diag *diag, int *status_out)
{
	enum log_format asked = guess_format(argc, argv);
	enum config_outcome outcome;
	struct config *config;

	limits_forbid_core();
	log_set_format(asked);
	outcome = config_load(role, argc, argv, diag, &config);
	return take_config(role, outcome, config, asked, diag, status_out);
}

struct config *serve_load_command(unsigned role, const struct command *command, struct diag *diag,
                                  int *status_out)
{
	enum config_outcome outcome;
	struct config *config;

	outcome = config_load_command(role, command, diag, &config);
	return take_config(role, outcome, config, LOG_FORMAT_TEXT, diag, status_out);
}

bool serve_may_start(const struct config *config, const struct diag *diag)
{
	bool is_check = config->purpose != CONFIG_TO_RUN || diag->count > 0;
	struct err err;

	if (is_check || hand_over_await(&config->settings.admin, &err))
		return true;
	return complain_at(admin_socket_value(config), err.text);
}

int serve_end(struct runtime *runtime, struct config *config, struct diag *diag, int status)
{
	bool stopped = runtime_stop(runtime);
	bool is_usage = diag->count_elsewhere == 0;

	/* From here on no other thread writes to standard error. */
	if (diag->count > 0)
		status = end_with_mistakes(config->role, diag, is_usage);
	config_unref(config);
	if (stopped)
		return status;
	/* A plugin's thread still runs and uses memory that exit() would free. */
	fflush(NULL);
	_exit(status ? status : EXIT_FAILED);
}

int serve_check(struct runtime *runtime)
{
	const struct config *config = runtime->config;
	struct effective effective = { 0 };
	bool good = true;

	if (config->purpose == CONFIG_TO_PRINT) {
		good = overview_make(config, runtime->plugins.set, &effective);
		overview_print(&effective, stdout);
		effective_fini(&effective);
	} else {
		printf("%s%sthe configuration is good\n", config->path ? config->path : "",
		       config->path ? ": " : "");
	}
	if (good && fflush(stdout) == 0)
		return EXIT_GOOD;
	complain("cannot write to standard output");
	return EXIT_FAILED;
}
