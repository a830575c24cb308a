#include "process/plugins.h"

#include "chain/retirer.h"
#include "host/host.h"
#include "inventory/plugin_path.h"
#include "metrics/families.h"

/* ---- loading ---- */

/* The files of plugins belong to the files of the configuration, wherever they are. */
static void note_file(void *arg, const char *path)
{
	struct config *config = arg;

	files_note(&config->files, config->doc, path);
}

static struct registry make_registry(const struct loader *loader, struct config *config)
{
	return (struct registry){ .loader = *loader, .on_look = note_file, .look_arg = config };
}

/* NULL, or mistakes in the diag: the set cannot be used. */
static struct plugin_set *make_set(const struct plugins *plugins, struct config *config,
                                   struct registry *registry, struct diag *diag)
{
	struct plugin_set_spec spec = { config, registry, plugins->retirer, plugins->n_workers,
		                        plugins->set };

	if (!plugin_path_set_up(registry, config, diag))
		return NULL;
	plugin_path_warn(registry);
	return plugin_set_new(&spec, diag);
}

bool plugins_load(struct plugins *plugins, struct config *config, struct diag *diag,
                  struct err *err)
{
	unsigned before = diag->count;

	plugins->registry = make_registry(&(struct loader){ .get_extension = host_get_extension },
	                                  config);
	plugins->set = make_set(plugins, config, &plugins->registry, diag);
	/* Mistakes of plugins, such as a missing secrets file, are not usage errors. */
	if (diag->count > before)
		diag->count_elsewhere = diag->count;
	if (diag->count > 0)
		return false;
	return plugin_set_start(plugins->set, config->purpose == CONFIG_TO_RUN, plugins->loops,
	                        err);
}

bool plugins_renew(struct plugins *plugins, struct config *config, const struct plugins_swap *swap,
                   struct diag *diag)
{
	struct registry registry = make_registry(&plugins->registry.loader, config);
	struct plugin_set *set, *old = plugins->set;
	struct err err = { "" };

	retirer_set_generation(plugins->retirer, plugins->generation + 1);
	set = make_set(plugins, config, &registry, diag);
	plugins->registry.loader = registry.loader; /* loaded files are never unloaded */
	if (!set || diag->count > 0 || !plugin_set_start(set, true, plugins->loops, &err) ||
	    !swap->take(set, swap->arg, &err)) {
		if (err.text[0])
			diag_add(diag, NULL, "%s", err.text);
		plugin_set_unref(set);
		return false;
	}
	plugins->registry = registry;
	plugins->set = set;
	plugins->generation++;
	plugin_set_end_exporters(old);
	plugin_set_unref(old);
	return true;
}

/* ---- start and end ---- */

/* [any] */
static double read_generations(void *retirer)
{
	return retirer_generations(retirer);
}

static void sample_generations(const struct plugins *plugins, double (*read)(void *arg))
{
	metrics_sample(plugins->metrics,
	               family_series(plugins->metrics, FAMILY_PLUGIN_GENERATIONS, NULL), read,
	               plugins->retirer);
}

bool plugins_init(struct plugins *plugins, struct loop *main_loop, struct loop *const *loops,
                  unsigned n_workers, struct metrics *metrics)
{
	*plugins = (struct plugins){ .loops = loops,
		                     .n_workers = n_workers,
		                     .metrics = metrics,
		                     .retirer = retirer_new(main_loop),
		                     .generation = 1 };
	if (!plugins->retirer)
		return false;
	sample_generations(plugins, read_generations);
	return true;
}

bool plugins_end(struct plugins *plugins, int64_t wait_ms)
{
	plugin_set_unref(plugins->set);
	plugins->set = NULL;
	return !plugins->retirer || retirer_finish(plugins->retirer, wait_ms);
}

void plugins_free(struct plugins *plugins)
{
	if (plugins->retirer)
		sample_generations(plugins, NULL);
	retirer_free(plugins->retirer);
	loader_fini(&plugins->registry.loader);
	plugins->retirer = NULL;
}
