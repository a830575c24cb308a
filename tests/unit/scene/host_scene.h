/* host_scene - what plugin instances need: a host, a running worker (or HOST_SCENE_WORKERS of
 * them), a retirer, and the plugins of the build. The test is the main thread. */
#ifndef UNIT_HOST_SCENE_H
#define UNIT_HOST_SCENE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "chain/plugin_set.h"
#include "chain/retirer.h"
#include "chain/set_builder.h"
#include "config/config.h"
#include "config/shorthands.h"
#include "loop/call.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "net/resolve.h"
#include "services/host.h"

enum { HOST_SCENE_MS = 25000 };

#ifndef HOST_SCENE_WORKERS
#define HOST_SCENE_WORKERS 1
#endif

struct host_scene {
	struct loop *main_loop;
	struct loop *loops[HOST_SCENE_WORKERS]; /* of the workers */
	struct host_services services;
	struct retirer *retirer;
	struct registry registry;
	struct diag diag;
	char printed[4096]; /* the mistakes of the last configuration or set */
};

static inline void host_scene_open(struct host_scene *scene)
{
	struct err err;

	*scene = (struct host_scene){ .main_loop = loop_new(HOST_SCENE_WORKERS, &err) };
	ck_assert_ptr_nonnull(scene->main_loop);
	for (unsigned i = 0; i < HOST_SCENE_WORKERS; i++) {
		scene->loops[i] = loop_new(i, &err);
		ck_assert(scene->loops[i] && loop_start(scene->loops[i], &err));
	}
	scene->services = (struct host_services){
		.metrics = metrics_new(HOST_SCENE_WORKERS + 1),
		.resolver = resolver_new(),
		.loops = scene->loops,
		.n_workers = HOST_SCENE_WORKERS,
	};
	ck_assert(scene->services.metrics && scene->services.resolver);
	ck_assert(host_init(&scene->services));
	scene->retirer = retirer_new(scene->main_loop);
	ck_assert_ptr_nonnull(scene->retirer);
	scene->registry = (struct registry){
		.loader.get_extension = host_get_extension,
#ifdef PLUGIN_DIR
		.path = { PLUGIN_DIR, TEST_PLUGIN_DIR },
		.n_path = 2,
#endif
	};
}

/* All instances must have been given back. */
static inline void host_scene_close(struct host_scene *scene)
{
	ck_assert(retirer_finish(scene->retirer, HOST_SCENE_MS));
	for (unsigned i = 0; i < HOST_SCENE_WORKERS; i++) {
		loop_break(scene->loops[i]);
		loop_join(scene->loops[i]);
	}
	ck_assert(resolver_free(scene->services.resolver)); /* its look-ups post to the loops */
	for (unsigned i = 0; i < HOST_SCENE_WORKERS; i++)
		loop_finish(scene->loops[i]);
	retirer_free(scene->retirer);
	for (unsigned i = 0; i < HOST_SCENE_WORKERS; i++)
		loop_free(scene->loops[i]);
	loop_free(scene->main_loop);
	host_fini();
	loader_fini(&scene->registry.loader);
	metrics_free(scene->services.metrics);
	diag_fini(&scene->diag);
}

static inline const char *host_scene_mistakes(struct host_scene *scene)
{
	FILE *out = fmemopen(scene->printed, sizeof scene->printed, "w");

	diag_print(&scene->diag, out);
	fputc('\0', out);
	fclose(out);
	return scene->printed;
}

/* The configuration with this text. It must have no mistakes. */
static inline struct config *host_scene_config(struct host_scene *scene, unsigned role,
                                               const char *text)
{
	char flag[] = "--config", path[] = "/tmp/spore-unit-XXXXXX", *argv[] = { flag, path };
	int fd = mkstemp(path);
	struct config *config;

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	config_load(role, 2, argv, &scene->diag, &config);
	unlink(path);
	ck_assert_msg(scene->diag.count == 0, "%s", host_scene_mistakes(scene));
	return config;
}

/* NULL: there were mistakes. */
static inline struct plugin_set *host_scene_set(struct host_scene *scene, unsigned role,
                                                const char *text, const struct plugin_set *previous)
{
	struct config *config = host_scene_config(scene, role, text);
	struct plugin_set_spec spec = { config, &scene->registry, scene->retirer,
		                        HOST_SCENE_WORKERS, previous };
	struct plugin_set *set = set_builder_build(&spec, &scene->diag);

	host_scene_mistakes(scene);
	diag_fini(&scene->diag);
	scene->diag = (struct diag){ 0 };
	config_unref(config);
	return set;
}

/* Such a set, which must have no mistakes, started. */
static inline struct plugin_set *host_scene_start(struct host_scene *scene, unsigned role,
                                                  const char *text)
{
	struct plugin_set *set = host_scene_set(scene, role, text, NULL);
	struct patience patience = { .until_ms = INT64_MAX };
	struct err err;

	ck_assert_msg(set != NULL, "%s", scene->printed);
	ck_assert_msg(plugin_set_start(set, true, scene->loops, &patience, &err), "%s", err.text);
	return set;
}

static inline struct plugin_set *host_scene_server(struct host_scene *scene, const char *text)
{
	return host_scene_start(scene, ROLE_SERVER, text);
}

/* Runs fn on the worker and waits for its end. */
static inline void host_scene_call(struct host_scene *scene, void (*fn)(void *arg), void *arg)
{
	loop_call(scene->loops[0], fn, arg);
}

/* Waits until something holds that other threads change. */
static inline bool host_scene_wait(bool (*holds)(void *arg), void *arg)
{
	int64_t deadline_ms = clock_ms() + HOST_SCENE_MS;

	while (!holds(arg) && clock_ms() < deadline_ms)
		nanosleep(&(struct timespec){ 0, 1000000L }, NULL);
	return holds(arg);
}

/* ---- metrics ---- */

struct host_scene_series {
	const char *name, *labels; /* "kind=auth,plugin=x" */
	bool in_family, found;
	double value; /* a histogram's count */
};

static inline void host_scene_begin(void *arg, const spore_metric_spec *family)
{
	struct host_scene_series *series = arg;

	series->in_family = strcmp(family->name, series->name) == 0;
}

static inline void host_scene_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	struct host_scene_series *series = arg;
	char text[256] = "";

	for (size_t i = 0, len = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s=%.*s", i ? "," : "",
		                        (int)labels[i].key.len, labels[i].key.ptr,
		                        (int)labels[i].value.len, labels[i].value.ptr);
	if (!series->in_family || strcmp(text, series->labels) != 0)
		return;
	series->found = true;
	series->value = value;
}

static inline void host_scene_histogram(void *arg, const spore_kv *labels, size_t n,
                                        const double *bounds, const uint64_t *cumulative,
                                        size_t n_bounds, uint64_t count, double sum)
{
	(void)bounds;
	(void)cumulative;
	(void)n_bounds;
	(void)sum;
	host_scene_value(arg, labels, n, (double)count);
}

/* The value of a series, or the count of a histogram; -1: there is no such series. */
static inline double host_scene_metric(const struct host_scene *scene, const char *name,
                                       const char *labels)
{
	static const spore_metric_visitor visitor = {
		.struct_size = sizeof visitor,
		.begin = host_scene_begin,
		.value = host_scene_value,
		.histogram = host_scene_histogram,
	};
	struct host_scene_series series = { .name = name, .labels = labels };

	metrics_visit(scene->services.metrics, &visitor, &series);
	return series.found ? series.value : -1;
}

#endif
