#include "commands/serve.h"

#include <stdio.h>
#include <unistd.h>

#include "arguments/exit_status.h"
#include "config/help.h"
#include "config/shorthands.h"
#include "diag/usage.h"
#include "process/limits.h"
#include "process/overview.h"
#include "process/runtime.h"

static const char *role_name(unsigned role)
{
	return role == ROLE_SERVER ? "server" : "local";
}

/* Returns the exit status. */
static int print_mistakes(unsigned role, struct diag *diag, bool is_usage)
{
	diag_print(diag, stderr);
	diag_fini(diag);
	if (is_usage)
		fprintf(stderr, USAGE_TRY, role_name(role));
	return is_usage ? EXIT_USAGE : EXIT_FAILED;
}

struct config *serve_load(unsigned role, int argc, char **argv, struct diag *diag, int *status_out)
{
	struct config *config;
	enum config_outcome outcome;

	limits_forbid_core();
	outcome = config_load(role, argc, argv, diag, &config);
	if (config && config->is_readable)
		return config;
	if (outcome == CONFIG_HELP)
		help_print(role, stdout);
	*status_out = outcome == CONFIG_HELP ? EXIT_GOOD
	                                     : print_mistakes(role, diag, outcome == CONFIG_USAGE);
	config_unref(config);
	return NULL;
}

int serve_end(struct runtime *runtime, struct config *config, struct diag *diag, int status)
{
	bool stopped = runtime_stop(runtime);

	/* From here on no other thread writes to standard error. */
	if (diag->count > 0)
		status = print_mistakes(config->role, diag,
		                        config->purpose == CONFIG_TO_RUN &&
		                                diag->count_elsewhere == 0);
	config_unref(config);
	if (stopped)
		return status;
	/* A plugin's thread still runs and uses memory that exit() would free. */
	fflush(NULL);
	_exit(status ? status : EXIT_FAILED);
}

int serve_check(struct runtime *runtime, int64_t sndbuf, int64_t recbuf)
{
	const struct config *config = runtime->config;
	struct effective effective = { 0 };
	bool good = true;

	limits_check_buffers(sndbuf, recbuf);
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
	fputs("error: cannot write to standard output\n", stderr);
	return EXIT_FAILED;
}
