#include "process/runtime.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "config/shorthands.h"
#include "host/host.h"
#include "host/readiness.h"
#include "log/hangs.h"
#include "log/log.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "net/resolve.h"
#include "process/limits.h"
#include "process/vitals.h"
#include "process/watchdog.h"
#include "thread/guest.h"

enum { PLUGINS_WAIT_MS = 2000 };

static bool print_error(const char *what)
{
	fprintf(stderr, "error: %s\n", what);
	return false;
}

/* ---- start ---- */

static bool start_log(const struct settings *settings)
{
	return log_start((enum log_level)settings->log.level,
	                 (enum log_format)settings->log.format);
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

/* Not an error: an open server is what bore's default is. */
static void warn_of_open_server(const struct config *config)
{
	if (config->role == ROLE_SERVER && config->chains[CHAIN_AUTH].n == 0)
		log_warn("no authentication: anybody who reaches the control port may open tunnels",
		         log_str("remedy", "give a secret, or a section auth"));
}

static bool start_loops(struct runtime *runtime, int64_t busy_poll_us)
{
	struct err err = { "out of memory" };

	runtime->main_loop = loop_new(runtime->n_workers, &err);
	runtime->loops = calloc(runtime->n_workers, sizeof(struct loop *));
	if (!runtime->main_loop || !runtime->loops)
		return print_error(err.text);
	for (unsigned i = 0; i < runtime->n_workers; i++) {
		runtime->loops[i] = loop_new(i, &err);
		if (!runtime->loops[i])
			return print_error(err.text);
		loop_set_busy_poll(runtime->loops[i], busy_poll_us);
		if (!loop_start(runtime->loops[i], &err))
			return print_error(err.text);
		runtime->n_running++;
	}
	trim_start(&runtime->trim, runtime->main_loop, runtime->loops, runtime->n_workers);
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
	return runtime->host_ready || print_error("out of memory");
}

static bool start_plugins(struct runtime *runtime, struct diag *diag)
{
	struct err err = { "" };

	if (!plugins_init(&runtime->plugins, runtime->main_loop, runtime->loops, runtime->n_workers,
	                  runtime->metrics, &err))
		return print_error(err.text);
	watchdog_catch();
	if (!plugins_load(&runtime->plugins, runtime->config, diag, &err)) {
		if (diag->count == 0)
			print_error(err.text);
		return false;
	}
	if (runtime->config->secret_in_arguments)
		log_warn("a secret on the command line is visible to other users",
		         log_str("better", "SPORE_SECRET or --secret-file"));
	warn_of_open_server(runtime->config);
	return true;
}

bool runtime_start(struct runtime *runtime, struct config *config,
                   const struct runtime_terms *terms,
                   void (*revalidate)(void *arg, struct instance *instance, spore_str identity,
                                      int32_t verdict, struct grant *grant),
                   void *revalidate_arg, struct diag *diag)
{
	*runtime = (struct runtime){ .config = config_ref(config), .started_ms = clock_ms() };
	limits_set_up_process();
	runtime->n_workers = limits_choose_workers(terms->workers);
	if (!watchdog_start())
		return print_error("cannot start the watchdog thread");
	use_limits(&config->settings.plugins);
	if (!start_log(&config->settings))
		return print_error("cannot start the log thread");
	log_start_warnings(runtime, terms->workers);
	runtime->metrics = metrics_new(runtime->n_workers + 1);
	runtime->resolver = resolver_new();
	if (!runtime->metrics || !runtime->resolver)
		return print_error("out of memory");
	vitals_init(runtime->metrics, config, runtime->n_workers);
	return start_loops(runtime, terms->busy_poll_us) &&
	       start_host(runtime, (struct host_services){ .revalidate = revalidate,
	                                                   .revalidate_arg = revalidate_arg }) &&
	       start_plugins(runtime, diag);
}

void runtime_renew(struct runtime *runtime, struct config *config, struct plugins_draft *draft)
{
	plugins_use(&runtime->plugins, draft);
	config_unref(runtime->config);
	runtime->config = config_ref(config);
	log_set_level((enum log_level)config->settings.log.level);
	warn_of_open_server(config);
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
	hangs_look(); /* what has returned since the watchdog looked */
	log_stop();
}

bool runtime_stop(struct runtime *runtime)
{
	bool ended;

	if (runtime->trim.main_loop)
		trim_stop(&runtime->trim);
	watchdog_end_within(WATCHDOG_END_MS);
	if (runtime->plugins.is_abandoned) {
		log_stop(); /* nothing else may end while the control thread and workers use it */
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
	free_loops(runtime);
	if (runtime->host_ready)
		host_fini();
	end_log();
	metrics_free(runtime->metrics);
	config_unref(runtime->config);
	return true;
}
