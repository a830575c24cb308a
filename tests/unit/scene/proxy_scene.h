/* proxy_scene - a client that sets up visitors of one tunnel: the test is the server and the local
 * service. */
#ifndef UNIT_PROXY_SCENE_H
#define UNIT_PROXY_SCENE_H

#include "few_descriptors.h"
#include "lane/lane.h"
#include "net/stream.h"
#include "scene/client_scene.h"

#define PROXY_SCENE_ACCEPT "{\"Accept\":\"" CLIENT_SCENE_UUID "\"}"
#define PROXY_SCENE_CARRY  "{\"Carry\":{\"id\":\"" CLIENT_SCENE_UUID "\""
#define PROXY_SCENE_CLAIM  "{\"Claim\":\"" CLIENT_SCENE_UUID "\"}"

struct proxy_scene {
	struct client_scene base;
	struct ahead_pool pool;
	struct decliner decliner;
	struct link link; /* to a server that reads Decline */
	int control;      /* its other end */
	struct uuid id;
	unsigned carried, idle; /* waited for */
	bool reads_claim;
	unsigned most_kept; /* connections that have carried a visitor; 0: none */
	struct uuid asked;  /* of run_note */
	enum taken_as as, was;
};

static inline struct client_worker *proxy_scene_worker(struct proxy_scene *scene)
{
	return &scene->base.workers[0];
}

static inline void proxy_scene_on_message(struct link *link, const struct message *message)
{
	(void)link;
	(void)message;
}

static inline void proxy_scene_on_fault(struct link *link, enum link_fault fault)
{
	(void)link;
	(void)fault;
}

static inline void proxy_scene_on_end(struct link *link, const char *why)
{
	(void)link;
	(void)why;
}

static inline void proxy_scene_run_init(void *arg)
{
	static const struct link_events events = { proxy_scene_on_message, proxy_scene_on_fault,
		                                   proxy_scene_on_end };
	struct proxy_scene *scene = arg;
	struct loop *loop = proxy_scene_worker(scene)->loop;
	struct stream *stream;
	int fds[2];

	ahead_pool_init(&scene->pool);
	sockets_tcp_pair(fds);
	stream = stream_new(loop, fds[0], &scene->base.server_addr, NULL);
	ck_assert(stream && stream_open(stream));
	link_init(&scene->link, stream, MESSAGE_TO_CLIENT, &events);
	decline_init(&scene->decliner, loop, "t", NULL);
	decline_on(&scene->decliner, &scene->link, false);
	scene->control = fds[1];
	ck_assert_int_eq(fcntl(scene->control, F_SETFL, 0), 0); /* it blocks */
}

static inline void proxy_scene_run_fini(void *arg)
{
	struct proxy_scene *scene = arg;

	link_fini(&scene->link, false);
	close(scene->control);
}

/* The server hears of the visitor that is not carried, and of no other. */
static inline void proxy_scene_expect_declined(struct proxy_scene *scene)
{
	client_scene_expect(scene->control, "{\"Decline\":\"" CLIENT_SCENE_UUID "\"}");
}

static inline void proxy_scene_run_start(void *arg)
{
	struct proxy_scene *scene = arg;

	client_worker_admit(proxy_scene_worker(scene));
	proxy_start(&scene->pool,
	            &(struct announced){ .id = scene->id, .reads_claim = scene->reads_claim });
}

static inline void proxy_scene_run_stop_all(void *arg)
{
	proxy_stop_all(proxy_scene_worker(arg));
}

static inline void proxy_scene_run_keep_one_ahead(void *arg)
{
	struct proxy_scene *scene = arg;

	ahead_pool_keep(
		&scene->pool,
		&(struct ahead_grant){ .n = 1, .most = scene->most_kept, .pass = scene->id });
}

static inline void proxy_scene_run_keep_none_ahead(void *arg)
{
	ahead_pool_keep(&((struct proxy_scene *)arg)->pool, &(struct ahead_grant){ 0 });
}

static inline bool proxy_scene_is_carried(void *arg)
{
	struct proxy_scene *scene = arg;

	if (atomic_load(&scene->base.shared.carried) != scene->carried)
		return false;
	ck_assert_uint_eq(atomic_load(&proxy_scene_worker(scene)->load), scene->carried);
	return true;
}

static inline bool proxy_scene_has_idle(void *arg)
{
	struct proxy_scene *scene = arg;

	return atomic_load(&scene->pool.n_idle) == scene->idle;
}

static inline void proxy_scene_wait_carried(struct proxy_scene *scene, unsigned n)
{
	scene->carried = n;
	ck_assert(client_scene_wait(&scene->base, proxy_scene_is_carried, scene));
}

static inline unsigned proxy_scene_count_of(struct proxy_scene *scene, const unsigned *count)
{
	return client_scene_unsigned(&scene->base, count);
}

static inline double proxy_scene_failures(const struct proxy_scene *scene, const char *why)
{
	return client_scene_count(&scene->base, "spore_client_failures_total", why);
}

static inline void proxy_scene_open(struct proxy_scene *scene, const char *secret)
{
	*scene = (struct proxy_scene){ 0 };
	client_scene_open(&scene->base, &(struct client_scene_options){ .secret = secret });
	ck_assert(uuid_parse(CLIENT_SCENE_UUID, strlen(CLIENT_SCENE_UUID), &scene->id));
	scene->pool.worker = proxy_scene_worker(scene);
	scene->pool.tunnel = scene->base.config->settings.tunnels.items;
	scene->pool.config = scene->base.config;
	scene->pool.decliner = &scene->decliner;
	scene->pool.on_open = proxy_take_open;
	client_scene_call(&scene->base, proxy_scene_run_init, scene);
}

static inline void proxy_scene_start(struct proxy_scene *scene)
{
	client_scene_call(&scene->base, proxy_scene_run_start, scene);
}

static inline void proxy_scene_close(struct proxy_scene *scene)
{
	client_scene_call(&scene->base, proxy_scene_run_keep_none_ahead, scene);
	ck_assert(client_scene_is_left_alone(scene->control, 0)); /* no Decline is left */
	client_scene_call(&scene->base, proxy_scene_run_fini, scene);
	client_scene_close(&scene->base);
	ck_assert_uint_eq(atomic_load(&scene->base.shared.carried), 0);
	ck_assert_uint_eq(proxy_scene_worker(scene)->n_dialling, 0);
	ck_assert_uint_eq(proxy_scene_worker(scene)->n_waiting, 0);
}

static inline void proxy_scene_check_relayed(int from, int to, const char *text)
{
	char got[64];
	size_t len = strlen(text);

	ck_assert_int_eq(send(from, text, len, 0), (ssize_t)len);
	ck_assert_int_eq(recv(to, got, len, MSG_WAITALL), (ssize_t)len);
	ck_assert_int_eq(memcmp(got, text, len), 0);
}

static inline int proxy_scene_open_ahead(struct proxy_scene *scene)
{
	int wire;

	client_scene_call(&scene->base, proxy_scene_run_keep_one_ahead, scene);
	wire = client_scene_accept(scene->base.server);
	client_scene_expect_start(wire, "{\"Ahead\":");
	scene->idle = 1;
	ck_assert(client_scene_wait(&scene->base, proxy_scene_has_idle, scene));
	return wire;
}

static inline void proxy_scene_run_shorten_waits(void *arg)
{
	deadline_list_set(&proxy_scene_worker(arg)->waits, 50);
}

#define PROXY_SCENE_OTHER    "0f0f0f0f-1111-4111-8111-0f0f0f0f0f0f"
#define PROXY_SCENE_OPEN(id) "{\"Open\":{\"id\":\"" id "\",\"from\":\"192.0.2.9:5\"}}"

/* Has this visitor come before, and how? If not, it is noted as such. */
static inline void proxy_scene_run_note(void *arg)
{
	struct proxy_scene *scene = arg;

	scene->was = taken_note(&scene->base.shared.taken, &scene->asked, scene->as, clock_ms());
}

static inline enum taken_as proxy_scene_note(struct proxy_scene *scene, const char *id,
                                             enum taken_as as)
{
	ck_assert(uuid_parse(id, strlen(id), &scene->asked));
	scene->as = as;
	client_scene_call(&scene->base, proxy_scene_run_note, scene);
	return scene->was;
}

static inline void proxy_scene_send_bytes(int fd, const char *bytes, size_t len)
{
	ck_assert_int_eq(send(fd, bytes, len, 0), (ssize_t)len);
}

static inline void proxy_scene_expect_bytes(int fd, const char *bytes, size_t len)
{
	char got[64];

	ck_assert_int_eq(recv(fd, got, len, MSG_WAITALL), (ssize_t)len);
	ck_assert_mem_eq(got, bytes, len);
}

static inline double proxy_scene_visitors(const struct proxy_scene *scene)
{
	return client_scene_count(&scene->base, "spore_client_visitors_total", NULL);
}

/* The visitor's bytes go both ways, in frames. */
static inline void proxy_scene_check_carried(int server, int service)
{
	proxy_scene_send_bytes(server, "\1\0\0\2to", 6);
	proxy_scene_expect_bytes(service, "to", 2);
	proxy_scene_send_bytes(service, "back", 4);
	proxy_scene_expect_bytes(server, "\1\0\0\4back", 8);
}

/* In order, from both sides: the connection is free again. */
static inline void proxy_scene_end_carried(int server, int service)
{
	proxy_scene_send_bytes(server, "\2\0\0\0", 4);
	client_scene_expect_end(service);
	close(service);
	proxy_scene_expect_bytes(server, "\2\0\0\0", 4);
}

static inline void proxy_scene_run_hold_for_long(void *arg)
{
	deadline_list_set(&proxy_scene_worker(arg)->holds, 60000);
}

/* A visitor's life on the connection, whose Opened does not wait for the service. */
static inline void proxy_scene_carry_at_once(struct proxy_scene *scene, int ahead, const char *open)
{
	int service;

	client_scene_send(ahead, open);
	client_scene_expect(ahead, "\"Opened\"");
	service = client_scene_accept(scene->base.service);
	proxy_scene_check_carried(ahead, service);
	proxy_scene_end_carried(ahead, service);
	proxy_scene_wait_carried(scene, 0);
	scene->idle = 1;
	ck_assert(client_scene_wait(&scene->base, proxy_scene_has_idle, scene));
}

#endif
