/* draft_scene - prepares the plugins of another configuration as a reload does: on the control
 * thread. The test is main, and waits. */
#ifndef UNIT_DRAFT_SCENE_H
#define UNIT_DRAFT_SCENE_H

#include "base/container.h"
#include "process/plugins.h"
#include "process/steward.h"
#include "suite.h"

enum { DRAFT_SCENE_MS = 10000 };

struct draft_scene {
	struct steward_job job;
	struct plugins_draft draft;
	struct config *config;
	struct diag *diag;
	struct err err;
	bool is_good;
};

static inline void draft_scene_run(struct steward_job *job)
{
	struct draft_scene *scene = CONTAINER_OF(job, struct draft_scene, job);

	scene->is_good = plugins_prepare(&scene->draft, scene->config, scene->diag, &scene->err);
}

static inline void draft_scene_done(struct steward_job *job)
{
	(void)job;
}

/* The caller ends it with plugins_drop. */
static inline bool draft_scene_prepare(struct draft_scene *scene, struct plugins *plugins,
                                       struct config *config, struct diag *diag)
{
	*scene = (struct draft_scene){ .job = { .run = draft_scene_run, .done = draft_scene_done },
		                       .config = config,
		                       .diag = diag };
	plugins_draft(plugins, DRAFT_SCENE_MS, &scene->draft);
	steward_give(plugins->steward, &scene->job);
	ck_assert_int_eq(steward_wait(plugins->steward, DRAFT_SCENE_MS), STEWARD_DONE);
	return scene->is_good;
}

#endif
