/* server_scene - workers of a server on the test's own loop, with real plugins and loopback
 * sockets, and the clients that talk to them.
 *
 * A test process has one scene. Each configuration that a test asks for becomes a plugin set, which
 * stays until the process ends. */
#ifndef UNIT_SERVER_SCENE_H
#define UNIT_SERVER_SCENE_H

#include <errno.h>
#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/container.h"
#include "chain/retirer.h"
#include "chain/set_builder.h"
#include "config/shorthands.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "net/resolve.h"
#include "quota/pending.h"
#include "route/names.h"
#include "run_until.h"
#include "server/server_worker.h"
#include "services/host.h"
#include "session/newcomer.h"
#include "session/server_session.h"
#include "sockets.h"

/* ---- configurations ---- */

#define SCENE_SERVER          "\"server\": {\"bind_addr\": \"127.0.0.1\"}"
#define SCENE_AUTH(instances) "{" SCENE_SERVER ", \"auth\": [" instances "]}"
#define SCENE_OPEN            "{" SCENE_SERVER "}"
/* Lets in who answers "alice" or "bob"; the session is the name's. */
#define SCENE_NAMES SCENE_AUTH("{\"use\": \"policy\", \"names\": [\"alice\", \"bob\"]}")
/* No Challenge; the address is let in. */
#define SCENE_SILENT SCENE_AUTH("{\"use\": \"silent\", \"peer\": \"127.0.0.1\"}")
/* The verdict on the answer "alice" comes after SCENE_LATER_MS, which is longer than what a busy
 * machine takes for a step of a test. */
#define SCENE_LATER(verdict)                                                                       \
	SCENE_AUTH("{\"use\": \"timer\", \"answer\": \"alice\", \"verdict\": \"" verdict           \
	           "\", \"delay\": \"0.3\"}")
enum { SCENE_LATER_MS = 300 };
/* The transport opens once the client has sent SCENE_GREETING. */
#define SCENE_GREETED                                                                              \
	"{" SCENE_SERVER                                                                           \
	", \"transport\": [{\"use\": \"xor\", \"key\": 90, \"handshake\": \"byte\"}]}"
enum { SCENE_GREETING = 0x58 };
/* An address that is subject to the limits on secrets. Loopback is not. */
#define SCENE_STRANGER "192.0.2.7"

enum { SCENE_WORKERS = 2, SCENE_DESCRIPTORS = 4096, SCENE_SETS = 12 };

struct server_scene {
	struct loop *loops[SCENE_WORKERS];
	bool stalled[SCENE_WORKERS]; /* scene_run does not run this loop */
	struct metrics *metrics;
	struct registry registry;
	struct retirer *retirer;
	struct {
		const char *config;
		struct plugin_set *set;
	} sets[SCENE_SETS];     /* made so far */
	struct plugin_set *set; /* of the workers */
	struct limits limits;   /* what the workers get */
	struct server_shared shared;
	struct server_worker workers[SCENE_WORKERS];
	spore_addr control[SCENE_WORKERS]; /* where they listen */
	struct account *issued;            /* of the pass of scene_issue */
};

/* The one of the process. */
static struct server_scene scene;

static inline void scene_revise(void *arg, const struct revision *revision)
{
	(void)arg, (void)revision;
}

static inline void scene_init(void)
{
	struct host_services services = { .loops = scene.loops,
		                          .n_workers = SCENE_WORKERS,
		                          .revise = scene_revise };
	struct err err;

	for (unsigned i = 0; i < SCENE_WORKERS; i++) {
		scene.loops[i] = loop_new(i, &err);
		ck_assert_msg(scene.loops[i] != NULL, "%s", err.text);
	}
	scene.metrics = services.metrics = metrics_new(SCENE_WORKERS + 1);
	services.resolver = resolver_new();
	scene.retirer = retirer_new(scene.loops[0]);
	ck_assert(scene.metrics && services.resolver && scene.retirer && host_init(&services));
	scene.registry = (struct registry){ .loader.get_extension = host_get_extension,
		                            .path = { PLUGIN_DIR, TEST_PLUGIN_DIR },
		                            .n_path = 2 };
}

static inline struct config *scene_config(const char *text)
{
	int fd = memfd_create("config", MFD_CLOEXEC);
	char path[32], flag[] = "--config", *argv[] = { flag, path };
	struct diag diag = { 0 };
	struct config *config;

	ck_assert_int_eq(fchmod(fd, 0600), 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	config_load(ROLE_SERVER, 2, argv, &diag, &config);
	diag_print(&diag, stderr);
	ck_assert_uint_eq(diag.count, 0);
	close(fd);
	return config;
}

struct scene_thread {
	pthread_t thread;
	struct loop *loop;
	atomic_bool over;
};

static inline void *scene_run_thread(void *arg)
{
	struct scene_thread *thread = arg;

	while (!atomic_load(&thread->over))
		loop_run(thread->loop);
	return NULL;
}

/* Runs the loops on threads of their own, as in the server. */
static inline void scene_start_threads(struct scene_thread threads[SCENE_WORKERS])
{
	for (int i = 0; i < SCENE_WORKERS; i++) {
		threads[i].loop = scene.loops[i];
		atomic_init(&threads[i].over, false);
		pthread_create(&threads[i].thread, NULL, scene_run_thread, &threads[i]);
	}
}

static inline void scene_join_threads(struct scene_thread threads[SCENE_WORKERS])
{
	for (int i = 0; i < SCENE_WORKERS; i++) {
		atomic_store(&threads[i].over, true);
		loop_break(scene.loops[i]);
		pthread_join(threads[i].thread, NULL);
	}
}

static inline void scene_start_set(struct plugin_set *set)
{
	struct patience patience = { .until_ms = INT64_MAX };
	struct scene_thread threads[SCENE_WORKERS];
	struct err err = { "" };

	scene_start_threads(threads);
	ck_assert_msg(plugin_set_start(set, true, scene.loops, &patience, &err), "%s", err.text);
	scene_join_threads(threads);
}

/* The set of this configuration, started. */
static inline struct plugin_set *scene_set(const char *config)
{
	struct plugin_set_spec spec = { .registry = &scene.registry,
		                        .retirer = scene.retirer,
		                        .n_workers = SCENE_WORKERS };
	struct diag diag = { 0 };
	int i = 0;

	while (i < SCENE_SETS && scene.sets[i].set && strcmp(scene.sets[i].config, config) != 0)
		i++;
	ck_assert_int_lt(i, SCENE_SETS);
	if (scene.sets[i].set)
		return scene.sets[i].set;
	spec.config = scene_config(config);
	scene.sets[i].config = config;
	scene.sets[i].set = set_builder_build(&spec, &diag);
	diag_print(&diag, stderr);
	ck_assert_ptr_nonnull(scene.sets[i].set);
	scene_start_set(scene.sets[i].set);
	return scene.sets[i].set;
}

/* ---- the loops ---- */

static inline void scene_on_idle(struct ev_loop *ev, ev_idle *watcher, int events)
{
	(void)events;
	*(bool *)watcher->data = true;
	ev_break(ev, EVBREAK_ALL);
}

/* Runs the loop until nothing is ready. */
static inline void scene_run_loop(struct loop *loop)
{
	bool quiet = false;
	ev_idle idle;

	ev_idle_init(&idle, scene_on_idle);
	ev_set_priority(&idle, EV_MINPRI);
	idle.data = &quiet;
	ev_idle_start(loop_ev(loop), &idle);
	while (!quiet)
		loop_run(loop);
	ev_idle_stop(loop_ev(loop), &idle);
}

/* A question to the other worker, its answer, and what follows. */
static inline void scene_run(void)
{
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < SCENE_WORKERS; i++) {
			if (!scene.stalled[i])
				scene_run_loop(scene.loops[i]);
		}
	}
	if (!scene.stalled[0])
		scene_run_loop(scene.loops[0]);
}

struct scene_task {
	struct loop_task task;
	void (*fn)(void *arg);
	void *arg;
};

static inline void scene_run_task(struct loop_task *task)
{
	struct scene_task *call = CONTAINER_OF(task, struct scene_task, task);

	call->fn(call->arg);
}

/* Calls fn on the worker's loop, where plugins may use what it has lent them; a stalled loop runs
 * nothing else. */
static inline void scene_call(int worker, void (*fn)(void *arg), void *arg)
{
	struct scene_task call = { { .run = scene_run_task }, fn, arg };

	if (scene.stalled[worker]) {
		fn(arg);
		return;
	}
	loop_post(scene.loops[worker], &call.task);
	scene_run_loop(scene.loops[worker]);
}

/* Runs the first worker's loop until the flag is set, or far too much time has passed. */
static inline void scene_wait(run_until_fn holds, void *arg)
{
	ck_assert(run_until(scene.loops[0], holds, arg));
	scene_run();
}

/* ---- workers ---- */

static inline int scene_listen(spore_addr *addr_out)
{
	int fd = sockets_listen(addr_out, 16);

	sockets_unblock(fd);
	return fd;
}

static inline struct sockets scene_sockets(spore_addr *addr_out)
{
	return (struct sockets){ 1, { scene_listen(addr_out) } };
}

static inline void scene_open_set(struct plugin_set *set)
{
	struct server_shared *shared = &scene.shared;
	struct server_worker_terms terms = { .set = set, .limits = &scene.limits };

	scene.set = set;
	scene.limits = limits_make(&set->config->settings.limits, SCENE_DESCRIPTORS, SCENE_WORKERS);
	*shared = (struct server_shared){ .sources = source_table_new(),
		                          .names = names_new(),
		                          .n_workers = SCENE_WORKERS };
	gate_init(&shared->gate);
	shared->pending = pending_new(&shared->gate);
	principal_table_init(&shared->principals, 1);
	ahead_table_init(&shared->ahead);
	share_table_init(&shared->shares);
	repeats_init(&shared->strange_lines);
	repeats_init(&shared->tunnel_lines);
	repeats_init(&shared->visitor_lines);
	stats_init(&shared->stats, scene.metrics);
	ck_assert(shared->pending && shared->sources && shared->names);
	for (int i = 0; i < SCENE_WORKERS; i++) {
		terms.sockets = scene_sockets(&scene.control[i]);
		ck_assert(server_worker_open(&scene.workers[i], shared, scene.loops[i], &terms));
	}
}

static inline void scene_open(const char *config)
{
	if (!scene.loops[0])
		scene_init();
	scene_open_set(scene_set(config));
}

static inline void scene_check_empty(const struct server_worker *worker)
{
	for (int i = 0; i < SESSION_LISTS; i++) {
		ck_assert(list_is_empty(&worker->sessions[i].all));
		ck_assert_uint_eq(worker->sessions[i].count, 0);
	}
	ck_assert_uint_eq(worker->strangers.count, 0);
}

static inline void scene_close_worker(void *worker)
{
	server_worker_close(worker);
}

/* Nothing is left behind. */
static inline void scene_close(void)
{
	struct server_shared *shared = &scene.shared;

	for (int i = 0; i < SCENE_WORKERS; i++) {
		scene.stalled[i] = false;
		scene_call(i, scene_close_worker, &scene.workers[i]);
	}
	scene_run();
	for (int i = 0; i < SCENE_WORKERS; i++)
		scene_check_empty(&scene.workers[i]);
	pending_free(shared->pending);
	ck_assert_ptr_null(shared->principals.first);
	ck_assert_uint_eq(shared->principals.visitors, 0);
	ck_assert_uint_eq(shared->strangers, 0);
	ck_assert_uint_eq(shared->offered, 0);
	ck_assert_uint_eq(shared->gate.inside, 0);
	ck_assert_uint_eq(shared->ahead.waiting, 0);
	gate_fini(&shared->gate);
	principal_table_fini(&shared->principals);
	ahead_table_fini(&shared->ahead);
	share_table_fini(&shared->shares);
	names_free(shared->names);
	source_table_free(shared->sources);
}

/* ---- sessions ---- */

static inline spore_addr scene_addr(const char *ip, uint16_t port)
{
	spore_addr addr;

	ck_assert(addr_parse_ip(ip, &addr));
	addr.port = port;
	return addr;
}

struct scene_newcomer {
	int worker, fd;
	spore_addr peer;
};

static inline void scene_start_newcomer(void *arg)
{
	const struct scene_newcomer *n = arg;

	newcomer_start(&scene.workers[n->worker], n->fd, &n->peer, &scene.control[n->worker]);
}

/* A connection from this address to a worker; the client's end. */
static inline int scene_connect_from(int worker, const char *ip)
{
	static uint16_t port = 1024;
	struct scene_newcomer newcomer = { .worker = worker, .peer = scene_addr(ip, port++) };
	int fds[2];

	sockets_tcp_pair(fds);
	newcomer.fd = fds[1];
	scene_call(worker, scene_start_newcomer, &newcomer);
	scene_run();
	return fds[0];
}

static inline int scene_connect(void)
{
	return scene_connect_from(0, "127.0.0.1");
}

/* The last session of a list of the first worker. */
static inline struct server_session *scene_last(enum session_list list)
{
	struct list *all = &scene.workers[0].sessions[list].all;

	ck_assert(!list_is_empty(all));
	return CONTAINER_OF(all->prev, struct server_session, node);
}

/* The first instance of the auth chain says what an identity may do from now on; grant NULL: the
 * first worker's clients of it are denied. As host->auth_revalidate(), but at once. */
static inline void scene_revise_identity(const char *identity, const struct grant *grant)
{
	struct instance *by = scene.set->chains[CHAIN_AUTH]->items[0];

	revisions_add(&by->revisions, spore_cstr(identity));
	server_sessions_revise(&scene.workers[0],
	                       &(struct revision){ by, spore_cstr(identity), NULL, grant });
}

static inline void scene_renew_worker(void *worker)
{
	struct server_worker_terms terms = { .set = scene.set, .limits = &scene.limits };

	server_worker_renew(worker, &terms);
}

/* The workers go on with another configuration. */
static inline void scene_renew(const char *config)
{
	scene.set = scene_set(config);
	for (int i = 0; i < SCENE_WORKERS; i++)
		scene_call(i, scene_renew_worker, &scene.workers[i]);
	scene_run();
}

static inline void scene_expire(void *deadline)
{
	struct server_session *s = CONTAINER_OF(deadline, struct server_session, deadline);

	deadline_stop(deadline);
	s->worker->deadlines[DEADLINE_FIRST_FRAME].on_expired(deadline);
}

/* The deadline of the session's state passes, as in loop/deadline. */
static inline void scene_be_late(struct server_session *s)
{
	ck_assert(!list_is_empty(&s->deadline.node));
	scene_call((int)loop_index(s->worker->loop), scene_expire, &s->deadline);
	scene_run();
}

/* ---- what clients say ---- */

static inline void scene_send(int fd, const void *bytes, size_t len)
{
	ck_assert_int_eq(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
	scene_run();
}

static inline void scene_say(int fd, const struct message *message)
{
	char frame[FRAME_MAX + 1];
	size_t len = message_format(message, frame);

	scene_send(fd, frame, len);
}

static inline void scene_hello(int fd, uint16_t port)
{
	scene_say(fd, &(struct message){ .type = MESSAGE_HELLO, .port = port });
}

static inline void scene_accept(int fd, const struct uuid *id)
{
	scene_say(fd, &(struct message){ .type = MESSAGE_ACCEPT, .id = *id });
}

static inline void scene_claim(int fd, const struct uuid *id)
{
	scene_say(fd, &(struct message){ .type = MESSAGE_CLAIM, .id = *id });
}

static inline void scene_ahead(int fd, const struct uuid *pass)
{
	scene_say(fd, &(struct message){ .type = MESSAGE_AHEAD, .id = *pass });
}

/* A pass as of a tunnel of this source. */
static inline struct ahead_pass *scene_issue(struct source *source)
{
	struct limit_hit hit;
	struct ahead_pass *pass;

	scene.issued = account_open(&scene.shared.principals, source, &scene.limits, NULL, NULL,
	                            &hit);
	ck_assert_ptr_nonnull(scene.issued);
	pass = ahead_issue(&scene.shared.ahead,
	                   &(struct ahead_terms){ .source = source,
	                                          .account = scene.issued,
	                                          .n = 1,
	                                          .n_workers = SCENE_WORKERS });
	ck_assert_ptr_nonnull(pass);
	return pass;
}

static inline void scene_withdraw(struct ahead_pass *pass)
{
	ahead_withdraw(pass);
	account_close_tunnel(scene.issued);
}

static inline void scene_about(int fd, const char *item)
{
	struct message message = { .type = MESSAGE_ABOUT };

	strcpy(message.text, item);
	scene_say(fd, &message);
}

static inline void scene_authenticate(int fd, const char *answer)
{
	struct message message = { .type = MESSAGE_AUTHENTICATE };

	strcpy(message.text, answer);
	scene_say(fd, &message);
}

/* ---- what clients hear ---- */

enum scene_heard { HEARD_MESSAGE, HEARD_NOTHING, HEARD_END, HEARD_RESET };

/* The next message, or how it ended. */
static inline enum scene_heard scene_hear(int fd, struct message *message_out)
{
	char frame[FRAME_MAX + 1];
	size_t len = 0;

	for (;;) {
		ssize_t n = recv(fd, &frame[len], 1, MSG_DONTWAIT);

		if (n == 0)
			return HEARD_END;
		if (n < 0)
			return errno == EAGAIN ? HEARD_NOTHING : HEARD_RESET;
		if (frame[len] == '\0')
			break;
		ck_assert_uint_lt(++len, FRAME_MAX);
	}
	ck_assert_msg(message_parse(MESSAGE_TO_CLIENT_EXTENDED, frame, len, message_out), "%s",
	              frame);
	return HEARD_MESSAGE;
}

/* The same without heartbeats, of which a busy machine brings any number. */
static inline enum scene_heard scene_hear_news(int fd, struct message *message_out)
{
	enum scene_heard heard;

	do {
		heard = scene_hear(fd, message_out);
	} while (heard == HEARD_MESSAGE && message_out->type == MESSAGE_HEARTBEAT);
	return heard;
}

/* The next message is of this type. */
static inline struct message scene_expect(int fd, enum message_type type)
{
	struct message message = { .type = 0 };

	ck_assert_int_eq((type == MESSAGE_HEARTBEAT ? scene_hear : scene_hear_news)(fd, &message),
	                 HEARD_MESSAGE);
	ck_assert_int_eq(message.type, type);
	return message;
}

static inline void scene_expect_nothing(int fd)
{
	struct message message;

	ck_assert_int_eq(scene_hear_news(fd, &message), HEARD_NOTHING);
}

static inline void scene_expect_end(int fd)
{
	struct message message;

	ck_assert_int_eq(scene_hear_news(fd, &message), HEARD_END);
	close(fd);
}

/* The Error frame of this reason, and then the end. */
static inline void scene_expect_error(int fd, enum refusal why)
{
	struct message message = scene_expect(fd, MESSAGE_ERROR);

	ck_assert_str_eq(message.text, refusal_text(why));
	scene_expect_end(fd);
}

/* ---- clients that have come further ---- */

/* A client that has answered the Challenge. */
static inline int scene_log_in_from(const char *ip, const char *answer)
{
	int fd = scene_connect_from(0, ip);

	scene_expect(fd, MESSAGE_CHALLENGE);
	scene_authenticate(fd, answer);
	return fd;
}

static inline int scene_log_in(const char *answer)
{
	return scene_log_in_from("127.0.0.1", answer);
}

/* The public port of the tunnel that this client now has. */
static inline uint16_t scene_expect_tunnel(int fd)
{
	uint16_t port = scene_expect(fd, MESSAGE_HELLO).port;

	scene_expect(fd, MESSAGE_HEARTBEAT);
	return port;
}

/* A visitor at the public port. */
static inline int scene_visit(uint16_t port)
{
	spore_addr addr = scene_addr("127.0.0.1", port);
	int fd = sockets_dial(&addr);

	scene_run();
	return fd;
}

/* ---- counts ---- */

struct scene_question {
	const char *name, *labels[2];
	bool asked;
	double value;
};

static inline void scene_on_family(void *arg, const spore_metric_spec *spec)
{
	struct scene_question *q = arg;

	q->asked = strcmp(spec->name, q->name) == 0;
}

static inline void scene_on_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	struct scene_question *q = arg;
	bool meant = q->asked;

	for (size_t i = 0; meant && i < n && i < 2 && q->labels[i]; i++)
		meant = labels[i].value.len == strlen(q->labels[i]) &&
		        memcmp(labels[i].value.ptr, q->labels[i], labels[i].value.len) == 0;
	if (meant)
		q->value += value;
}

static inline void scene_on_histogram(void *arg, const spore_kv *labels, size_t n,
                                      const double *bounds, const uint64_t *cumulative,
                                      size_t n_bounds, uint64_t count, double sum)
{
	(void)arg, (void)labels, (void)n, (void)bounds;
	(void)cumulative, (void)n_bounds, (void)count, (void)sum;
}

static inline void scene_on_family_end(void *arg)
{
	(void)arg;
}

static inline int scene_metric_of(const char *name, const char *label, const char *other)
{
	static const spore_metric_visitor visitor = { sizeof visitor,     0,
		                                      scene_on_family,    scene_on_value,
		                                      scene_on_histogram, scene_on_family_end };
	struct scene_question q = { .name = name, .labels = { label, other } };

	metrics_visit(scene.metrics, &visitor, &q);
	return (int)q.value;
}

static inline int scene_metric(const char *name)
{
	return scene_metric_of(name, NULL, NULL);
}

/* Refusals for this reason so far. */
static inline int scene_refusals(enum refusal why)
{
	return scene_metric_of("spore_refusals_total",
	                       refusal_happens_at(why, REFUSED_AT_CONTROL) ? "control" : "public",
	                       refusal_name(why));
}

static inline int scene_all_refusals(void)
{
	return scene_metric("spore_refusals_total");
}

#endif
