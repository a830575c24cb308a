#include "commands/serve.h"

#include <stdio.h>
#include <unistd.h>

#include "admin/admin.h"
#include "client/client.h"
#include "config/help.h"
#include "config/shorthands.h"
#include "host/host.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "process/drain.h"
#include "process/overview.h"
#include "process/reload.h"
#include "process/runtime.h"
#include "server/server.h"

enum { EXIT_CLEAN = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char *role_name(unsigned role)
{
	return role == ROLE_SERVER ? "server" : "local";
}

/* Tells all mistakes; the exit status that they mean. */
static int print_mistakes(unsigned role, struct diag *diag, bool usage)
{
	diag_print(diag, stderr);
	diag_fini(diag);
	if (usage)
		fprintf(stderr, "try: spore %s --help\n", role_name(role));
	return usage ? EXIT_USAGE : EXIT_FAILED;
}

/* The configuration, which may have mistakes if its plugins are worth checking all the same; or
 * NULL and the exit status in *status_out. */
static struct config *load_config(unsigned role, int argc, char **argv, struct diag *diag,
                                  int *status_out)
{
	struct config *config;
	enum config_outcome outcome;

	runtime_forbid_core();
	outcome = config_load(role, argc, argv, diag, &config);
	if (config && config->is_readable)
		return config;
	if (outcome == CONFIG_HELP)
		help_print(role, stdout);
	*status_out = outcome == CONFIG_HELP ? EXIT_CLEAN
	                                     : print_mistakes(role, diag, outcome == CONFIG_USAGE);
	config_unref(config);
	return NULL;
}

/* Mistakes are told when nobody else writes to standard error any more. */
static int end(struct runtime *runtime, struct config *config, struct diag *diag, int status)
{
	bool stopped = runtime_stop(runtime);

	if (diag->count > 0)
		status = print_mistakes(config->role, diag,
		                        config->purpose == CONFIG_TO_RUN &&
		                                diag->count_elsewhere == 0);
	config_unref(config);
	if (stopped)
		return status;
	/* A plugin's thread hangs in memory that exit() would take away. */
	fflush(NULL);
	_exit(status ? status : EXIT_FAILED);
}

/* ---- check ---- */

/* A start has got so far that only its sockets are missing. The exit status. */
static int tell(struct runtime *runtime, int64_t sndbuf, int64_t recbuf)
{
	const struct config *config = runtime->config;
	struct effective effective = { 0 };
	bool good = true;

	runtime_check_buffers(sndbuf, recbuf);
	if (config->purpose == CONFIG_TO_PRINT) {
		good = overview_make(config, runtime->set, &effective);
		overview_print(&effective, stdout);
		effective_fini(&effective);
	} else {
		printf("%s%sthe configuration is good\n", config->path ? config->path : "",
		       config->path ? ": " : "");
	}
	if (good && fflush(stdout) == 0)
		return EXIT_CLEAN;
	fputs("error: the answer could not be written\n", stderr);
	return EXIT_FAILED;
}

/* ---- server ---- */

struct server_process {
	struct server *server;
	struct drain drain;
	struct reload reload;
	struct admin_host host;
	struct admin *admin; /* NULL: none was asked for */
};

static void on_drained(void *arg)
{
	drain_done(arg);
}

static void begin_server_drain(void *arg)
{
	struct server_process *process = arg;

	reload_stop(&process->reload);
	host_set_ready(false);
	server_drain(process->server, on_drained, &process->drain);
}

/* Scripts wait for this line; whoever reads it finds all ready. */
static void announce(const struct server_settings *settings, unsigned n_workers)
{
	char text[ADDR_TEXT_SIZE];

	log_info("server listening", log_str("address", addr_format_ip(&settings->bind_addr, text)),
	         log_int("port", settings->control_port), log_int("workers", n_workers));
}

/* The server has not started; it is stopped afterwards. */
static bool run_server(struct runtime *runtime, struct server *server,
                       const struct reload_words *words)
{
	const struct server_settings *settings = &runtime->config->settings.server;
	struct server_env env = { runtime->metrics, runtime->main_loop, runtime->loops,
		                  runtime->n_workers };
	struct server_process process = {
		.host = { .runtime = runtime, .drain = &process.drain, .reload = &process.reload }
	};
	struct err err;

	runtime_check_buffers(settings->sndbuf, settings->recbuf);
	/* A signal during the start is served by the first turn of the loop. */
	drain_init(&process.drain, runtime->main_loop, settings->drain_timeout, begin_server_drain,
	           &process);
	reload_start(&process.reload, runtime, &process.server, &process.drain, words);
	if (admin_start(runtime->main_loop, &process.host, &process.admin, &err) &&
	    server_start(server, &env, runtime->set, &err)) {
		process.server = server;
		process.host.server = process.server;
		host_set_ready(true);
		announce(settings, runtime->n_workers);
		loop_run(runtime->main_loop);
	} else {
		fprintf(stderr, "error: %s\n", err.text);
	}
	admin_stop(process.admin);
	reload_stop(&process.reload);
	drain_fini(&process.drain);
	server_stop(server);
	return process.server != NULL;
}

static int serve(struct runtime *runtime, struct server *server, const struct reload_words *words)
{
	const struct server_settings *settings = &runtime->config->settings.server;

	if (runtime->config->purpose != CONFIG_TO_RUN)
		return tell(runtime, settings->sndbuf, settings->recbuf);
	return run_server(runtime, server, words) ? EXIT_CLEAN : EXIT_FAILED;
}

int serve_server(int argc, char **argv)
{
	struct runtime runtime;
	struct runtime_terms terms;
	struct diag diag = { 0 };
	int status = EXIT_FAILED;
	struct reload_words words;
	struct server *server = server_new(); /* plugins may use it as soon as they start */
	struct config *config;

	reload_hold(true);
	if (!server || !reload_words_init(&words, argc, argv)) {
		server_free(server);
		return status;
	}
	config = load_config(ROLE_SERVER, argc, argv, &diag, &status);
	if (!config) {
		reload_words_fini(&words);
		server_free(server);
		return status;
	}
	status = EXIT_FAILED;
	reload_hold(config->purpose == CONFIG_TO_RUN);
	terms = (struct runtime_terms){ config->settings.server.workers,
		                        config->settings.server.busy_poll_us };
	if (runtime_start(&runtime, config, &terms, server_revalidate, server, &diag))
		status = serve(&runtime, server, &words);
	reload_words_fini(&words);
	status = end(&runtime, config, &diag, status);
	server_free(server); /* no plugin runs any more */
	return status;
}

/* ---- local ---- */

struct client_process {
	struct client *client;
	struct drain drain;
	enum client_exit status;
};

static void begin_client_drain(void *arg)
{
	struct client_process *process = arg;

	client_drain(process->client, on_drained, &process->drain);
}

static void on_client_exit(enum client_exit status, void *arg)
{
	struct client_process *process = arg;

	process->status = status;
	drain_done(&process->drain);
}

static int run_client(struct runtime *runtime)
{
	const struct client_settings *settings = &runtime->config->settings.client;
	struct client_process process = { .status = CLIENT_ENDED };
	struct client_env env = { runtime->set,       runtime->metrics, runtime->resolver,
		                  runtime->main_loop, runtime->loops,   runtime->n_workers,
		                  on_client_exit,     &process };

	runtime_check_buffers(settings->sndbuf, settings->recbuf);
	drain_init(&process.drain, runtime->main_loop, settings->drain_timeout, begin_client_drain,
	           &process);
	process.client = client_start(&env);
	if (process.client)
		loop_run(runtime->main_loop);
	else
		fputs("error: out of memory\n", stderr);
	drain_fini(&process.drain);
	client_stop(process.client);
	return process.client ? (int)process.status : EXIT_FAILED;
}

int serve_local(int argc, char **argv)
{
	struct runtime runtime;
	struct runtime_terms terms;
	struct diag diag = { 0 };
	int status = EXIT_FAILED;
	struct config *config = load_config(ROLE_LOCAL, argc, argv, &diag, &status);

	if (!config)
		return status;
	status = EXIT_FAILED;
	terms = (struct runtime_terms){ config->settings.client.workers,
		                        config->settings.client.busy_poll_us };
	if (runtime_start(&runtime, config, &terms, NULL, NULL, &diag))
		status = config->purpose == CONFIG_TO_RUN
		                 ? run_client(&runtime)
		                 : tell(&runtime, config->settings.client.sndbuf,
		                        config->settings.client.recbuf);
	return end(&runtime, config, &diag, status);
}
