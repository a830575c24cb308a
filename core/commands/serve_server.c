#include "commands/serve_server.h"

#include "admin/admin.h"
#include "admin/admin_socket.h"
#include "arguments/exit_status.h"
#include "base/descriptors.h"
#include "commands/serve.h"
#include "config/shorthands.h"
#include "host/readiness.h"
#include "keep/keeper.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "process/complaint.h"
#include "process/drain.h"
#include "process/limits.h"
#include "process/runtime.h"
#include "process/watchdog.h"
#include "quota/limits.h"
#include "reload/reload.h"
#include "server/activation.h"
#include "server/server.h"

struct server_process {
	struct server *server;
	struct drain drain;
	struct reload_host reload_host;
	struct reload reload;
	struct admin_host host;
	struct admin *admin; /* NULL: no admin socket is configured */
};

static void on_drained(void *arg)
{
	drain_done(arg);
}

static void begin_server_drain(void *arg)
{
	struct server_process *process = arg;

	reload_close(&process->reload);
	readiness_give_reason("the server drains: it lets connections end, and takes no new ones");
	readiness_set(false);
	notify_stopping(&process->host.runtime->notify,
	                drain_timeout(&process->drain) + WATCHDOG_END_MS);
	server_drain(process->server, on_drained, &process->drain);
}

static unsigned count_visitors(void *arg)
{
	const struct server_process *process = arg;

	return process->server ? server_room(process->server).visitors : 0;
}

/* If somebody has deleted the admin socket, the operator can still ask for a reload by HUP, and so
 * get the socket back. */
static void on_reload_end(void *arg)
{
	const struct server_process *process = arg;

	admin_restore(process->admin);
}

static struct survey *renew_server(void *arg, struct plugin_set *set, int64_t wait_ms,
                                   void (*taken)(struct survey *survey, void *arg), void *taken_arg,
                                   struct err *err)
{
	const struct server_process *process = arg;

	return server_renew(process->server, set, wait_ms, taken, taken_arg, err);
}

static void tell_renewed(void *arg)
{
	const struct server_process *process = arg;

	server_tell_renewed(process->server);
}

static const char *describe_server(void *arg)
{
	(void)arg;
	return "serving";
}

/* ---- public ports, from one process to the next ---- */

static void store_port(void *notify, int fd, const char *name)
{
	notify_store(notify, fd, name);
}

static void drop_port(void *notify, const char *name)
{
	notify_drop(notify, name);
}

/* The manager need not keep the sockets any more: this process has them, or they are of no use. */
static void drop_all(const struct activation *activation, struct notify *notify)
{
	for (unsigned i = 0; i < activation->n_kept; i++)
		notify_drop(notify, activation->kept[i].name);
}

/* Scripts wait for this line, so everything must be ready when it is logged. */
static void announce(const struct server_settings *settings, unsigned n_workers)
{
	char text[ADDR_LIST_TEXT_SIZE];

	log_info("server listening",
	         log_str("address", addr_format_list(&settings->bind_addr, 0, text)),
	         log_int("port", settings->control_port), log_int("workers", n_workers));
}

/* Descriptors of a tunnel with one visitor besides its public port (a control connection, a
 * visitor's connection and its data connection), and of the admin socket. */
enum { VISITOR = 3, ADMIN_SOCKET = 2 };

/* The least number of descriptors with which the server is of use: those that are open before it
 * listens, the sockets of the control port of each worker, those of the admin socket, and those
 * of a tunnel with one visitor. */
static unsigned least_descriptors(const struct runtime *runtime)
{
	const struct settings *settings = &runtime->config->settings;
	const char *socket = settings->admin.socket;
	unsigned n_addresses = (unsigned)settings->server.bind_addr.count;
	unsigned n_public = (unsigned)settings->server.bind_tunnels.count;
	bool has_socket = socket && *socket;

	return descriptors_open() + runtime->n_workers * n_addresses +
	       (has_socket ? ADMIN_SOCKET : 0) + VISITOR + n_public;
}

/* Warns if this machine grants less than the settings ask for. False: no visitor could come; the
 * error is on standard error. */
static bool check_machine(const struct runtime *runtime)
{
	const struct settings *settings = &runtime->config->settings;
	const struct limit_settings *wanted = &settings->limits;
	struct limits limits = limits_make(wanted, descriptors_max(), 1);
	unsigned least = least_descriptors(runtime);

	limits_check_buffers(json_get(json_doc_root(runtime->config->doc), "server"),
	                     settings->server.sndbuf, settings->server.recbuf);
	if (!limits_suffice(least, "a tunnel and a visitor"))
		return false;
	limits_check_descriptors(limits_need(wanted), limits.places - 1 /* for a tunnel */);
	return true;
}

static struct server_env env_of(const struct runtime *runtime, const struct activation *activation,
                                struct keeper *keeper)
{
	return (struct server_env){
		.metrics = runtime->metrics,
		.main_loop = runtime->main_loop,
		.loops = runtime->loops,
		.n_workers = runtime->n_workers,
		.given = { activation->fds, activation->n, activation->n > 0, false },
		.kept = activation->kept,
		.n_kept = activation->n_kept,
		.keeper = keeper,
	};
}

/* Starts to serve, with the sockets that the service manager has passed. */
static bool start_server(struct server *server, const struct server_env *env,
                         struct runtime *runtime, struct activation *activation,
                         const struct json **at_fault_out, struct err *err)
{
	bool serves = server_start(server, env, runtime->plugins.set, at_fault_out, err);

	if (serves)
		drop_all(activation, &runtime->notify);
	activation->n_kept = 0; /* the server has taken them */
	activation_close(activation);
	return serves;
}

/* Starts the server, and stops it at the end. */
static bool run_server(struct runtime *runtime, struct server *server,
                       const struct reload_words *words, struct activation *activation)
{
	const struct server_settings *settings = &runtime->config->settings.server;
	struct keeper keeper = { .main_loop = runtime->main_loop,
		                 .is_open = notify_has_manager(&runtime->notify),
		                 .keep = store_port,
		                 .drop = drop_port,
		                 .arg = &runtime->notify };
	struct server_env env = env_of(runtime, activation, &keeper);
	struct server_process process = {
		.reload_host = { .role = ROLE_SERVER,
		                 .renew = renew_server,
		                 .tell = tell_renewed,
		                 .describe = describe_server,
		                 .on_end = on_reload_end,
		                 .arg = &process },
		.host = { .runtime = runtime, .drain = &process.drain, .reload = &process.reload },
	};
	const struct json *at_fault = admin_socket_value(runtime->config);
	struct err err;

	/* A signal that arrives during the start is handled in the first turn of the loop. */
	drain_init(&process.drain, runtime->main_loop, settings->drain_timeout, begin_server_drain,
	           count_visitors, &process);
	reload_start(&process.reload, runtime, &process.reload_host, &process.drain, words);
	if (admin_start(runtime->main_loop, &process.host, &process.admin, &err) &&
	    start_server(server, &env, runtime, activation, &at_fault, &err)) {
		process.server = process.host.server = server;
		readiness_set(true);
		announce(settings, runtime->n_workers);
		notify_ready(&runtime->notify, "serving");
		loop_run(runtime->main_loop);
	} else {
		complain_at(at_fault, err.text);
	}
	admin_stop(process.admin);
	reload_stop(&process.reload);
	drain_fini(&process.drain);
	server_stop(server);
	loop_finish(runtime->main_loop); /* what workers have posted to the keeper */
	if (process.server)
		log_info("server stopped");
	return process.server != NULL;
}

static int run_or_check(struct runtime *runtime, struct server *server,
                        const struct reload_words *words, struct activation *activation)
{
	if (!check_machine(runtime))
		return EXIT_FAILED;
	if (runtime->config->purpose != CONFIG_TO_RUN)
		return serve_check(runtime);
	if (*activation->err.text) {
		complain(activation->err.text);
		return EXIT_FAILED;
	}
	return run_server(runtime, server, words, activation) ? EXIT_GOOD : EXIT_FAILED;
}

static int serve_with(struct activation *activation, int argc, char **argv)
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
	serve_watch();
	config = serve_load(ROLE_SERVER, argc, argv, &diag, &status);
	if (config && config->purpose == CONFIG_TO_CHECK)
		admin_socket_check(config, &diag);
	if (!config || !serve_may_start(config, &diag)) {
		config_unref(config);
		reload_words_fini(&words);
		server_free(server);
		return status;
	}
	status = EXIT_FAILED;
	reload_hold(config->purpose == CONFIG_TO_RUN);
	terms = (struct runtime_terms){ config->settings.server.workers,
		                        config->settings.server.busy_poll_us, false };
	if (runtime_start(&runtime, config, &terms, server_revise, server, &diag))
		status = run_or_check(&runtime, server, &words, activation);
	reload_words_fini(&words);
	status = serve_end(&runtime, config, &diag, status);
	server_free(server); /* no plugin runs any more */
	return status;
}

int serve_server(int argc, char **argv)
{
	struct activation activation;
	int status;

	activation_take(&activation); /* before a program that prints a secret starts */
	status = serve_with(&activation, argc, argv);
	activation_close(&activation);
	return status;
}
