/* event_scene - a plugin set whose only instances are listeners for events, of a component that the
 * test itself holds. It keeps copies of what it takes. */
#ifndef UNIT_EVENT_SCENE_H
#define UNIT_EVENT_SCENE_H

#include <pthread.h>
#include <stdatomic.h>

#include "chain/event_queue.h"
#include "chain/event_record.h"
#include "scene/host_scene.h"
#include "thread/guest.h"

enum { EVENT_SCENE_MOST = 64 };

/* One listener: the plugin's instance. */
struct event_ear {
	pthread_mutex_t gate; /* take() holds it while it runs */
	const char *name;
	struct event_record *got[EVENT_SCENE_MOST];
	uint64_t dropped; /* of all batches */
	atomic_uint n;
	atomic_bool is_inside;
};

struct event_scene {
	struct host_scene host;
	struct config *config;
	struct chain *chain;
	struct chain *chains[N_CHAINS];
	struct plugin_set set;
};

static inline spore_status event_scene_create(const spore_create_args *args, void **instance_out)
{
	struct event_ear *ear = calloc(1, sizeof *ear);

	ck_assert_ptr_nonnull(ear);
	pthread_mutex_init(&ear->gate, NULL);
	ear->name = args->instance;
	*instance_out = ear;
	return SPORE_OK;
}

static inline void event_scene_destroy(void *instance)
{
	struct event_ear *ear = instance;

	for (unsigned i = 0; i < ear->n; i++)
		event_record_unref(ear->got[i]);
	free(ear);
}

static inline void event_scene_take(void *instance, const spore_event_batch *batch)
{
	struct event_ear *ear = instance;

	ck_assert(!atomic_exchange(&ear->is_inside, true));
	ck_assert_uint_eq(batch->struct_size, sizeof *batch);
	ck_assert_str_eq(guest_current(), ear->name);
	ck_assert_str_eq(guest_current_call(), "take");
	pthread_mutex_lock(&ear->gate);
	ear->dropped += batch->dropped;
	for (uint32_t i = 0; i < batch->n; i++) {
		ck_assert_uint_lt(ear->n, EVENT_SCENE_MOST);
		ear->got[ear->n] = event_record_new(batch->events[i]);
		ear->n++;
	}
	pthread_mutex_unlock(&ear->gate);
	atomic_store(&ear->is_inside, false);
}

static const spore_events_ops event_scene_ops = { .struct_size = sizeof event_scene_ops,
	                                          .take = event_scene_take };
static const spore_component event_scene_component = {
	.struct_size = sizeof event_scene_component,
	.kind = SPORE_KIND_EVENTS,
	.name = "ear",
	.ops = &event_scene_ops,
	.create = event_scene_create,
	.destroy = event_scene_destroy,
};

/* A started instance with a queue of `max` events. */
static inline struct instance *event_scene_instance(struct event_scene *scene, const char *name,
                                                    size_t max)
{
	struct instance_spec spec = {
		.component = &event_scene_component,
		.name = name,
		.role = SPORE_ROLE_SERVER,
		.host = host_table(),
		.metrics = scene->host.services.metrics,
		.resolver = scene->host.services.resolver,
	};
	struct err err;
	struct instance *instance = instance_new(&spec, 1, &err);

	ck_assert_msg(instance && instance_start(instance, scene->host.loops, &err), "%s",
	              err.text);
	ck_assert(event_queue_attach(instance, max));
	ck_assert(retirer_adopt(scene->host.retirer, instance, scene->config));
	return instance;
}

/* n: the number of listeners; max: the length of their queues. */
static inline void event_scene_open(struct event_scene *scene, size_t n, size_t max)
{
	static const char *const names[] = { "ear", "other" };

	*scene = (struct event_scene){ .config = NULL };
	host_scene_open(&scene->host);
	scene->config = host_scene_config(&scene->host, ROLE_SERVER, "{}");
	scene->chain = calloc(1, sizeof *scene->chain + n * sizeof(struct instance *));
	ck_assert_ptr_nonnull(scene->chain);
	for (size_t i = 0; i < n; i++)
		scene->chain->items[i] = event_scene_instance(scene, names[i], max);
	scene->chain->n = n;
	scene->set.config = scene->config;
	scene->set.chains = scene->chains;
	scene->chains[CHAIN_EVENTS] = scene->chain;
}

static inline struct event_ear *event_scene_ear(const struct event_scene *scene, size_t i)
{
	return scene->chain->items[i]->self;
}

/* The event at this place, once it has arrived at the first listener. */
static inline const spore_event *event_scene_get(const struct event_scene *scene, unsigned i)
{
	struct event_ear *ear = event_scene_ear(scene, 0);
	int64_t until_ms = clock_ms() + HOST_SCENE_MS;

	while (ear->n <= i && clock_ms() < until_ms)
		nanosleep(&(struct timespec){ 0, 1000000L }, NULL);
	ck_assert_uint_gt(ear->n, i);
	return event_record_event(ear->got[i]);
}

static inline void event_scene_close(struct event_scene *scene)
{
	for (size_t i = 0; i < scene->chain->n; i++)
		instance_unref(scene->chain->items[i]);
	free(scene->chain);
	config_unref(scene->config);
	host_scene_close(&scene->host);
}

#endif
