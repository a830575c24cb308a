#include "reload/reload_job.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "config/config.h"
#include "config/file.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "log/log.h"

static char *print_mistakes(const struct diag *diag)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	diag_print(diag, out);
	fclose(out);
	return text;
}

/* [control] */
static void run_renewal(struct steward_job *steward_job)
{
	struct reload_job *job = CONTAINER_OF(steward_job, struct reload_job, job);

	job->is_good = plugins_renew(&job->draft, &job->renewal);
}

/* Wipes the secrets among the words. */
static bool read_config(struct reload_job *job, struct diag *diag)
{
	return config_load(job->role, job->words.n, job->words.items, diag, &job->config) ==
	               CONFIG_LOADED &&
	       diag->count == 0;
}

static void prepare(struct reload_job *job)
{
	struct diag diag = { 0 };
	struct err err = { "" };

	if (!reload_job_is_given_up(job) && read_config(job, &diag))
		job->is_good = plugins_prepare(&job->draft, job->config, &diag, &err);
	if (job->config)
		file_warn_of_modes(job->config->path);
	if (!job->is_good && diag.count == 0)
		diag_add(&diag, NULL, "%s", err.text);
	if (!job->is_good)
		job->mistakes = print_mistakes(&diag);
	diag_fini(&diag);
}

/* [control] */
static void run(struct steward_job *steward_job)
{
	struct reload_job *job = CONTAINER_OF(steward_job, struct reload_job, job);
	size_t size = 0;
	FILE *copy = open_memstream(&job->warnings, &size);

	log_copy_warnings(copy);
	prepare(job);
	log_copy_warnings(NULL);
	if (copy)
		fclose(copy);
}

static void on_done(struct steward_job *steward_job)
{
	struct reload_job *job = CONTAINER_OF(steward_job, struct reload_job, job);

	job->done(job);
}

static void start_job(struct reload_job *job, struct reload *reload, struct plugins *plugins,
                      int64_t wait_ms, void (*done)(struct reload_job *job))
{
	job->job.done = on_done;
	job->reload = reload;
	job->plugins = plugins;
	job->done = done;
	plugins_draft(plugins, wait_ms, &job->draft);
	steward_give(plugins->steward, &job->job);
}

struct reload_job *reload_job_start(struct reload *reload, struct plugins *plugins, unsigned role,
                                    const struct reload_words *words, int64_t wait_ms,
                                    void (*done)(struct reload_job *job))
{
	struct reload_job *job = calloc(1, sizeof *job);

	if (!job)
		return NULL;
	if (!reload_words_init(&job->words, words->n, words->items)) {
		reload_words_fini(&job->words);
		free(job);
		return NULL;
	}
	job->role = role;
	job->job.run = run;
	start_job(job, reload, plugins, wait_ms, done);
	return job;
}

struct reload_job *reload_job_start_renewal(struct reload *reload, struct plugins *plugins,
                                            struct renewal *renewal, int64_t wait_ms,
                                            void (*done)(struct reload_job *job))
{
	struct reload_job *job = calloc(1, sizeof *job);

	if (!job)
		return NULL;
	job->renewal = *renewal;
	*renewal = (struct renewal){ NULL, 0 };
	job->job.run = run_renewal;
	start_job(job, reload, plugins, wait_ms, done);
	return job;
}

void reload_job_give_up(struct reload_job *job)
{
	atomic_store(&job->draft.is_given_up, true);
}

bool reload_job_is_given_up(const struct reload_job *job)
{
	return atomic_load(&job->draft.is_given_up);
}

void reload_job_free(struct reload_job *job)
{
	plugins_drop(job->plugins, &job->draft);
	renewal_fini(&job->renewal);
	config_unref(job->config);
	reload_words_fini(&job->words);
	free(job->mistakes);
	free(job->warnings);
	free(job);
}
