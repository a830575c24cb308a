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
#include "server/routed_ports.h"
#include "server/server.h"
#include "upgrade/heir.h"
#include "upgrade/upgrade.h"

struct server_process {
	struct server *server;
	struct heir *heir;
	struct drain drain;
	struct reload_host reload_host;
	struct reload reload;
	struct admin_host host;
	struct admin *admin; /* NULL: no admin socket is configured */
	struct keeper keeper;
	struct upgrade_host upgrade_host;
	struct upgrade upgrade;
};

/* What the server gets from those before it: sockets of a service manager or of a server. */
struct inheritance {
	struct activation activation;
	struct heir heir;
	bool has_kept_routed; /* the service manager still has the sockets of routed ports */
};

static void on_drained(void *arg)
{
	drain_done(arg);
}

static void begin_server_drain(void *arg)
{
	struct server_process *process = arg;

	upgrade_close(&process->upgrade);
	reload_close(&process->reload);
	if (!upgrade_gives(&process->upgrade)) { /* else the next process is ready */
		readiness_give_reason(
			"the server drains: it lets connections end, and takes no new ones");
		readiness_set(false);
	}
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

static void keep_port(void *arg, int fd, const char *name)
{
	struct server_process *process = arg;

	if (upgrade_gives(&process->upgrade))
		upgrade_keep(&process->upgrade, fd, name);
	else if (keeper_is_open(&process->keeper)) /* nothing is kept after a hand-over */
		notify_store(&process->host.runtime->notify, fd, name);
}

/* A server that runs already cannot be told, and closes the port if its client does not come. */
static void drop_port(void *arg, const char *name)
{
	struct server_process *process = arg;

	if (!upgrade_gives(&process->upgrade))
		notify_drop(&process->host.runtime->notify, name);
}

static int copy_admin(void *arg)
{
	const struct server_process *process = arg;

	return admin_copy_socket(process->admin);
}

static void leave(void *arg, pid_t heir)
{
	struct server_process *process = arg;

	reload_close(&process->reload); /* no other exporters begin */
	notify_main_pid(&process->host.runtime->notify, heir);
	heir_tell_upgraded(process->heir);
	admin_leave(process->admin);
	plugins_end_listeners(&process->host.runtime->plugins);
	drain_ask(&process->drain, "upgrade");
}

/* The manager need not keep the sockets any more: this process has them, or they are of no use. */
static void drop_all(const struct inheritance *inheritance, struct notify *notify)
{
	const struct activation *activation = &inheritance->activation;

	for (unsigned i = 0; i < activation->n_kept; i++)
		notify_drop(notify, activation->kept[i].name);
	if (inheritance->has_kept_routed)
		notify_drop(notify, KEPT_ROUTED_NAME);
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

/* The control port of this server; none: it binds the port itself. */
static struct given_sockets given_of(const struct inheritance *inheritance)
{
	const struct heir *heir = &inheritance->heir;

	return (struct given_sockets){ .fds = inheritance->activation.fds,
		                       .n = inheritance->activation.n,
		                       .is_fixed = inheritance->activation.n > 0 &&
		                                   (!heir->is_one || heir->is_fixed),
		                       .from_server = heir->is_one };
}

static struct server_env env_of(const struct runtime *runtime,
                                const struct inheritance *inheritance, struct keeper *keeper)
{
	return (struct server_env){
		.metrics = runtime->metrics,
		.main_loop = runtime->main_loop,
		.loops = runtime->loops,
		.n_workers = runtime->n_workers,
		.given = given_of(inheritance),
		.shared = { .fds = inheritance->activation.shared,
		            .n = inheritance->activation.n_shared,
		            .from_server = inheritance->heir.is_one },
		.visitors = { .fds = inheritance->activation.visitors,
		              .n = inheritance->activation.n_visitors },
		.kept = inheritance->activation.kept,
		.n_kept = inheritance->activation.n_kept,
		.elders = inheritance->heir.elders,
		.n_elders = inheritance->heir.n_elders,
		.use = inheritance->heir.use,
		.keeper = keeper,
	};
}

/* Starts to serve, with the sockets that were passed. */
static bool start_server(struct server *server, struct server_process *process,
                         struct inheritance *inheritance, const struct json **at_fault_out,
                         struct err *err)
{
	struct runtime *runtime = process->host.runtime;
	struct server_env env = env_of(runtime, inheritance, &process->keeper);
	bool serves = server_start(server, &env, runtime->plugins.set, at_fault_out, err);

	if (serves && !inheritance->heir.is_one)
		drop_all(inheritance, &runtime->notify);
	inheritance->activation.n_kept = 0; /* the server has taken them */
	inheritance->heir.n_elders = 0;     /* likewise */
	activation_close(&inheritance->activation);
	return serves;
}

/* Waits until the server before this one, if one runs, has given up its ports. */
static bool await_ports(struct runtime *runtime, struct inheritance *inheritance, struct err *err)
{
	struct given_sockets given = given_of(inheritance);

	if (!inheritance->heir.is_one)
		return true;
	return control_port_take(&given, &runtime->config->settings.server, runtime->n_workers,
	                         err) &&
	       heir_await(&inheritance->heir, &inheritance->activation, err);
}

static bool start_admin(struct server_process *process, struct heir *heir, struct err *err)
{
	bool started;

	process->host.given_fd = heir->admin > 0 ? heir->admin : 0;
	started = admin_start(process->host.runtime->main_loop, &process->host, &process->admin,
	                      err);
	process->host.given_fd = 0;
	if (process->admin && admin_has_adopted(process->admin, heir->admin))
		heir->admin = -1;
	return started;
}

static bool start_all(struct server_process *process, struct server *server,
                      struct inheritance *inheritance, const struct json **at_fault_out,
                      struct err *err)
{
	struct runtime *runtime = process->host.runtime;
	const struct json *at_fault = NULL;

	*at_fault_out = NULL;
	if (!await_ports(runtime, inheritance, err))
		return false;
	*at_fault_out = admin_socket_value(runtime->config);
	if (!start_admin(process, &inheritance->heir, err))
		return false;
	if (start_server(server, process, inheritance, &at_fault, err))
		return true;
	*at_fault_out = at_fault;
	if (inheritance->heir.is_one)
		admin_leave(process->admin); /* the other server still has it */
	return false;
}

static void init_process(struct server_process *process, struct runtime *runtime,
                         struct server *server, const struct reload_words *words)
{
	process->reload_host = (struct reload_host){ .role = ROLE_SERVER,
		                                     .renew = renew_server,
		                                     .tell = tell_renewed,
		                                     .describe = describe_server,
		                                     .on_end = on_reload_end,
		                                     .arg = process };
	process->host = (struct admin_host){ .runtime = runtime,
		                             .drain = &process->drain,
		                             .reload = &process->reload,
		                             .upgrade = &process->upgrade,
		                             .keeper = &process->keeper };
	process->keeper = (struct keeper){ .main_loop = runtime->main_loop,
		                           .keep = keep_port,
		                           .drop = drop_port,
		                           .arg = process };
	keeper_open(&process->keeper, notify_has_manager(&runtime->notify));
	process->upgrade_host = (struct upgrade_host){ .runtime = runtime,
		                                       .server = server,
		                                       .drain = &process->drain,
		                                       .words = words,
		                                       .keeper = &process->keeper,
		                                       .copy_admin = copy_admin,
		                                       .leave = leave,
		                                       .arg = process };
}

static void serve(struct server_process *process, struct server *server, struct heir *heir)
{
	struct runtime *runtime = process->host.runtime;

	process->server = process->host.server = server;
	readiness_set(true);
	announce(&runtime->config->settings.server, runtime->n_workers);
	heir_tell_serving(heir, server);
	notify_mute(&runtime->notify, false);
	notify_ready(&runtime->notify, "serving");
	loop_run(runtime->main_loop);
}

/* Starts the server, and stops it at the end. */
static bool run_server(struct runtime *runtime, struct server *server,
                       const struct reload_words *words, struct inheritance *inheritance)
{
	struct server_process process = { .heir = &inheritance->heir };
	const struct json *at_fault;
	struct err err;

	init_process(&process, runtime, server, words);
	/* A signal that arrives during the start is handled in the first turn of the loop. */
	drain_init(&process.drain, runtime->main_loop,
	           runtime->config->settings.server.drain_timeout, begin_server_drain,
	           count_visitors, &process);
	reload_start(&process.reload, runtime, &process.reload_host, &process.drain, words);
	upgrade_start(&process.upgrade, &process.upgrade_host);
	if (start_all(&process, server, inheritance, &at_fault, &err)) {
		serve(&process, server, &inheritance->heir);
	} else {
		complain_at(at_fault, err.text);
		heir_tell_failure(&inheritance->heir, err.text);
	}
	admin_stop(process.admin);
	upgrade_stop(&process.upgrade);
	reload_stop(&process.reload);
	drain_fini(&process.drain);
	server_stop(server);
	loop_finish(runtime->main_loop); /* what workers have posted to the keeper */
	if (process.server)
		log_info("server stopped");
	return process.server != NULL;
}

static int run_or_check(struct runtime *runtime, struct server *server,
                        const struct reload_words *words, struct inheritance *inheritance)
{
	if (!check_machine(runtime))
		return EXIT_FAILED;
	if (runtime->config->purpose != CONFIG_TO_RUN)
		return serve_check(runtime);
	if (*inheritance->activation.err.text) {
		complain(inheritance->activation.err.text);
		return EXIT_FAILED;
	}
	return run_server(runtime, server, words, inheritance) ? EXIT_GOOD : EXIT_FAILED;
}

/* The server before an heir does not drain yet. */
static bool may_start(const struct inheritance *inheritance, const struct config *config,
                      const struct diag *diag)
{
	return inheritance->heir.is_one || serve_may_start(config, diag);
}

/* Exporters may be at a port that was a routed port before, so this is done before they begin. */
static void sift_kept(struct inheritance *inheritance, const struct config *config)
{
	struct activation *activation = &inheritance->activation;

	if (inheritance->heir.is_one || config->purpose != CONFIG_TO_RUN)
		return;
	inheritance->has_kept_routed = activation->n_shared > 0;
	routed_ports_sift(config, activation->shared, &activation->n_shared);
}

static int serve_with(struct inheritance *inheritance, int argc, char **argv)
{
	struct runtime runtime;
	struct runtime_terms terms;
	struct diag diag = { 0 };
	int status = EXIT_FAILED;
	struct reload_words words;
	struct server *server = server_new(); /* plugins may use it as soon as they start */
	struct config *config;

	reload_hold(true);
	upgrade_hold(true);
	if (!server || !reload_words_init(&words, argc, argv)) {
		server_free(server);
		return status;
	}
	serve_watch();
	config = serve_load(ROLE_SERVER, argc, argv, &diag, &status);
	if (config && config->purpose == CONFIG_TO_CHECK)
		admin_socket_check(config, &diag);
	if (!config || !may_start(inheritance, config, &diag)) {
		config_unref(config);
		reload_words_fini(&words);
		server_free(server);
		return status;
	}
	status = EXIT_FAILED;
	if (diag.count == 0)
		sift_kept(inheritance, config);
	reload_hold(config->purpose == CONFIG_TO_RUN);
	upgrade_hold(config->purpose == CONFIG_TO_RUN);
	terms = (struct runtime_terms){ config->settings.server.workers,
		                        config->settings.server.busy_poll_us,
		                        inheritance->heir.is_one };
	if (runtime_start(&runtime, config, &terms, server_revise, server, &diag))
		status = run_or_check(&runtime, server, &words, inheritance);
	reload_words_fini(&words);
	status = serve_end(&runtime, config, &diag, status);
	server_free(server); /* no plugin runs any more */
	return status;
}

int serve_server(int argc, char **argv)
{
	struct inheritance inheritance = { .has_kept_routed = false };
	int status;

	heir_introduce();
	activation_take(&inheritance.activation); /* before a program that prints a secret starts */
	heir_take(&inheritance.heir, &inheritance.activation);
	if (inheritance.heir.is_one)
		readiness_set(true); /* clients are served, by whichever server */
	status = serve_with(&inheritance, argc, argv);
	heir_tell_failure(&inheritance.heir, "it does not start; its messages are in the log");
	activation_close(&inheritance.activation);
	return status;
}
