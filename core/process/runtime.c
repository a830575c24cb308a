#include "process/runtime.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "config/shorthands.h"
#include "doubts/doubts.h"
#include "host/readiness.h"
#include "log/hangs.h"
#include "log/log.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "net/addr.h"
#include "net/resolve.h"
#include "process/complaint.h"
#include "process/limits.h"
#include "process/vitals.h"
#include "process/watchdog.h"
#include "quota/ports.h"
#include "services/host.h"
#include "thread/guest.h"

/* The event loops have 13 descriptors, and loading a plugin takes a few more for a moment. */
enum { DESCRIPTORS_TO_START = 20 };

/* How long the end of the plugins may take. */
enum { PLUGINS_WAIT_MS = 2000 };

/* How long the start may take, not counting the plugins. */
enum { START_MS = 60000 };

/* ---- start ---- */

static bool refuse(const char *what, struct err *err)
{
	err_prefix(err, "%s", what);
	return complain(err->text);
}

static bool start_log(const struct settings *settings, struct err *err)
{
	if (log_start((enum log_level)settings->log.level, (enum log_format)settings->log.format))
		return true;
	err_set_call(err, "eventfd2 or clone3", errno);
	return false;
}

static int64_t limit_ns(int64_t ms)
{
	return ms ? ms * 1000000 : INT64_MAX;
}

static void use_limits(const struct plugin_settings *settings)
{
	guest_set_slow(limit_ns(settings->slow_after));
	readiness_set_limit(limit_ns(settings->unready_after));
}

static void log_start_warnings(const struct runtime *runtime, int64_t workers_asked)
{
	const struct config *config = runtime->config;

	if (workers_asked > runtime->n_workers)
		log_warn("too few file descriptors for the requested workers",
		         log_int("asked", workers_asked), log_int("workers", runtime->n_workers),
		         log_str("raise", "ulimit -n"));
	if (config->secrets_in_list)
		log_info("the secret was split at commas",
		         log_int("secrets", (int64_t)config->secrets_in_list));
}

/* Not an error: the address may come later, for example from another host that fails. */
static const char no_address[] = "no tunnel can open: this host does not have the address";

/* The address of the public ports that this host does not have; NULL: none. A configuration that is
 * only checked binds nothing, so it lacks nothing. */
static const char *find_missing_address(const struct config *config, char text[ADDR_TEXT_SIZE])
{
	const spore_addr *missing = NULL;

	if (config->role == ROLE_SERVER && config->purpose == CONFIG_TO_RUN)
		missing = ports_find_missing(&config->settings.server);
	return missing ? addr_format_ip(missing, text) : NULL;
}

static void warn_of_config(const struct runtime *runtime)
{
	const struct config *config = runtime->config;
	char text[ADDR_TEXT_SIZE];
	const char *missing = find_missing_address(config, text);

	doubts_log(runtime->plugins.set);
	if (missing)
		log_warn(no_address, log_str("bind_tunnels", missing));
}

char *runtime_print_warnings(const struct runtime *runtime)
{
	const struct config *config = runtime->config;
	char *lines = NULL, text[ADDR_TEXT_SIZE];
	const char *missing = find_missing_address(config, text);
	size_t size;
	FILE *out = open_memstream(&lines, &size);

	if (!out)
		return NULL;
	doubts_print(runtime->plugins.set, out);
	if (missing)
		fprintf(out, "%s: bind_tunnels %s\n", no_address, missing);
	fclose(out);
	return lines;
}

static bool start_loops(struct runtime *runtime, int64_t busy_poll_us)
{
	struct err err = { "out of memory" };

	runtime->main_loop = loop_new(runtime->n_workers, &err);
	runtime->loops = calloc(runtime->n_workers, sizeof(struct loop *));
	if (!runtime->main_loop || !runtime->loops)
		return complain(err.text);
	for (unsigned i = 0; i < runtime->n_workers; i++) {
		runtime->loops[i] = loop_new(i, &err);
		if (!runtime->loops[i])
			return complain(err.text);
		loop_set_busy_poll(runtime->loops[i], busy_poll_us);
		if (!loop_start(runtime->loops[i], &err))
			return complain(err.text);
		runtime->n_running++;
	}
	vitals_watch_loops(runtime->metrics, runtime->loops, runtime->n_workers);
	trim_start(&runtime->trim, runtime->main_loop, runtime->loops, runtime->n_workers);
	notify_watch(&runtime->notify, runtime->main_loop);
	return true;
}

static bool start_host(struct runtime *runtime, struct host_services services)
{
	services.metrics = runtime->metrics;
	services.resolver = runtime->resolver;
	services.loops = runtime->loops;
	services.n_workers = runtime->n_workers;
	services.binds_nothing = runtime->config->purpose != CONFIG_TO_RUN;
	runtime->host_ready = host_init(&services);
	return runtime->host_ready || complain("out of memory");
}

static bool start_plugins(struct runtime *runtime, struct diag *diag)
{
	struct err err = { "" };

	if (!plugins_init(&runtime->plugins, runtime->main_loop, runtime->loops, runtime->n_workers,
	                  runtime->metrics, &err))
		return complain(err.text);
	watchdog_catch();
	if (!plugins_load(&runtime->plugins, runtime->config, diag, &err)) {
		if (diag->count == 0)
			complain(err.text);
		return false;
	}
	if (runtime->config->secret_in_arguments)
		log_warn("a secret on the command line is visible to other users",
		         log_str("better", "SPORE_SECRET or --secret-file"));
	warn_of_config(runtime);
	return true;
}

bool runtime_start(struct runtime *runtime, struct config *config,
                   const struct runtime_terms *terms,
                   void (*revise)(void *arg, const struct revision *revision), void *revise_arg,
                   struct diag *diag)
{
	struct err err;

	*runtime = (struct runtime){ .config = config_ref(config), .started_ms = clock_ms() };
	limits_set_up_process();
	runtime->n_workers = limits_choose_workers(terms->workers);
	if (!limits_suffice(DESCRIPTORS_TO_START, "the event loops and the plugins"))
		return false;
	if (!watchdog_start(&err))
		return refuse("cannot start the watchdog", &err);
	use_limits(&config->settings.plugins);
	if (!start_log(&config->settings, &err))
		return refuse("cannot start the log", &err);
	if (config->purpose == CONFIG_TO_RUN) {
		notify_open(&runtime->notify);
		notify_mute(&runtime->notify, terms->is_heir);
		notify_starting(&runtime->notify,
		                config->settings.plugins.start_timeout + START_MS);
	}
	log_start_warnings(runtime, terms->workers);
	runtime->metrics = metrics_new(runtime->n_workers + 1);
	runtime->resolver = resolver_new();
	if (!runtime->metrics || !runtime->resolver)
		return complain("out of memory");
	vitals_init(runtime->metrics, config, runtime->n_workers);
	return start_loops(runtime, terms->busy_poll_us) &&
	       start_host(runtime,
	                  (struct host_services){ .revise = revise, .revise_arg = revise_arg }) &&
	       start_plugins(runtime, diag);
}

void runtime_renew(struct runtime *runtime, struct config *config, struct plugins_draft *draft)
{
	plugins_use(&runtime->plugins, draft);
	config_unref(runtime->config);
	runtime->config = config_ref(config);
	log_set_level((enum log_level)config->settings.log.level);
	warn_of_config(runtime);
	use_limits(&config->settings.plugins);
}

/* ---- stop ---- */

static void stop_loops(struct runtime *runtime)
{
	for (unsigned i = 0; i < runtime->n_running; i++)
		loop_break(runtime->loops[i]);
	for (unsigned i = 0; i < runtime->n_running; i++)
		loop_join(runtime->loops[i]);
}

static void free_loops(struct runtime *runtime)
{
	for (unsigned i = 0; runtime->loops && i < runtime->n_workers; i++)
		loop_free(runtime->loops[i]);
	free(runtime->loops);
	loop_free(runtime->main_loop);
}

static void end_log(void)
{
	hangs_look(); /* logs calls that have returned since the watchdog last looked */
	log_stop();
}

bool runtime_stop(struct runtime *runtime)
{
	bool ended;

	notify_close(&runtime->notify);
	if (runtime->trim.main_loop)
		trim_stop(&runtime->trim);
	watchdog_end_within(WATCHDOG_END_MS);
	if (runtime->plugins.is_abandoned) {
		log_stop(); /* the control thread and the workers still use everything else */
		return false;
	}
	ended = plugins_end(&runtime->plugins, PLUGINS_WAIT_MS);
	stop_loops(runtime);
	ended = resolver_free(runtime->resolver) && ended;
	if (!ended) {
		end_log();
		return false;
	}
	for (unsigned i = 0; i < runtime->n_running; i++)
		loop_finish(runtime->loops[i]);
	plugins_free(&runtime->plugins);
	if (runtime->metrics)
		vitals_forget_loops(runtime->metrics, runtime->n_workers);
	free_loops(runtime);
	if (runtime->host_ready)
		host_fini();
	end_log();
	metrics_free(runtime->metrics);
	config_unref(runtime->config);
	return true;
}
