#include "commands/serve_local.h"

#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "arguments/exit_status.h"
#include "base/descriptors.h"
#include "base/err.h"
#include "client/client.h"
#include "commands/serve.h"
#include "config/shorthands.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/shortage.h"
#include "process/complaint.h"
#include "process/drain.h"
#include "process/limits.h"
#include "process/runtime.h"
#include "process/watchdog.h"
#include "reload/reload.h"

struct client_process {
	struct client *client;
	struct notify *notify;
	struct plugin_set *plugins;
	/* The status that the service manager was told; "": the client is not ready yet. */
	char status[CLIENT_STATUS_SIZE];
	struct drain drain;
	enum client_exit exit;
};

static void on_drained(void *arg)
{
	drain_done(arg);
}

static void begin_client_drain(void *arg)
{
	struct client_process *process = arg;

	notify_stopping(process->notify, drain_timeout(&process->drain) + WATCHDOG_END_MS);
	/* The next client may start before this one has ended. It needs the ports of these
	 * listeners, and cannot ask for them. */
	plugin_set_end_listeners(process->plugins);
	client_drain(process->client, on_drained, &process->drain);
}

static unsigned count_visitors(void *arg)
{
	const struct client_process *process = arg;

	return process->client ? client_visitors(process->client) : 0;
}

/* The client is ready when a tunnel is open. It is also ready when the first attempt has failed and
 * the operator wants it to try again. */
static void on_client_news(const char *status, void *arg)
{
	struct client_process *process = arg;
	bool is_ready = process->status[0] != '\0';

	if (process->drain.begun || strcmp(process->status, status) == 0)
		return;
	snprintf(process->status, sizeof process->status, "%s", status);
	if (is_ready)
		notify_status(process->notify, status);
	else
		notify_ready(process->notify, status);
}

/* carries: the last tunnel has ended, but the client still has visitors, which may finish. */
static void on_client_exit(enum client_exit status, bool carries, void *arg)
{
	struct client_process *process = arg;

	process->exit = status;
	if (carries)
		drain_ask(&process->drain, "the end of the last tunnel");
	else
		drain_done(&process->drain);
}

/* A client does not reload. HUP must not end its tunnels, since log rotation may send it to every
 * Spore. */
static void on_hangup(struct ev_loop *ev, ev_signal *watcher, int events)
{
	(void)ev;
	(void)watcher;
	(void)events;
	log_warn("HUP ignored: a client does not reload its configuration",
	         log_str("remedy", "restart the client"));
}

/* Warns if this machine grants less than the settings ask for. False: the client could not carry
 * any visitor; the error has been written to standard error. */
static bool check_machine(const struct config *config)
{
	const struct settings *settings = &config->settings;
	unsigned available = descriptors_max(), least = client_least_descriptors(settings);

	limits_check_buffers(json_get(json_doc_root(config->doc), "client"),
	                     settings->client.sndbuf, settings->client.recbuf);
	if (!limits_suffice(least, "the tunnels, the connections opened ahead and a visitor"))
		return false;
	limits_check_descriptors(client_descriptors(settings),
	                         client_max_visitors(settings, available));
	return true;
}

static int run_client(struct runtime *runtime)
{
	const struct client_settings *settings = &runtime->config->settings.client;
	struct client_process process = { .notify = &runtime->notify,
		                          .plugins = runtime->plugins.set,
		                          .exit = CLIENT_ENDED };
	struct client_env env = { runtime->plugins.set, runtime->metrics, runtime->resolver,
		                  runtime->main_loop,   runtime->loops,   runtime->n_workers,
		                  on_client_news,       on_client_exit,   &process };
	ev_signal hangup;

	ev_signal_init(&hangup, on_hangup, SIGHUP);
	ev_signal_start(loop_ev(runtime->main_loop), &hangup);
	reload_hold(false);
	drain_init(&process.drain, runtime->main_loop, settings->drain_timeout, begin_client_drain,
	           count_visitors, &process);
	process.client = client_start(&env);
	if (process.client)
		loop_run(runtime->main_loop);
	else
		complain("out of memory");
	drain_fini(&process.drain);
	reload_hold(true); /* libev restores the default action of HUP, which ends the process */
	ev_signal_stop(loop_ev(runtime->main_loop), &hangup);
	client_stop(process.client);
	return process.client ? (int)process.exit : EXIT_FAILED;
}

static int run_or_check(struct runtime *runtime)
{
	const struct config *config = runtime->config;

	if (!check_machine(config))
		return EXIT_FAILED;
	return config->purpose == CONFIG_TO_RUN ? run_client(runtime) : serve_check(runtime);
}

int serve_local(int argc, char **argv)
{
	struct runtime runtime;
	struct runtime_terms terms;
	struct diag diag = { 0 };
	int status = EXIT_FAILED;
	struct config *config;

	reload_hold(true);
	config = serve_load(ROLE_LOCAL, argc, argv, &diag, &status);
	if (!config)
		return status;
	status = EXIT_FAILED;
	terms = (struct runtime_terms){ config->settings.client.workers,
		                        config->settings.client.busy_poll_us };
	if (runtime_start(&runtime, config, &terms, NULL, NULL, &diag))
		status = run_or_check(&runtime);
	return serve_end(&runtime, config, &diag, status);
}
