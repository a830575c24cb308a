#include "process/plugins.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "chain/retirer.h"
#include "chain/set_builder.h"
#include "chain/twins.h"
#include "doubts/cut_off_doubts.h"
#include "doubts/doubts.h"
#include "inventory/plugin_path.h"
#include "metrics/families.h"
#include "process/culprit.h"
#include "secret/output.h"
#include "services/host.h"

/* Main waits this much longer than the control thread, which ends by itself unless a call into a
 * plugin does not return. */
enum { MARGIN_MS = 200 };

/* ---- preparing a set ---- */

/* The files of plugins belong to the files of the configuration, wherever they are. [control] */
static void note_file(void *arg, const char *path)
{
	struct config *config = arg;

	files_note(&config->files, config->doc, path);
}

/* NULL, or mistakes in the diag: the set cannot be used. [control] */
static struct plugin_set *make_set(struct plugins_draft *draft, struct config *config,
                                   struct diag *diag)
{
	const struct plugins *plugins = draft->plugins;
	struct registry registry = { .loader = draft->loader,
		                     .on_look = note_file,
		                     .look_arg = config };
	struct plugin_set_spec spec = { config, &registry, plugins->retirer, plugins->n_workers,
		                        draft->previous };
	struct plugin_set *set = NULL;

	retirer_set_generation(plugins->retirer, draft->generation);
	if (plugin_path_set_up(&registry, config, diag)) {
		plugin_path_warn(&registry, config);
		set = set_builder_build(&spec, diag);
	}
	twins_refuse(config, set, draft->previous, diag);
	if (set) {
		doubts_find(set);
		cut_off_doubts_find(set, draft->previous);
	}
	draft->loader = registry.loader; /* loaded files are never unloaded */
	return set;
}

bool plugins_prepare(struct plugins_draft *draft, struct config *config, struct diag *diag,
                     struct err *err)
{
	err_set(err, "nobody waits for it any more");
	draft->set = make_set(draft, config, diag);
	if (!draft->set || diag->count > 0 || atomic_load(&draft->is_given_up))
		return false;
	return plugin_set_start(draft->set, config->purpose == CONFIG_TO_RUN, draft->plugins->loops,
	                        &draft->patience, err);
}

bool plugins_renew(struct plugins_draft *draft, struct renewal *renewal)
{
	const struct plugins *plugins = draft->plugins;
	struct renewal_terms terms = { .set = draft->previous,
		                       .retirer = plugins->retirer,
		                       .loops = plugins->loops,
		                       .n_workers = plugins->n_workers,
		                       .patience = &draft->patience };

	if (atomic_load(&draft->is_given_up))
		return false;
	draft->generation--; /* that of the running set: the configuration stays */
	retirer_set_generation(plugins->retirer, draft->generation);
	draft->set = renewal_make(renewal, &terms);
	return draft->set && !atomic_load(&draft->is_given_up);
}

void plugins_draft(const struct plugins *plugins, int64_t wait_ms, struct plugins_draft *draft_out)
{
	*draft_out = (struct plugins_draft){
		.plugins = plugins,
		.loader = plugins->loader,
		.previous = plugins->set ? plugin_set_ref(plugins->set) : NULL,
		/* The first set has the generation that `plugins` began with. */
		.generation = plugins->generation + (plugins->set ? 1 : 0),
		.patience = { clock_ms() + wait_ms, &draft_out->is_given_up },
	};
}

void plugins_use(struct plugins *plugins, struct plugins_draft *draft)
{
	struct plugin_set *old = plugins->set;

	plugins->set = draft->set;
	plugins->generation = draft->generation;
	draft->set = NULL;
	if (!old)
		return;
	plugin_set_end_exporters(old);
	plugin_set_unref(old);
}

void plugins_drop(struct plugins *plugins, struct plugins_draft *draft)
{
	plugins->loader = draft->loader;
	plugin_set_unref(draft->previous);
	plugin_set_unref(draft->set);
}

/* ---- exporters end before the set ---- */

/* [control] */
static void run_nothing(struct steward_job *job)
{
	(void)job;
}

/* [main] */
static void on_unread(struct steward_job *job)
{
	struct plugins *plugins = CONTAINER_OF(job, struct plugins, listeners_end);

	if (plugins->set) /* the process does not end yet */
		plugin_set_end_listeners(plugins->set);
}

void plugins_end_listeners(struct plugins *plugins)
{
	plugins->listeners_end = (struct steward_job){ .run = run_nothing, .done = on_unread };
	steward_give(plugins->steward, &plugins->listeners_end);
}

bool plugins_end_exporters(struct plugins *plugins)
{
	if (!steward_is_idle(plugins->steward))
		return false;
	plugin_set_end_exporters(plugins->set);
	return true;
}

/* ---- the first set ---- */

struct load {
	struct steward_job job;
	struct plugins *plugins;
	struct plugins_draft draft;
	struct config *config; /* ref */
	/* The job has a diag and an err of its own, since it may outlast plugins_load. Those of the
	 * caller are written when it is done. */
	struct diag *diag, own_diag;
	struct err *err, own_err;
	bool is_good;
};

/* [control] */
static void run_load(struct steward_job *job)
{
	struct load *load = CONTAINER_OF(job, struct load, job);
	unsigned before = load->own_diag.count;

	load->is_good = plugins_prepare(&load->draft, load->config, &load->own_diag,
	                                &load->own_err);
	/* Mistakes of plugins, such as a missing secrets file, are not usage errors, unless a flag
	 * lacks others. */
	if (load->own_diag.count > before)
		load->own_diag.count_elsewhere = load->own_diag.count -
		                                 load->own_diag.count_lacking;
}

/* [main] */
static void on_loaded(struct steward_job *job)
{
	struct load *load = CONTAINER_OF(job, struct load, job);

	*load->diag = load->own_diag;
	*load->err = load->own_err;
	if (load->is_good)
		plugins_use(load->plugins, &load->draft);
	plugins_drop(load->plugins, &load->draft);
	config_unref(load->config);
	free(load);
}

static void explain_end(const struct config *config, enum steward_end end, struct err *err)
{
	const char *what = config->purpose == CONFIG_TO_RUN ? "start" : "check";
	char culprit[CULPRIT_TEXT_SIZE];

	culprit_describe(culprit); /* may name the program that ends now */
	output_end_program();
	if (end == STEWARD_SIGNALLED)
		err_set(err, "the %s was interrupted by a signal: %s", what, culprit);
	else
		err_set(err, "the %s was given up after %lld ms (plugins.start_timeout): %s", what,
		        (long long)config->settings.plugins.start_timeout, culprit);
}

bool plugins_load(struct plugins *plugins, struct config *config, struct diag *diag,
                  struct err *err)
{
	struct load *load = calloc(1, sizeof *load);
	int64_t wait_ms = config->settings.plugins.start_timeout;
	enum steward_end end;

	err_set(err, "out of memory");
	if (!load)
		return false;
	*load = (struct load){ .job = { .run = run_load, .done = on_loaded },
		               .plugins = plugins,
		               .config = config_ref(config),
		               .diag = diag,
		               .own_diag = *diag,
		               .err = err };
	*diag = (struct diag){ 0 };
	plugins_draft(plugins, wait_ms, &load->draft);
	steward_give(plugins->steward, &load->job);
	end = steward_wait(plugins->steward, wait_ms + MARGIN_MS);
	if (end == STEWARD_DONE)
		return plugins->set != NULL;
	/* The job still uses its memory. The process ends. */
	plugins->is_abandoned = true;
	explain_end(config, end, err);
	return false;
}

/* ---- start and end ---- */

/* [any] */
static double read_generations(void *retirer)
{
	return retirer_generations(retirer);
}

/* Makes the metrics call `read` for the number of generations. NULL: they no longer call anything,
 * and keep the last value. */
static void sample_generations(const struct plugins *plugins, double (*read)(void *arg))
{
	metrics_sample(plugins->metrics,
	               family_series(plugins->metrics, FAMILY_PLUGIN_GENERATIONS, NULL), read,
	               plugins->retirer);
}

bool plugins_init(struct plugins *plugins, struct loop *main_loop, struct loop *const *loops,
                  unsigned n_workers, struct metrics *metrics, struct err *err)
{
	*plugins = (struct plugins){ .loops = loops,
		                     .n_workers = n_workers,
		                     .metrics = metrics,
		                     .loader.get_extension = host_get_extension,
		                     .generation = 1 };
	plugins->steward = steward_new(main_loop, n_workers + 1, err);
	if (!plugins->steward)
		return false;
	plugins->retirer = retirer_new(steward_loop(plugins->steward));
	if (!plugins->retirer) {
		err_set(err, "out of memory");
		return false;
	}
	sample_generations(plugins, read_generations);
	return true;
}

struct finish {
	struct retirer *retirer;
	int64_t wait_ms;
	bool done;
};

/* [control] */
static void run_finish(void *arg)
{
	struct finish *finish = arg;

	finish->done = !finish->retirer || retirer_finish(finish->retirer, finish->wait_ms);
}

bool plugins_end(struct plugins *plugins, int64_t wait_ms)
{
	struct finish finish = { plugins->retirer, wait_ms, true };

	if (plugins->is_abandoned)
		return false;
	plugin_set_unref(plugins->set);
	plugins->set = NULL;
	if (plugins->steward)
		steward_stop(plugins->steward, run_finish, &finish);
	return finish.done;
}

void plugins_free(struct plugins *plugins)
{
	if (plugins->retirer)
		sample_generations(plugins, NULL);
	retirer_free(plugins->retirer);
	steward_free(plugins->steward);
	loader_fini(&plugins->loader);
	plugins->retirer = NULL;
	plugins->steward = NULL;
}
