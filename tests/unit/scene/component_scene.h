/* component_scene - a host_scene and one instance of a component that the test defines itself. */
#ifndef UNIT_COMPONENT_SCENE_H
#define UNIT_COMPONENT_SCENE_H

#include "scene/host_scene.h"

struct component_scene {
	struct host_scene host;
	struct instance *instance;
	char report[256]; /* the last mistake that create() reported, as "POINTER: TEXT" */
	struct err err;
};

static inline void component_scene_report(void *arg, const char *pointer, const char *text)
{
	struct component_scene *scene = arg;

	snprintf(scene->report, sizeof scene->report, "%s: %s", pointer, text);
}

/* Makes the instance "it"; NULL: scene->err says why. */
static inline struct instance *component_scene_make(struct component_scene *scene,
                                                    const spore_component *component)
{
	const struct instance_spec spec = {
		.component = component,
		.name = "it",
		.conf = calloc(1, component->conf_size + 1),
		.role = SPORE_ROLE_SERVER,
		.point = 1,
		.host = host_table(),
		.metrics = scene->host.services.metrics,
		.resolver = scene->host.services.resolver,
		.report = component_scene_report,
		.report_arg = scene,
	};

	return instance_new(&spec, 1, &scene->err);
}

/* The instance, made and started. */
static inline void component_scene_open(struct component_scene *scene,
                                        const spore_component *component)
{
	*scene = (struct component_scene){ .report = "" };
	host_scene_open(&scene->host);
	scene->instance = component_scene_make(scene, component);
	ck_assert_msg(scene->instance != NULL, "%s", scene->err.text);
	ck_assert_msg(instance_start(scene->instance, scene->host.loops, &scene->err), "%s",
	              scene->err.text);
}

static inline bool component_scene_is_stopped(void *instance)
{
	return instance_stop(instance);
}

/* Stops and frees the instance, if there is one. */
static inline void component_scene_close(struct component_scene *scene)
{
	if (scene->instance)
		ck_assert(host_scene_wait(component_scene_is_stopped, scene->instance));
	instance_free(scene->instance);
	host_scene_close(&scene->host);
}

#endif
