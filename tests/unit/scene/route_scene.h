/* route_scene - a chain with one route, which the test itself holds. The first line of a visitor is
 * the name that it wants; "-" is none, "!" is malformed, and "?" another protocol. */
#ifndef UNIT_ROUTE_SCENE_H
#define UNIT_ROUTE_SCENE_H

#include <spore/route.h>
#include <stdatomic.h>

#include "chain/plugin_set.h"
#include "scene/component_scene.h"

struct route_scene {
	struct component_scene it;
	struct chain *chain;
};

static atomic_uint route_scene_looks; /* how often a route has looked */

static inline spore_status route_scene_create(const spore_create_args *args, void **instance_out)
{
	(void)args;
	*instance_out = &route_scene_looks;
	return SPORE_OK;
}

static inline void route_scene_destroy(void *instance)
{
	(void)instance;
}

static inline int32_t route_scene_look(void *state, const spore_route_query *query,
                                       spore_route_result *out)
{
	const char *line = query->head.ptr;
	const char *end = query->head.len ? memchr(line, '\n', query->head.len) : NULL;
	size_t len = end ? (size_t)(end - line) : 0;

	(void)state;
	route_scene_looks++;
	if (!end)
		return SPORE_ROUTE_MORE;
	if (len == 1 && strchr("-!?", line[0])) {
		strcpy(out->reason, "a mark");
		return line[0] == '-' ? SPORE_ROUTE_NONE : line[0] == '!' ? SPORE_DENY : SPORE_NEXT;
	}
	memcpy(out->name, line, len < sizeof out->name ? len : sizeof out->name);
	return SPORE_ROUTE_NAME;
}

static const spore_route_ops route_scene_ops = { .struct_size = sizeof route_scene_ops,
	                                         .look = route_scene_look };
static const spore_component route_scene_component = {
	.struct_size = sizeof route_scene_component,
	.kind = SPORE_KIND_ROUTE,
	.name = "line",
	.ops = &route_scene_ops,
	.create = route_scene_create,
	.destroy = route_scene_destroy,
};

static inline void route_scene_open(struct route_scene *scene)
{
	route_scene_looks = 0;
	component_scene_open(&scene->it, &route_scene_component);
	scene->chain = calloc(1, sizeof *scene->chain + sizeof(struct instance *));
	ck_assert_ptr_nonnull(scene->chain);
	scene->chain->refs = 1;
	scene->chain->n = 1;
	scene->chain->items[0] = scene->it.instance;
}

/* The chain must not be in use any more. */
static inline void route_scene_close(struct route_scene *scene)
{
	ck_assert_uint_eq(scene->chain->refs, 1);
	free(scene->chain);
	component_scene_close(&scene->it);
}

#endif
