#include "commands/serve_local.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/admin_socket.h"
#include "arguments/exit_status.h"
#include "base/descriptors.h"
#include "base/err.h"
#include "client/client.h"
#include "client/room.h"
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
#include "screen/front.h"
#include "screen/program.h"
#include "screen/terminal.h"

struct client_process {
	struct client *client;
	struct notify *notify;
	/* The status that the service manager was told; "": the client is not ready yet. */
	char status[CLIENT_STATUS_SIZE];
	struct drain drain;
	struct reload_host reload_host;
	struct reload reload;
	struct admin_host host;
	struct admin *admin; /* NULL: no admin socket is configured */
	enum client_exit exit;
};

static void on_drained(void *arg)
{
	drain_done(arg);
}

static void begin_client_drain(void *arg)
{
	struct client_process *process = arg;

	reload_close(&process->reload);
	notify_stopping(process->notify, drain_timeout(&process->drain) + WATCHDOG_END_MS);
	/* The next client may start before this one has ended. It needs the ports of these
	 * listeners, and cannot ask for them. */
	plugins_end_listeners(&process->host.runtime->plugins);
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

/* A reload also brings back an admin socket that somebody has deleted, as that of a server does. */
static void on_reload_end(void *arg)
{
	const struct client_process *process = arg;

	admin_restore(process->admin);
}

/* A client ends with the terminal that shows its screen or its log. One that only was started from
 * a terminal goes on, and reloads. */
static bool on_hangup(void *arg)
{
	struct client_process *process = arg;

	/* Behind the screen, standard error is a pipe. */
	if (!terminal_is_gone(process->host.screen_fd ? STDIN_FILENO : STDERR_FILENO))
		return false;
	drain_ask(&process->drain, "the end of its terminal");
	return true;
}

static struct survey *renew_client(void *arg, struct plugin_set *set, int64_t wait_ms,
                                   void (*taken)(struct survey *survey, void *arg), void *taken_arg,
                                   struct err *err)
{
	const struct client_process *process = arg;

	return client_renew(process->client, set, wait_ms, taken, taken_arg, err);
}

static const char *describe_client(void *arg)
{
	const struct client_process *process = arg;

	return process->status[0] ? process->status : NULL;
}

/* Warns if this machine grants less than the settings ask for. False: the client could not carry
 * any visitor; the error has been written to standard error. */
static bool check_machine(const struct config *config)
{
	const struct settings *settings = &config->settings;
	unsigned available = descriptors_max(), least = room_least_descriptors(settings);

	limits_check_buffers(json_get(json_doc_root(config->doc), "client"),
	                     settings->client.sndbuf, settings->client.recbuf);
	if (!limits_suffice(least, "the tunnels, the connections opened ahead and a visitor"))
		return false;
	limits_check_descriptors(room_descriptors(settings),
	                         room_max_visitors(settings, available));
	return true;
}

/* False: it was not started; the error is on standard error. */
static bool start_client(struct client_process *process)
{
	struct runtime *runtime = process->host.runtime;
	struct client_env env = { runtime->plugins.set, runtime->metrics, runtime->resolver,
		                  runtime->main_loop,   runtime->loops,   runtime->n_workers,
		                  on_client_news,       on_client_exit,   process };
	struct err err;

	if (!admin_start(runtime->main_loop, &process->host, &process->admin, &err))
		return complain_at(admin_socket_value(runtime->config), err.text);
	process->client = process->host.client = client_start(&env);
	return process->client || complain("out of memory");
}

static int run_client(struct runtime *runtime, const struct reload_words *words, int screen_fd)
{
	const struct client_settings *settings = &runtime->config->settings.client;
	struct client_process process = {
		.notify = &runtime->notify,
		.exit = CLIENT_ENDED,
		.reload_host = { .role = ROLE_LOCAL,
		                 .renew = renew_client,
		                 .describe = describe_client,
		                 .on_end = on_reload_end,
		                 .on_hangup = on_hangup,
		                 .arg = &process },
		.host = { .runtime = runtime,
		          .drain = &process.drain,
		          .reload = &process.reload,
		          .screen_fd = screen_fd },
	};
	bool is_started;

	drain_init(&process.drain, runtime->main_loop, settings->drain_timeout, begin_client_drain,
	           count_visitors, &process);
	reload_start(&process.reload, runtime, &process.reload_host, &process.drain, words);
	is_started = start_client(&process);
	if (is_started)
		loop_run(runtime->main_loop);
	admin_stop(process.admin);
	reload_stop(&process.reload);
	drain_fini(&process.drain);
	client_stop(process.client);
	return is_started ? (int)process.exit : EXIT_FAILED;
}

static int run_or_check(struct runtime *runtime, const struct reload_words *words, int screen_fd)
{
	const struct config *config = runtime->config;

	if (!check_machine(config))
		return EXIT_FAILED;
	return config->purpose == CONFIG_TO_RUN ? run_client(runtime, words, screen_fd)
	                                        : serve_check(runtime);
}

/* The socket on which the screen asks; 0: without a screen. */
static int begin_screen(const struct config *config)
{
	char path[PROGRAM_PATH_SIZE];
	const char *hint;
	bool is_found;
	int fd;

	if (config->purpose != CONFIG_TO_RUN || !config->settings.client.screen ||
	    logline_is_json((enum log_format)config->settings.log.format))
		return 0;
	is_found = front_find(path, &hint);
	if (hint)
		log_info(hint);
	if (!is_found)
		return 0;
	watchdog_stop(); /* a thread would be missing in the client, which is the child */
	fd = front_begin(path);
	serve_watch();
	return fd > 0 ? fd : 0;
}

int serve_local(int argc, char **argv)
{
	struct runtime runtime;
	struct runtime_terms terms;
	struct diag diag = { 0 };
	int status = EXIT_FAILED, screen_fd;
	struct reload_words words;
	struct config *config;

	reload_hold(true);
	if (!reload_words_init(&words, argc, argv))
		return status;
	serve_watch();
	config = serve_load(ROLE_LOCAL, argc, argv, &diag, &status);
	if (config && config->purpose == CONFIG_TO_CHECK)
		admin_socket_check(config, &diag);
	if (!config || !serve_may_start(config, &diag)) {
		config_unref(config);
		reload_words_fini(&words);
		return status;
	}
	status = EXIT_FAILED;
	screen_fd = diag.count == 0 ? begin_screen(config) : 0;
	terms = (struct runtime_terms){ config->settings.client.workers,
		                        config->settings.client.busy_poll_us, false };
	if (runtime_start(&runtime, config, &terms, NULL, NULL, &diag))
		status = run_or_check(&runtime, &words, screen_fd);
	reload_words_fini(&words);
	return serve_end(&runtime, config, &diag, status);
}
