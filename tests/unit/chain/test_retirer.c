#include "chain/retirer.h"

#include "scene/host_scene.h"
#include "suite.h"

/* An instance of a component that the test itself holds. */
static unsigned n_destroyed;

static spore_status create(const spore_create_args *args, void **instance_out)
{
	*instance_out = (void *)(uintptr_t)args;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	(void)instance;
	n_destroyed++;
}

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_METRICS,
	.name = "thing",
	.create = create,
	.destroy = destroy,
};

static struct instance *make_instance(struct host_scene *scene)
{
	struct instance_spec spec = {
		.component = &component,
		.name = "thing",
		.role = SPORE_ROLE_SERVER,
		.host = host_table(),
		.metrics = scene->services.metrics,
		.resolver = scene->services.resolver,
	};
	struct err err;
	struct instance *instance = instance_new(&spec, 1, &err);

	ck_assert_msg(instance && instance_start(instance, scene->loops, &err), "%s", err.text);
	return instance;
}

START_TEST(an_instance_ends_with_its_last_reference)
{
	struct host_scene scene;
	struct instance *instance;
	struct config *config;

	host_scene_open(&scene);
	config = host_scene_config(&scene, ROLE_SERVER, "{}");
	instance = make_instance(&scene);
	ck_assert(retirer_adopt(scene.retirer, instance, config));
	config_unref(config); /* the retirer keeps it */
	ck_assert_uint_eq(retirer_alive(scene.retirer), 1);
	instance_ref(instance);
	instance_unref(instance);
	loop_finish(scene.main_loop);
	ck_assert_uint_eq(n_destroyed, 0);
	instance_unref(instance);
	ck_assert_uint_eq(n_destroyed, 0); /* not on this thread's turn, which may be a worker's */
	loop_finish(scene.main_loop);
	ck_assert_uint_eq(n_destroyed, 1);
	ck_assert_uint_eq(retirer_alive(scene.retirer), 0);
	host_scene_close(&scene);
}
END_TEST

/* Work in flight delays the end; it is tried again. */
START_TEST(a_busy_instance_ends_later)
{
	struct host_scene scene;
	struct instance *instance;
	struct config *config;

	host_scene_open(&scene);
	config = host_scene_config(&scene, ROLE_SERVER, "{}");
	instance = make_instance(&scene);
	ck_assert(retirer_adopt(scene.retirer, instance, config));
	config_unref(config);
	ck_assert(instance_enter(&instance->workers[0]));
	instance_unref(instance);
	ck_assert(!retirer_finish(scene.retirer, 20));
	ck_assert_uint_eq(n_destroyed, 0);
	instance_leave(&instance->workers[0]);
	ck_assert(retirer_finish(scene.retirer, HOST_SCENE_MS));
	ck_assert_uint_eq(n_destroyed, 1);
	host_scene_close(&scene);
}
END_TEST

struct seen {
	unsigned generations[8];
	size_t n;
};

static void note_generation(const struct instance *instance, unsigned generation, void *arg)
{
	struct seen *seen = arg;

	ck_assert_str_eq(instance->name, "thing");
	seen->generations[seen->n++] = generation;
}

START_TEST(generations_are_counted_while_one_of_them_lives)
{
	struct instance *instances[3];
	struct seen seen = { .n = 0 };
	struct host_scene scene;
	struct config *config;

	host_scene_open(&scene);
	config = host_scene_config(&scene, ROLE_SERVER, "{}");
	ck_assert_uint_eq(retirer_generations(scene.retirer), 0);
	for (unsigned i = 0; i < 3; i++) {
		retirer_set_generation(scene.retirer, i < 2 ? 1 : 5);
		instances[i] = make_instance(&scene);
		ck_assert(retirer_adopt(scene.retirer, instances[i], config));
	}
	ck_assert_uint_eq(retirer_generations(scene.retirer), 2);
	retirer_each(scene.retirer, note_generation, &seen);
	ck_assert_uint_eq(seen.n, 3);
	ck_assert(seen.generations[0] == 1 && seen.generations[1] == 1 && seen.generations[2] == 5);
	instance_unref(instances[0]);
	loop_finish(scene.main_loop);
	ck_assert_uint_eq(retirer_generations(scene.retirer), 2);
	instance_unref(instances[1]);
	loop_finish(scene.main_loop);
	ck_assert_uint_eq(retirer_generations(scene.retirer), 1);
	instance_unref(instances[2]);
	config_unref(config);
	host_scene_close(&scene);
}
END_TEST

/* A renewal adds an instance to the running generation while those of a refused one still end. */
START_TEST(an_older_generation_may_get_another_instance)
{
	static const unsigned order[] = { 1, 2, 1 };
	struct instance *instances[3];
	struct seen seen = { .n = 0 };
	struct host_scene scene;
	struct config *config;

	host_scene_open(&scene);
	config = host_scene_config(&scene, ROLE_SERVER, "{}");
	for (unsigned i = 0; i < 3; i++) {
		retirer_set_generation(scene.retirer, order[i]);
		instances[i] = make_instance(&scene);
		ck_assert(retirer_adopt(scene.retirer, instances[i], config));
	}
	ck_assert_uint_eq(retirer_generations(scene.retirer), 2);
	retirer_each(scene.retirer, note_generation, &seen);
	ck_assert(seen.generations[0] == 1 && seen.generations[1] == 1 && seen.generations[2] == 2);
	for (unsigned i = 0; i < 3; i++)
		instance_unref(instances[i]);
	config_unref(config);
	host_scene_close(&scene);
}
END_TEST

START_TEST(no_retirer_is_fine_to_free)
{
	retirer_free(NULL);
}
END_TEST

SUITE("retirer", an_instance_ends_with_its_last_reference, a_busy_instance_ends_later,
      generations_are_counted_while_one_of_them_lives, an_older_generation_may_get_another_instance,
      no_retirer_is_fine_to_free)
