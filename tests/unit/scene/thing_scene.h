/* thing_scene - a component without any behaviour, whose instance calls the host. */
#ifndef UNIT_THING_SCENE_H
#define UNIT_THING_SCENE_H

#include "scene/component_scene.h"
#include "services/host.h"

static inline spore_status thing_scene_create(const spore_create_args *args, void **instance_out)
{
	*instance_out = args->ctx;
	return SPORE_OK;
}

static inline void thing_scene_destroy(void *instance)
{
	(void)instance;
}

static const spore_component thing_scene = {
	.struct_size = offsetof(spore_component, worker_start),
	.kind = SPORE_KIND_METRICS,
	.name = "thing",
	.create = thing_scene_create,
	.destroy = thing_scene_destroy,
};

static inline spore_ctx *thing_scene_ctx_of(const struct component_scene *scene)
{
	return scene->instance->self;
}

#endif
