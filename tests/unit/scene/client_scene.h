/* client_scene - the parts of a client around the module that a test is about: a real runtime with
 * its worker threads and plugins, and the test itself as the server on the wire.
 *
 * The test runs on the main thread. It touches what belongs to a worker by client_scene_call. A
 * process can start one runtime, so a test opens one scene. */
#ifndef UNIT_CLIENT_SCENE_H
#define UNIT_CLIENT_SCENE_H

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "carry/ahead.h"
#include "carry/carried.h"
#include "carry/origin.h"
#include "carry/proxy.h"
#include "carry/proxy_server.h"
#include "carry/shared.h"
#include "client/session.h"
#include "client/worker.h"
#include "config/config.h"
#include "config/shorthands.h"
#include "loop/call.h"
#include "metrics/metrics.h"
#include "process/runtime.h"
#include "services/host.h"
#include "sockets.h"

enum { CLIENT_SCENE_MS = 10000, CLIENT_SCENE_WORKERS = 2 };

#define CLIENT_SCENE_UUID "00112233-4455-6677-8899-aabbccddeeff"

struct client_scene {
	struct runtime runtime;
	struct config *config;
	struct diag diag;
	int server, service; /* listening sockets; the test accepts on them */
	spore_addr server_addr, service_addr;
	struct client_shared shared;
	struct client_worker workers[CLIENT_SCENE_WORKERS];
};

/* What the configuration says beside addresses. */
struct client_scene_options {
	const char *client; /* more of the section `client`, after a comma */
	const char *tunnel; /* likewise of the tunnel */
	const char *secret; /* NULL: none */
	unsigned n_workers; /* 0: one */
};

/* ---- on a worker ---- */

static inline void client_scene_call(struct client_scene *scene, void (*fn)(void *arg), void *arg)
{
	loop_call(scene->runtime.loops[0], fn, arg);
}

/* A value that belongs to the first worker. */
struct client_scene_copy {
	void *to;
	const void *from;
	size_t size;
};

static inline void client_scene_run_copy(void *arg)
{
	const struct client_scene_copy *copy = arg;

	memcpy(copy->to, copy->from, copy->size);
}

static inline unsigned client_scene_unsigned(struct client_scene *scene, const unsigned *from)
{
	unsigned value;

	client_scene_call(scene, client_scene_run_copy,
	                  &(struct client_scene_copy){ &value, from, sizeof value });
	return value;
}

static inline int64_t client_scene_int64(struct client_scene *scene, const int64_t *from)
{
	int64_t value;

	client_scene_call(scene, client_scene_run_copy,
	                  &(struct client_scene_copy){ &value, from, sizeof value });
	return value;
}

/* What has come to the workers before this call has been handled after it. */
static inline void client_scene_settle(struct client_scene *scene)
{
	for (int i = 0; i < 4; i++) {
		for (unsigned w = 0; w < scene->runtime.n_workers; w++)
			loop_settle(scene->runtime.loops[w]);
	}
}

/* False: it did not hold in time. `holds` runs on the first worker. */
struct client_scene_wait {
	bool (*holds)(void *arg);
	void *arg;
	bool held;
};

static inline void client_scene_look(void *arg)
{
	struct client_scene_wait *wait = arg;

	wait->held = wait->holds(wait->arg);
}

static inline bool client_scene_wait(struct client_scene *scene, bool (*holds)(void *arg),
                                     void *arg)
{
	struct client_scene_wait wait = { holds, arg, false };
	int64_t deadline_ms = clock_ms() + CLIENT_SCENE_MS;

	for (;;) {
		client_scene_call(scene, client_scene_look, &wait);
		if (wait.held || clock_ms() > deadline_ms)
			return wait.held;
		poll(NULL, 0, 1);
	}
}

/* ---- set-up ---- */

static inline void client_scene_open_worker(void *arg)
{
	struct client_worker *worker = arg;

	worker_open(worker);
}

static inline void client_scene_close_worker(void *arg)
{
	struct client_worker *worker = arg;

	proxy_stop_all(worker);
	worker_close(worker);
}

static inline void client_scene_load(struct client_scene *scene,
                                     const struct client_scene_options *options)
{
	char path[] = "/tmp/spore-unit-XXXXXX", flag[] = "--config", auth[128] = "", text[1024];
	char *argv[] = { flag, path };
	int fd = mkstemp(path), n;

	if (options->secret)
		snprintf(auth, sizeof auth, ", \"auth\": [{\"use\": \"hmac\", \"secret\": \"%s\"}]",
		         options->secret);
	n = snprintf(
		text, sizeof text,
		"{\"client\": {\"to\": \"127.0.0.1\", \"control_port\": %u, \"retry\": true%s},"
		" \"tunnels\": [{\"name\": \"t\", \"local\": \"127.0.0.1:%u\"%s}]%s,"
		" \"plugins\": {\"path\": [\"%s\"]}, \"log\": {\"level\": \"error\"}}",
		scene->server_addr.port, options->client ? options->client : "",
		scene->service_addr.port, options->tunnel ? options->tunnel : "", auth, PLUGIN_DIR);
	ck_assert_int_eq(write(fd, text, (size_t)n), n);
	close(fd);
	if (config_load(ROLE_LOCAL, 2, argv, &scene->diag, &scene->config) != CONFIG_LOADED) {
		diag_print(&scene->diag, stderr);
		ck_abort_msg("%s", text);
	}
	unlink(path);
}

static inline void client_scene_set_up_shared(struct client_scene *scene)
{
	const struct settings *settings = &scene->config->settings;
	unsigned n = scene->runtime.n_workers;

	scene->shared.resolver = scene->runtime.resolver;
	scene->shared.n_tunnels = scene->shared.n_living = 1;
	scene->shared.max_carried = n * 100;
	list_init(&scene->shared.respites);
	taken_init(&scene->shared.taken);
	turns_init(&scene->shared.turns, scene->runtime.loops[0], session_on_turn);
	servers_init(&scene->shared.servers, &settings->client, scene->runtime.loops[0], NULL,
	             NULL);
	client_stats_init(&scene->shared.stats, scene->runtime.metrics);
	client_stats_servers(&scene->shared.stats, &settings->client);
	for (unsigned i = 0; i < n; i++) {
		struct client_worker *worker = &scene->workers[i];

		worker->shared = &scene->shared;
		worker->loop = scene->runtime.loops[i];
		worker->set = scene->runtime.plugins.set;
		worker->max_carried = 100;
		worker->max_pipes = 4;
		worker->max_lingerers = 8;
		worker->max_dialling = (unsigned)settings->client.max_dials;
		loop_call(worker->loop, client_scene_open_worker, worker);
	}
}

/* The runtime alone; client_scene_open makes workers, too. */
static inline void client_scene_start(struct client_scene *scene,
                                      const struct client_scene_options *options)
{
	struct runtime_terms terms = { .workers = options->n_workers ? options->n_workers : 1 };

	*scene = (struct client_scene){ 0 };
	scene->server = sockets_listen(&scene->server_addr, 128);
	scene->service = sockets_listen(&scene->service_addr, 128);
	client_scene_load(scene, options);
	if (!runtime_start(&scene->runtime, scene->config, &terms, NULL, NULL, &scene->diag)) {
		diag_print(&scene->diag, stderr);
		ck_abort_msg("the runtime does not start");
	}
}

static inline void client_scene_open(struct client_scene *scene,
                                     const struct client_scene_options *options)
{
	client_scene_start(scene, options);
	client_scene_set_up_shared(scene);
}

static inline void client_scene_stop(struct client_scene *scene)
{
	ck_assert(runtime_stop(&scene->runtime));
	diag_fini(&scene->diag);
	config_unref(scene->config);
	close(scene->server);
	close(scene->service);
}

static inline void client_scene_close(struct client_scene *scene)
{
	for (unsigned i = 0; i < scene->runtime.n_workers; i++)
		loop_call(scene->workers[i].loop, client_scene_close_worker, &scene->workers[i]);
	client_scene_settle(scene);
	taken_fini(&scene->shared.taken);
	client_scene_stop(scene);
}

/* ---- the wire ---- */

/* Accepts the client's next connection. */
static inline int client_scene_accept(int listener)
{
	struct pollfd ready = { listener, POLLIN, 0 };
	struct timeval patience = { CLIENT_SCENE_MS / 1000, 0 };
	int fd;

	ck_assert_msg(poll(&ready, 1, CLIENT_SCENE_MS) == 1, "nobody connects");
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return fd;
}

/* Nobody connects for a while. */
static inline bool client_scene_is_left_alone(int listener, int for_ms)
{
	return poll(&(struct pollfd){ listener, POLLIN, 0 }, 1, for_ms) == 0;
}

static inline void client_scene_send(int fd, const char *json)
{
	size_t size = strlen(json) + 1;

	ck_assert_int_eq(send(fd, json, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* The text of the next frame; "" at the end of the stream. */
static inline const char *client_scene_read(int fd, char out[300])
{
	size_t n = 0;

	for (; n < 299; n++) {
		ssize_t got = recv(fd, out + n, 1, 0);

		ck_assert_msg(got >= 0 || errno == ECONNRESET, "no frame comes: %s",
		              strerror(errno));
		if (got <= 0 || !out[n])
			break;
	}
	out[n] = '\0';
	return out;
}

static inline void client_scene_expect(int fd, const char *json)
{
	char text[300];

	ck_assert_str_eq(client_scene_read(fd, text), json);
}

static inline void client_scene_expect_start(int fd, const char *start)
{
	char text[300];

	client_scene_read(fd, text);
	ck_assert_msg(strncmp(text, start, strlen(start)) == 0, "%s, not %s", text, start);
}

static inline void client_scene_expect_end(int fd)
{
	client_scene_expect(fd, "");
}

/* Plays the server's part of the authentication. */
static inline void client_scene_challenge(int fd)
{
	client_scene_send(fd, "{\"Challenge\":\"" CLIENT_SCENE_UUID "\"}");
	client_scene_expect_start(fd, "{\"Authenticate\":\"");
}

/* ---- metrics ---- */

struct client_scene_metric {
	const char *name, *label;
	bool is_asked;
	double value;
};

static inline void client_scene_on_family(void *arg, const spore_metric_spec *spec)
{
	struct client_scene_metric *metric = arg;

	metric->is_asked = strcmp(spec->name, metric->name) == 0;
}

static inline void client_scene_on_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	struct client_scene_metric *metric = arg;
	bool matches = !metric->label;

	for (size_t i = 0; i < n && metric->label; i++)
		matches = matches ||
		          (labels[i].value.len == strlen(metric->label) &&
		           memcmp(labels[i].value.ptr, metric->label, labels[i].value.len) == 0);
	if (metric->is_asked && matches)
		metric->value += value;
}

/* The value of a family, or of its series with this label value. */
static inline double client_scene_metric(struct metrics *metrics, const char *name,
                                         const char *label)
{
	static const spore_metric_visitor visitor = { .struct_size = sizeof visitor,
		                                      .begin = client_scene_on_family,
		                                      .value = client_scene_on_value };
	struct client_scene_metric metric = { .name = name, .label = label };

	metrics_visit(metrics, &visitor, &metric);
	return metric.value;
}

static inline double client_scene_count(const struct client_scene *scene, const char *name,
                                        const char *label)
{
	return client_scene_metric(scene->runtime.metrics, name, label);
}

/* As a load balancer's health check asks. */
static inline bool client_scene_is_ready(void)
{
	const spore_ext_ready *ready = host_get_extension(SPORE_EXT_READY);

	return ready->is_ready();
}

#endif
