/* process_scene - a real server in the test's own process: a configuration file, the runtime with
 * its workers and plugins, drain, reload, and the control port on a free port of loopback.
 *
 * The test's thread is main: it runs the main loop with run_until. */
#ifndef UNIT_PROCESS_SCENE_H
#define UNIT_PROCESS_SCENE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/container.h"
#include "config/config.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "plugin_file.h"
#include "process/drain.h"
#include "process/runtime.h"
#include "reload/reload.h"
#include "run_until.h"
#include "server/server.h"
#include "sockets.h"
#include "suite.h"

enum { SCENE_WORKERS = 2 };

struct process_scene {
	char folder[64], path[96], admin_path[96];
	spore_addr control; /* the address of the control port */
	struct reload_words words;
	struct config *config;
	struct diag diag;
	struct runtime runtime;
	struct drain drain;
	struct reload_host reload_host;
	struct reload reload;
	struct server *server;
	bool draining; /* drain has begun */
};

/* The configuration file: what every test needs, then `more`, which begins with a comma or is
 * empty. */
static inline void scene_write_config(const struct process_scene *scene, const char *more)
{
	FILE *out = fopen(scene->path, "w");

	ck_assert_ptr_nonnull(out);
	fprintf(out,
	        "{ \"server\": { \"bind_addr\": \"127.0.0.1\", \"control_port\": %u, "
	        "\"workers\": %d, \"drain_timeout\": \"5s\" },\n"
	        "\"plugins\": { \"path\": [\"" PLUGIN_DIR "\"] },\n"
	        "\"admin\": { \"socket\": \"%s\" }%s }\n",
	        scene->control.port, SCENE_WORKERS, scene->admin_path, more);
	fclose(out);
}

/* Makes the folder and the file, with a log that is silent unless something is wrong. */
static inline void scene_set_up(struct process_scene *scene, const char *more)
{
	*scene = (struct process_scene){ .draining = false };
	plugin_file_folder(scene->folder);
	snprintf(scene->path, sizeof scene->path, "%s/server.json", scene->folder);
	snprintf(scene->admin_path, sizeof scene->admin_path, "%s/admin.sock", scene->folder);
	close(sockets_listen(&scene->control, 1));
	scene_write_config(scene, more);
}

/* Reads the file as `spore server --config FILE` and `flag`, if it is not NULL, would. */
static inline enum config_outcome scene_load(struct process_scene *scene, const char *flag)
{
	char *argv[] = { (char *)(uintptr_t) "--config", scene->path, (char *)(uintptr_t)flag };
	int argc = flag ? 3 : 2;

	ck_assert(reload_words_init(&scene->words, argc, argv));
	return config_load(ROLE_SERVER, argc, argv, &scene->diag, &scene->config);
}

static inline bool scene_start_runtime(struct process_scene *scene)
{
	struct runtime_terms terms = { .workers = scene->config->settings.server.workers };

	return runtime_start(&scene->runtime, scene->config, &terms,
	                     scene->server ? server_revise : NULL, scene->server, &scene->diag);
}

static inline unsigned scene_count_visitors(void *arg)
{
	const struct process_scene *scene = arg;

	return server_room(scene->server).visitors;
}

static inline void scene_on_drain(void *arg)
{
	struct process_scene *scene = arg;

	scene->draining = true;
}

static inline struct survey *scene_renew(void *arg, struct plugin_set *set, int64_t wait_ms,
                                         void (*taken)(struct survey *survey, void *arg),
                                         void *taken_arg, struct err *err)
{
	const struct process_scene *scene = arg;

	return server_renew(scene->server, set, wait_ms, taken, taken_arg, err);
}

static inline const char *scene_describe(void *arg)
{
	(void)arg;
	return "serving";
}

/* A server that serves as soon as the main loop runs. */
static inline void scene_start(struct process_scene *scene, const char *more)
{
	const struct json *at_fault;
	struct server_env env;
	struct err err = { "" };

	scene_set_up(scene, more);
	scene->server = server_new();
	ck_assert_ptr_nonnull(scene->server);
	ck_assert_int_eq(scene_load(scene, NULL), CONFIG_LOADED);
	ck_assert(scene_start_runtime(scene));
	env = (struct server_env){ .metrics = scene->runtime.metrics,
		                   .main_loop = scene->runtime.main_loop,
		                   .loops = scene->runtime.loops,
		                   .n_workers = scene->runtime.n_workers };
	drain_init(&scene->drain, scene->runtime.main_loop, 5000, scene_on_drain,
	           scene_count_visitors, scene);
	scene->reload_host = (struct reload_host){
		.role = ROLE_SERVER, .renew = scene_renew, .describe = scene_describe, .arg = scene
	};
	reload_start(&scene->reload, &scene->runtime, &scene->reload_host, &scene->drain,
	             &scene->words);
	ck_assert_msg(
		server_start(scene->server, &env, scene->runtime.plugins.set, &at_fault, &err),
		"%s", err.text);
}

static inline void scene_tear_down(struct process_scene *scene)
{
	unlink(scene->path);
	ck_assert_int_eq(rmdir(scene->folder), 0);
	diag_fini(&scene->diag);
	config_unref(scene->config);
	reload_words_fini(&scene->words);
}

static inline void scene_stop(struct process_scene *scene)
{
	reload_stop(&scene->reload);
	drain_fini(&scene->drain);
	server_stop(scene->server);
	ck_assert(runtime_stop(&scene->runtime));
	server_free(scene->server);
	scene_tear_down(scene);
}

/* ---- reloads ---- */

struct scene_request {
	struct reload_request request;
	struct reload_answer answer; /* a copy */
	bool done;
};

static inline char *scene_copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static inline void scene_on_reloaded(struct reload_request *request,
                                     const struct reload_answer *answer)
{
	struct scene_request *r = CONTAINER_OF(request, struct scene_request, request);

	r->done = true;
	r->answer = (struct reload_answer){ .swapped = answer->swapped,
		                            .mistakes = scene_copy(answer->mistakes) };
	r->answer.changes.items = calloc(answer->changes.n + 1, sizeof(struct change));
	for (; r->answer.changes.n < answer->changes.n; r->answer.changes.n++) {
		const struct change *from = &answer->changes.items[r->answer.changes.n];

		r->answer.changes.items[r->answer.changes.n] = (struct change){
			.pointer = scene_copy(from->pointer),
			.from = scene_copy(from->from),
			.to = scene_copy(from->to),
			.kind = from->kind
		};
	}
}

static inline void scene_ask_for_reload(struct process_scene *scene, struct scene_request *request)
{
	*request = (struct scene_request){ .request.done = scene_on_reloaded };
	reload_ask(&scene->reload, &request->request);
}

/* Reloads and waits for the answer, which the caller ends with reload_answer_fini. */
static inline void scene_reload(struct process_scene *scene, struct reload_answer *answer_out)
{
	struct scene_request request;

	scene_ask_for_reload(scene, &request);
	ck_assert(request.done ||
	          run_until(scene->runtime.main_loop, run_until_is_set, &request.done));
	*answer_out = request.answer;
}

/* ---- peers ---- */

/* Opens a tunnel as bore's client does; its public address goes to *public_out. Returns the control
 * connection. */
static inline int scene_open_tunnel(const struct process_scene *scene, spore_addr *public_out)
{
	static const char hello[] = "{\"Hello\":0}";
	char answer[64] = "";
	int fd = sockets_dial(&scene->control), port = 0;

	ck_assert_int_eq(write(fd, hello, sizeof hello), sizeof hello);
	for (size_t len = 0; len == 0 || answer[len - 1] != '\0'; len++)
		ck_assert_int_eq(read(fd, answer + len, 1), 1);
	ck_assert_msg(sscanf(answer, "{\"Hello\":%d}", &port) == 1, "%s", answer);
	*public_out = scene->control;
	public_out->port = (uint16_t)port;
	return fd;
}

/* Connects to the admin socket. */
static inline int scene_dial_admin(const struct process_scene *scene)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, scene->admin_path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
	return fd;
}

#endif
