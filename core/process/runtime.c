#include "process/runtime.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/descriptors.h"
#include "chain/retirer.h"
#include "host/host.h"
#include "inventory/plugin_path.h"
#include "log/crash.h"
#include "log/guest.h"
#include "log/log.h"
#include "loop/loop.h"
#include "metrics/families.h"
#include "net/resolve.h"
#include "net/sock.h"
#include "process/vitals.h"
#include "process/watchdog.h"

/* A worker has three descriptors of its own; what it does takes more. */
enum { MAX_WORKERS = 256, WORKER_DESCRIPTORS = 32, STOP_WAIT_MS = 2000 };

/* ---- the process ---- */

static void set_limits(void)
{
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	guest_thread_begin("main");
	crash_stack_new(); /* until the end of the process */
	crash_catch();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

void runtime_forbid_core(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

static unsigned count_cpus(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;
}

/* As many as asked for, or one a CPU, but no more than the descriptors will do for. */
static unsigned choose_workers(int64_t asked)
{
	unsigned most = descriptors_max() / WORKER_DESCRIPTORS;
	unsigned n = asked ? (unsigned)asked : count_cpus();

	if (most > MAX_WORKERS)
		most = MAX_WORKERS;
	if (most == 0)
		most = 1;
	return n < most ? n : most;
}

/* ---- life ---- */

static bool fail(const char *what)
{
	fprintf(stderr, "error: %s\n", what);
	return false;
}

static bool start_loops(struct runtime *runtime, int64_t busy_poll_us)
{
	struct err err = { "out of memory" };

	runtime->main_loop = loop_new(runtime->n_workers, &err);
	runtime->loops = calloc(runtime->n_workers, sizeof(struct loop *));
	if (!runtime->main_loop || !runtime->loops)
		return fail(err.text);
	for (unsigned i = 0; i < runtime->n_workers; i++) {
		runtime->loops[i] = loop_new(i, &err);
		if (!runtime->loops[i])
			return fail(err.text);
		loop_set_busy_poll(runtime->loops[i], busy_poll_us);
		if (!loop_start(runtime->loops[i], &err))
			return fail(err.text);
		runtime->n_running++;
	}
	return true;
}

static struct plugin_set *make_set(const struct runtime *runtime, struct config *config,
                                   struct registry *registry, struct diag *diag)
{
	struct plugin_set_spec spec = { config, registry, runtime->retirer, runtime->n_workers,
		                        runtime->set };

	plugin_path_warn(registry);
	return plugin_set_new(&spec, diag);
}

/* A plugin's file is one of the configuration's, wherever it may come to lie. */
static void on_look(void *arg, const char *path)
{
	struct config *config = arg;

	files_note(&config->files, config->doc, path);
}

static struct registry new_registry(const struct loader *loader, struct config *config)
{
	return (struct registry){ .loader = *loader, .on_look = on_look, .look_arg = config };
}

static bool load_plugins(struct runtime *runtime, struct diag *diag)
{
	unsigned before = diag->count;
	struct err err;

	runtime->registry = new_registry(&(struct loader){ .get_extension = host_get_extension },
	                                 runtime->config);
	if (plugin_path_set_up(&runtime->registry, runtime->config, diag))
		runtime->set = make_set(runtime, runtime->config, &runtime->registry, diag);
	if (diag->count > before)
		diag->count_elsewhere =
			diag->count; /* a secret's missing file, say, is no wrong usage */
	if (diag->count > 0)
		return false;
	if (runtime->config->secret_in_arguments)
		log_warn("a secret on the command line can be seen by others",
		         log_str("better", "SPORE_SECRET or --secret-file"));
	return (runtime->config->purpose == CONFIG_TO_RUN
	                ? plugin_set_start
	                : plugin_set_start_but_exporters)(runtime->set, runtime->loops, &err) ||
	       fail(err.text);
}

static uint32_t generations_series(const struct runtime *runtime)
{
	return family_series(runtime->metrics, FAMILY_PLUGIN_GENERATIONS, NULL);
}

static double read_generations(void *retirer)
{
	return retirer_generations(retirer);
}

static void watch_generations(const struct runtime *runtime)
{
	metrics_sample(runtime->metrics, generations_series(runtime), read_generations,
	               runtime->retirer);
}

bool runtime_start(struct runtime *runtime, struct config *config,
                   const struct runtime_terms *terms,
                   void (*revalidate)(void *arg, struct instance *instance, spore_str identity,
                                      int32_t verdict, struct grant *grant),
                   void *revalidate_arg, struct diag *diag)
{
	struct host_services services = { .revalidate = revalidate,
		                          .revalidate_arg = revalidate_arg,
		                          .binds_nothing = config->purpose != CONFIG_TO_RUN };

	*runtime = (struct runtime){ .config = config_ref(config),
		                     .generation = 1,
		                     .started_ms = clock_ms() };
	set_limits();
	runtime->n_workers = choose_workers(terms->workers);
	if (!watchdog_start())
		return fail("cannot start the watchdog's thread");
	if (!log_start((enum log_level)config->settings.log.level,
	               (enum log_format)config->settings.log.format))
		return fail("cannot start the log's thread");
	if (terms->workers > runtime->n_workers)
		log_warn("too few descriptors for so many workers",
		         log_int("asked", terms->workers), log_int("workers", runtime->n_workers),
		         log_str("raise", "ulimit -n"));
	if (config->secrets_in_list)
		log_info("the secret was split at its commas",
		         log_int("secrets", (int64_t)config->secrets_in_list));
	runtime->metrics = metrics_new(runtime->n_workers + 1);
	runtime->resolver = resolver_new();
	if (!runtime->metrics || !runtime->resolver)
		return fail("out of memory");
	vitals_init(runtime->metrics, config, runtime->n_workers);
	if (!start_loops(runtime, terms->busy_poll_us))
		return false;
	trim_start(&runtime->trim, runtime->main_loop, runtime->loops, runtime->n_workers);
	runtime->retirer = retirer_new(runtime->main_loop);
	if (!runtime->retirer)
		return fail("out of memory");
	watch_generations(runtime);
	services.metrics = runtime->metrics;
	services.resolver = runtime->resolver;
	services.loops = runtime->loops;
	services.n_workers = runtime->n_workers;
	runtime->host_ready = host_init(&services);
	if (!runtime->host_ready)
		return fail("out of memory");
	return load_plugins(runtime, diag);
}

bool runtime_renew(struct runtime *runtime, struct config *config, const struct runtime_swap *swap,
                   struct diag *diag)
{
	struct registry registry = new_registry(&runtime->registry.loader, config);
	struct plugin_set *set = NULL, *old = runtime->set;
	struct err err = { "" };
	bool good;

	retirer_set_generation(runtime->retirer, runtime->generation + 1);
	if (plugin_path_set_up(&registry, config, diag))
		set = make_set(runtime, config, &registry, diag);
	runtime->registry.loader = registry.loader; /* what was loaded stays loaded */
	good = set && diag->count == 0 && plugin_set_start(set, runtime->loops, &err) &&
	       swap->take(set, swap->arg, &err);
	if (!good) {
		if (err.text[0])
			diag_add(diag, NULL, "%s", err.text);
		plugin_set_unref(set);
		return false;
	}
	runtime->registry = registry;
	runtime->set = set;
	runtime->generation++;
	plugin_set_end_exporters(old);
	plugin_set_unref(old);
	config_unref(runtime->config);
	runtime->config = config_ref(config);
	log_set_level((enum log_level)config->settings.log.level);
	return true;
}

static void stop_loops(struct runtime *runtime)
{
	for (unsigned i = 0; i < runtime->n_running; i++)
		loop_break(runtime->loops[i]);
	for (unsigned i = 0; i < runtime->n_running; i++)
		loop_join(runtime->loops[i]);
}

bool runtime_stop(struct runtime *runtime)
{
	bool ended;

	if (runtime->trim.main_loop)
		trim_stop(&runtime->trim);
	watchdog_end_within(WATCHDOG_END_MS);
	plugin_set_unref(runtime->set);
	ended = !runtime->retirer || retirer_finish(runtime->retirer, STOP_WAIT_MS);
	stop_loops(runtime);
	ended = resolver_free(runtime->resolver) && ended;
	if (!ended) {
		log_stop();
		return false;
	}
	for (unsigned i = 0; i < runtime->n_running; i++)
		loop_finish(runtime->loops[i]);
	if (runtime->retirer)
		metrics_sample(runtime->metrics, generations_series(runtime), NULL, NULL);
	retirer_free(runtime->retirer);
	for (unsigned i = 0; runtime->loops && i < runtime->n_workers; i++)
		loop_free(runtime->loops[i]);
	free(runtime->loops);
	loop_free(runtime->main_loop);
	if (runtime->host_ready)
		host_fini();
	loader_fini(&runtime->registry.loader);
	log_stop();
	metrics_free(runtime->metrics);
	config_unref(runtime->config);
	return true;
}

static void warn_capped(const char *flag, int64_t asked, int got, const char *sysctl)
{
	if (got < asked)
		log_warn("the kernel capped a socket buffer", log_str("flag", flag),
		         log_int("asked", asked), log_int("got", got), log_str("raise", sysctl));
}

void runtime_check_buffers(int64_t send, int64_t receive)
{
	struct sock_sizes asked = { (int)send, (int)receive }, got;

	if (sock_sizes_hold(&asked, &got))
		return;
	warn_capped("--sndbuf", send, got.send, "sysctl net.core.wmem_max");
	warn_capped("--recbuf", receive, got.receive, "sysctl net.core.rmem_max");
}
