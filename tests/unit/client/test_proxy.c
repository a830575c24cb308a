#include "client/proxy.h"

#include "few_descriptors.h"
#include "lane/lane.h"
#include "net/stream.h"
#include "scene/client_scene.h"
#include "suite.h"

#define ACCEPT "{\"Accept\":\"" CLIENT_SCENE_UUID "\"}"
#define CARRY  "{\"Carry\":{\"id\":\"" CLIENT_SCENE_UUID "\""
#define CLAIM  "{\"Claim\":\"" CLIENT_SCENE_UUID "\"}"

struct scene {
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

static struct client_worker *worker_of(struct scene *scene)
{
	return &scene->base.workers[0];
}

static void on_message(struct link *link, const struct message *message)
{
	(void)link;
	(void)message;
}

static void on_fault(struct link *link, enum link_fault fault)
{
	(void)link;
	(void)fault;
}

static void on_end(struct link *link, const char *why)
{
	(void)link;
	(void)why;
}

static void run_init(void *arg)
{
	static const struct link_events events = { on_message, on_fault, on_end };
	struct scene *scene = arg;
	struct loop *loop = worker_of(scene)->loop;
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

static void run_fini(void *arg)
{
	struct scene *scene = arg;

	link_fini(&scene->link, false);
	close(scene->control);
}

/* The server hears of the visitor that is not carried, and of no other. */
static void expect_declined(struct scene *scene)
{
	client_scene_expect(scene->control, "{\"Decline\":\"" CLIENT_SCENE_UUID "\"}");
}

static void run_start(void *arg)
{
	struct scene *scene = arg;

	client_worker_admit(worker_of(scene));
	proxy_start(&scene->pool,
	            &(struct announced){ .id = scene->id, .reads_claim = scene->reads_claim });
}

static void run_stop_all(void *arg)
{
	proxy_stop_all(worker_of(arg));
}

static void run_keep_one_ahead(void *arg)
{
	struct scene *scene = arg;

	ahead_pool_keep(
		&scene->pool,
		&(struct ahead_grant){ .n = 1, .most = scene->most_kept, .pass = scene->id });
}

static void run_keep_none_ahead(void *arg)
{
	ahead_pool_keep(&((struct scene *)arg)->pool, &(struct ahead_grant){ 0 });
}

static bool is_carried(void *arg)
{
	struct scene *scene = arg;

	if (atomic_load(&scene->base.shared.carried) != scene->carried)
		return false;
	ck_assert_uint_eq(atomic_load(&worker_of(scene)->load), scene->carried);
	return true;
}

static bool has_idle(void *arg)
{
	struct scene *scene = arg;

	return atomic_load(&scene->pool.n_idle) == scene->idle;
}

static void wait_carried(struct scene *scene, unsigned n)
{
	scene->carried = n;
	ck_assert(client_scene_wait(&scene->base, is_carried, scene));
}

static unsigned count_of(struct scene *scene, const unsigned *count)
{
	return client_scene_unsigned(&scene->base, count);
}

static double failures(const struct scene *scene, const char *why)
{
	return client_scene_count(&scene->base, "spore_client_failures_total", why);
}

static void open_scene(struct scene *scene, const char *secret)
{
	*scene = (struct scene){ 0 };
	client_scene_open(&scene->base, &(struct client_scene_options){ .secret = secret });
	ck_assert(uuid_parse(CLIENT_SCENE_UUID, strlen(CLIENT_SCENE_UUID), &scene->id));
	scene->pool.worker = worker_of(scene);
	scene->pool.tunnel = scene->base.config->settings.tunnels.items;
	scene->pool.config = scene->base.config;
	scene->pool.decliner = &scene->decliner;
	scene->pool.on_open = proxy_take_open;
	client_scene_call(&scene->base, run_init, scene);
}

static void start(struct scene *scene)
{
	client_scene_call(&scene->base, run_start, scene);
}

static void close_scene(struct scene *scene)
{
	client_scene_call(&scene->base, run_keep_none_ahead, scene);
	ck_assert(client_scene_is_left_alone(scene->control, 0)); /* no Decline is left */
	client_scene_call(&scene->base, run_fini, scene);
	client_scene_close(&scene->base);
	ck_assert_uint_eq(atomic_load(&scene->base.shared.carried), 0);
	ck_assert_uint_eq(worker_of(scene)->n_dialling, 0);
	ck_assert_uint_eq(worker_of(scene)->n_waiting, 0);
}

static void check_relayed(int from, int to, const char *text)
{
	char got[64];
	size_t len = strlen(text);

	ck_assert_int_eq(send(from, text, len, 0), (ssize_t)len);
	ck_assert_int_eq(recv(to, got, len, MSG_WAITALL), (ssize_t)len);
	ck_assert_int_eq(memcmp(got, text, len), 0);
}

START_TEST(bytes_go_both_ways_until_both_ends_close)
{
	struct scene scene;
	int server, service;

	open_scene(&scene, NULL);
	start(&scene);
	server = client_scene_accept(scene.base.server);
	service = client_scene_accept(scene.base.service);
	client_scene_expect(server, ACCEPT);
	check_relayed(server, service, "from the visitor");
	check_relayed(service, server, "from the service");
	ck_assert(client_scene_count(&scene.base, "spore_relays", NULL) == 1);
	close(server);
	client_scene_expect_end(service);
	wait_carried(&scene, 1); /* the other direction is open still */
	close(service);
	wait_carried(&scene, 0);
	ck_assert(client_scene_count(&scene.base, "spore_relays", NULL) == 0);
	ck_assert(failures(&scene, NULL) == 0);
	close_scene(&scene);
}
END_TEST

/* The connection that has announced the visitor may be lost before the visitor's own is there. An
 * error on the latter is not taken for bytes of the visitor. */
START_TEST(an_error_never_reaches_the_service)
{
	struct scene scene;
	int server, service;

	open_scene(&scene, NULL);
	scene.reads_claim = true;
	start(&scene);
	server = client_scene_accept(scene.base.server);
	service = client_scene_accept(scene.base.service);
	client_scene_expect(server, CLAIM);
	client_scene_send(server, "{\"Error\":\"timed out\"}");
	close(server);
	server = client_scene_accept(scene.base.server); /* a lost one is replaced once */
	client_scene_expect(server, CLAIM);
	close(server);
	client_scene_expect_end(service);
	wait_carried(&scene, 0);
	ck_assert(failures(&scene, "server") == 1);
	expect_declined(&scene);
	close(service);
	close_scene(&scene);
}
END_TEST

/* The server has to know that the visitor is accepted, however slow the service is. A listener
 * whose queue is full lets connection attempts wait. */
START_TEST(accept_does_not_wait_for_the_service)
{
	struct scene scene;
	int server, filler;

	open_scene(&scene, NULL);
	ck_assert_int_eq(listen(scene.base.service, 0), 0);
	filler = sockets_dial(&scene.base.service_addr);
	start(&scene);
	server = client_scene_accept(scene.base.server);
	client_scene_expect(server, ACCEPT);
	ck_assert(client_scene_count(&scene.base, "spore_relays", NULL) == 0);
	wait_carried(&scene, 1);
	client_scene_call(&scene.base, run_stop_all, &scene);
	client_scene_expect_end(server);
	wait_carried(&scene, 0);
	close(filler);
	close(server);
	close_scene(&scene);
}
END_TEST

START_TEST(visitor_sees_an_orderly_end_when_the_service_is_down)
{
	struct scene scene;
	int server;

	open_scene(&scene, NULL);
	close(scene.base.service);
	scene.base.service = -1;
	start(&scene);
	server = client_scene_accept(scene.base.server);
	client_scene_expect(server, ACCEPT);
	ck_assert_int_eq(recv(server, &(char){ 0 }, 1, 0), 0); /* no reset */
	wait_carried(&scene, 0);
	ck_assert(failures(&scene, "service") == 1);
	close(server);
	close_scene(&scene);
}
END_TEST

/* The server, which is slow here, need not be reached: it ends the visitor itself. */
START_TEST(a_server_that_reads_it_hears_that_the_service_is_down)
{
	struct scene scene;
	int filler;

	open_scene(&scene, NULL);
	ck_assert_int_eq(listen(scene.base.server, 0), 0);
	filler = sockets_dial(&scene.base.server_addr);
	decline_on(&scene.decliner, &scene.link, true);
	close(scene.base.service);
	scene.base.service = -1;
	start(&scene);
	client_scene_expect(scene.control, "{\"Unserved\":\"" CLIENT_SCENE_UUID "\"}");
	wait_carried(&scene, 0);
	ck_assert(failures(&scene, "service") == 1);
	close(filler);
	close_scene(&scene);
}
END_TEST

/* The server can be told however long the service's name takes to fail. */
START_TEST(the_service_comes_first_after_a_visitor_without_it)
{
	struct scene scene;

	open_scene(&scene, NULL);
	decline_on(&scene.decliner, &scene.link, true);
	scene.pool.lacks_service = true;
	close(scene.base.service);
	scene.base.service = -1;
	start(&scene);
	client_scene_expect(scene.control, "{\"Unserved\":\"" CLIENT_SCENE_UUID "\"}");
	wait_carried(&scene, 0);
	ck_assert(scene.pool.lacks_service);
	ck_assert(client_scene_is_left_alone(scene.base.server, 100));
	close_scene(&scene);
}
END_TEST

START_TEST(a_service_that_is_back_gets_its_visitor)
{
	struct scene scene;
	int server, service;

	open_scene(&scene, NULL);
	decline_on(&scene.decliner, &scene.link, true);
	scene.pool.lacks_service = true;
	start(&scene);
	server = client_scene_accept(scene.base.server);
	client_scene_expect(server, ACCEPT);
	service = client_scene_accept(scene.base.service);
	check_relayed(server, service, "ping");
	close(server);
	close(service);
	wait_carried(&scene, 0);
	ck_assert(!scene.pool.lacks_service);
	close_scene(&scene);
}
END_TEST

START_TEST(service_is_let_go_when_the_server_is_down)
{
	struct scene scene;

	open_scene(&scene, NULL);
	close(scene.base.server);
	scene.base.server = -1;
	start(&scene);
	wait_carried(&scene, 0);
	expect_declined(&scene);
	ck_assert(failures(&scene, "server") == 1);
	ck_assert(failures(&scene, NULL) == 1);
	close_scene(&scene);
}
END_TEST

START_TEST(as_many_dial_as_may_and_the_rest_wait_their_turn)
{
	struct scene scene;
	int wires[3];

	open_scene(&scene, "s3cret");
	worker_of(&scene)->max_dialling = 1;
	for (int i = 0; i < 3; i++)
		start(&scene);
	ck_assert_uint_eq(count_of(&scene, &worker_of(&scene)->n_dialling), 1);
	ck_assert_uint_eq(count_of(&scene, &worker_of(&scene)->n_waiting), 2);
	wait_carried(&scene, 3);
	for (int i = 0; i < 3; i++) {
		wires[i] = client_scene_accept(scene.base.server);
		ck_assert(i == 2 || client_scene_is_left_alone(scene.base.server, 5));
		close(wires[i]);
		wait_carried(&scene, 2 - (unsigned)i);
		expect_declined(&scene);
	}
	ck_assert(failures(&scene, "server") == 3);
	close_scene(&scene);
}
END_TEST

START_TEST(relays_take_the_place_of_dials_when_descriptors_are_short)
{
	struct scene scene;
	int server, service;

	open_scene(&scene, NULL);
	worker_of(&scene)->max_carried = 1;
	start(&scene);
	server = client_scene_accept(scene.base.server);
	service = client_scene_accept(scene.base.service);
	client_scene_expect(server, ACCEPT);
	check_relayed(server, service, "x");
	start(&scene);
	ck_assert_uint_eq(count_of(&scene, &worker_of(&scene)->n_waiting), 1);
	ck_assert(client_scene_is_left_alone(scene.base.server, 5));
	close(server);
	close(service);
	server = client_scene_accept(scene.base.server);
	client_scene_expect(server, ACCEPT);
	close(server);
	close_scene(&scene);
}
END_TEST

static void run_flood(void *arg)
{
	for (int i = 0; i < 4096 + 1 + 3; i++)
		run_start(arg);
}

START_TEST(queue_is_bounded)
{
	struct scene scene;

	open_scene(&scene, "s3cret");
	worker_of(&scene)->max_dialling = 1;
	client_scene_call(&scene.base, run_flood, &scene);
	ck_assert_uint_eq(count_of(&scene, &worker_of(&scene)->n_dialling), 1);
	ck_assert_uint_eq(count_of(&scene, &worker_of(&scene)->n_waiting), 4096);
	ck_assert(failures(&scene, "queue") == 3);
	wait_carried(&scene, 4096 + 1);
	for (int i = 0; i < 3; i++)
		expect_declined(&scene);
	client_scene_call(&scene.base, run_stop_all, &scene);
	wait_carried(&scene, 0);
	ck_assert_uint_eq(count_of(&scene, &worker_of(&scene)->n_waiting), 0);
	close_scene(&scene);
}
END_TEST

static int open_ahead(struct scene *scene)
{
	int wire;

	client_scene_call(&scene->base, run_keep_one_ahead, scene);
	wire = client_scene_accept(scene->base.server);
	client_scene_expect_start(wire, "{\"Ahead\":");
	scene->idle = 1;
	ck_assert(client_scene_wait(&scene->base, has_idle, scene));
	return wire;
}

/* The visitor's first bytes come right behind the server's answer. */
START_TEST(connection_opened_ahead_is_used_first)
{
	struct scene scene;
	int ahead, service;
	char got[8];

	open_scene(&scene, NULL);
	ahead = open_ahead(&scene);
	start(&scene);
	client_scene_expect(ahead, ACCEPT);
	ck_assert_int_eq(send(ahead, "\"Accepted\"\0first", 16, 0), 16);
	service = client_scene_accept(scene.base.service);
	ck_assert_int_eq(recv(service, got, 5, MSG_WAITALL), 5);
	ck_assert_int_eq(memcmp(got, "first", 5), 0);
	check_relayed(service, ahead, "back");
	close(service);
	close(ahead);
	close_scene(&scene);
}
END_TEST

START_TEST(lost_connection_is_replaced_by_a_dialled_one)
{
	struct scene scene;
	int ahead, service, wire;
	char text[300];

	open_scene(&scene, NULL);
	ahead = open_ahead(&scene);
	start(&scene);
	client_scene_expect(ahead, ACCEPT);
	close(ahead);
	service = client_scene_accept(scene.base.service);
	/* One connection replaces the one that was used, the other one is the visitor's. */
	wire = client_scene_accept(scene.base.server);
	while (strcmp(client_scene_read(wire, text), ACCEPT) != 0) {
		close(wire);
		wire = client_scene_accept(scene.base.server);
	}
	check_relayed(wire, service, "saved");
	ck_assert(failures(&scene, NULL) == 0);
	close(wire);
	close(service);
	close_scene(&scene);
}
END_TEST

/* ---- a connection opened ahead that does not answer ---- */

struct rivals {
	int ahead, service, dialled;
};

/* Another connection claims the visitor after 250 ms. */
static struct rivals dial_beside(struct scene *scene)
{
	struct rivals rivals;
	int64_t since_ms;
	char text[300];

	scene->reads_claim = true;
	rivals.ahead = open_ahead(scene);
	since_ms = clock_ms();
	start(scene);
	client_scene_expect_start(rivals.ahead, scene->most_kept ? CARRY : ACCEPT);
	rivals.service = client_scene_accept(scene->base.service);
	/* One connection replaces the one that is used. */
	rivals.dialled = client_scene_accept(scene->base.server);
	while (strcmp(client_scene_read(rivals.dialled, text), CLAIM) != 0)
		rivals.dialled = client_scene_accept(scene->base.server);
	ck_assert_int_ge(clock_ms() - since_ms, PROXY_SLOW_MS - 10);
	ck_assert_int_lt(clock_ms() - since_ms, 2000);
	return rivals;
}

static void end_rivals(struct scene *scene, const struct rivals *rivals)
{
	close(rivals->ahead);
	close(rivals->service);
	close(rivals->dialled);
	wait_carried(scene, 0);
	ck_assert(failures(scene, NULL) == 0);
	close_scene(scene);
}

START_TEST(a_dead_connection_ahead_holds_the_visitor_up_for_250_ms)
{
	struct scene scene;
	struct rivals rivals;

	open_scene(&scene, NULL);
	rivals = dial_beside(&scene);
	client_scene_send(rivals.dialled, "\"Accepted\"");
	client_scene_expect_end(rivals.ahead);
	check_relayed(rivals.dialled, rivals.service, "claimed");
	check_relayed(rivals.service, rivals.dialled, "back");
	end_rivals(&scene, &rivals);
}
END_TEST

/* The server closes the one whose visitor is taken. */
START_TEST(a_late_answer_on_the_connection_ahead_is_as_good)
{
	struct scene scene;
	struct rivals rivals;

	open_scene(&scene, NULL);
	rivals = dial_beside(&scene);
	shutdown(rivals.dialled, SHUT_WR);
	client_scene_expect_end(rivals.dialled);
	client_scene_send(rivals.ahead, "\"Accepted\"");
	check_relayed(rivals.ahead, rivals.service, "late");
	end_rivals(&scene, &rivals);
}
END_TEST

START_TEST(an_answer_on_the_connection_ahead_ends_the_other)
{
	struct scene scene;
	struct rivals rivals;

	open_scene(&scene, NULL);
	rivals = dial_beside(&scene);
	client_scene_send(rivals.ahead, "\"Accepted\"");
	client_scene_expect_end(rivals.dialled);
	check_relayed(rivals.ahead, rivals.service, "first");
	end_rivals(&scene, &rivals);
}
END_TEST

START_TEST(a_claim_outlives_the_connection_ahead)
{
	struct scene scene;
	struct rivals rivals;

	open_scene(&scene, NULL);
	rivals = dial_beside(&scene);
	shutdown(rivals.ahead, SHUT_WR);
	client_scene_expect_end(rivals.ahead);
	client_scene_send(rivals.dialled, "\"Accepted\"");
	check_relayed(rivals.dialled, rivals.service, "claimed");
	end_rivals(&scene, &rivals);
}
END_TEST

/* An older server does not read Claim; the answer is awaited. */
/* What follows Accepted in answer to Claim is not framed, whatever the other one was asked for. */
START_TEST(a_claim_beside_carry_is_no_carry)
{
	struct scene scene;
	struct rivals rivals;

	open_scene(&scene, NULL);
	scene.most_kept = 1;
	rivals = dial_beside(&scene);
	shutdown(rivals.ahead, SHUT_WR);
	client_scene_expect_end(rivals.ahead);
	client_scene_send(rivals.dialled, "\"Accepted\"");
	check_relayed(rivals.dialled, rivals.service, "claimed");
	check_relayed(rivals.service, rivals.dialled, "back");
	end_rivals(&scene, &rivals);
	ck_assert_uint_eq(scene.pool.lent, 0);
}
END_TEST

START_TEST(nothing_is_dialled_beside_where_the_server_reads_no_claim)
{
	struct scene scene;
	int ahead, service, wire;

	open_scene(&scene, NULL);
	ahead = open_ahead(&scene);
	start(&scene);
	client_scene_expect(ahead, ACCEPT);
	wire = client_scene_accept(scene.base.server);
	client_scene_expect_start(wire, "{\"Ahead\":"); /* in its place */
	ck_assert(client_scene_is_left_alone(scene.base.server, PROXY_SLOW_MS + 100));
	client_scene_send(ahead, "\"Accepted\"");
	service = client_scene_accept(scene.base.service);
	check_relayed(ahead, service, "slow");
	close(ahead);
	close(service);
	close(wire);
	close_scene(&scene);
}
END_TEST

/* ---- what this machine lacks ---- */

static double declined_for_descriptors(struct scene *scene, unsigned spare)
{
	struct rlimit before = few_descriptors_begin(spare);

	start(scene);
	expect_declined(scene);
	few_descriptors_end(&before);
	wait_carried(scene, 0);
	ck_assert(failures(scene, NULL) == failures(scene, "descriptors"));
	return failures(scene, "descriptors");
}

/* Neither connection gets one, or one does. The service is not to blame, also if the server would
 * read that. */
START_TEST(a_visitor_without_descriptors_is_declined_at_once)
{
	struct scene scene;

	open_scene(&scene, NULL);
	ck_assert(declined_for_descriptors(&scene, 0) == 1);
	ck_assert(declined_for_descriptors(&scene, 1) == 2);
	decline_on(&scene.decliner, &scene.link, true);
	ck_assert(declined_for_descriptors(&scene, 0) == 3);
	close_scene(&scene);
}
END_TEST

static void run_shorten_waits(void *arg)
{
	deadline_list_set(&worker_of(arg)->waits, 50);
}

/* Nothing else happens meanwhile. */
START_TEST(who_waits_too_long_for_a_descriptor_is_declined)
{
	struct scene scene;
	int server, service;

	open_scene(&scene, NULL);
	client_scene_call(&scene.base, run_shorten_waits, &scene);
	worker_of(&scene)->max_carried = 1;
	start(&scene);
	server = client_scene_accept(scene.base.server);
	service = client_scene_accept(scene.base.service);
	client_scene_expect(server, ACCEPT);
	check_relayed(server, service, "x");
	start(&scene);
	expect_declined(&scene);
	wait_carried(&scene, 1);
	ck_assert(failures(&scene, "descriptors") == 1);
	ck_assert(failures(&scene, NULL) == 1);
	close(server);
	close(service);
	wait_carried(&scene, 0);
	close_scene(&scene);
}
END_TEST

START_TEST(who_waits_too_long_for_a_turn_is_declined)
{
	struct scene scene;

	open_scene(&scene, "s3cret");
	client_scene_call(&scene.base, run_shorten_waits, &scene);
	worker_of(&scene)->max_dialling = 1;
	start(&scene);
	start(&scene);
	expect_declined(&scene);
	ck_assert(failures(&scene, "queue") == 1);
	ck_assert(failures(&scene, NULL) == 1);
	client_scene_call(&scene.base, run_stop_all, &scene);
	wait_carried(&scene, 0);
	close_scene(&scene);
}
END_TEST

/* ---- a visitor that the server hands over ---- */

#define OTHER_UUID "0f0f0f0f-1111-4111-8111-0f0f0f0f0f0f"
#define OPEN(id)   "{\"Open\":{\"id\":\"" id "\",\"from\":\"192.0.2.9:5\"}}"

/* Has this visitor come before, and how? If not, it is noted as such. */
static void run_note(void *arg)
{
	struct scene *scene = arg;

	scene->was = taken_note(&scene->base.shared.taken, &scene->asked, scene->as, clock_ms());
}

static enum taken_as note(struct scene *scene, const char *id, enum taken_as as)
{
	ck_assert(uuid_parse(id, strlen(id), &scene->asked));
	scene->as = as;
	client_scene_call(&scene->base, run_note, scene);
	return scene->was;
}

static void send_bytes(int fd, const char *bytes, size_t len)
{
	ck_assert_int_eq(send(fd, bytes, len, 0), (ssize_t)len);
}

static void expect_bytes(int fd, const char *bytes, size_t len)
{
	char got[64];

	ck_assert_int_eq(recv(fd, got, len, MSG_WAITALL), (ssize_t)len);
	ck_assert_mem_eq(got, bytes, len);
}

static double visitors(const struct scene *scene)
{
	return client_scene_count(&scene->base, "spore_client_visitors_total", NULL);
}

/* The visitor's bytes go both ways, in frames. */
static void check_carried(int server, int service)
{
	send_bytes(server, "\1\0\0\2to", 6);
	expect_bytes(service, "to", 2);
	send_bytes(service, "back", 4);
	expect_bytes(server, "\1\0\0\4back", 8);
}

/* In order, from both sides: the connection is free again. */
static void end_carried(int server, int service)
{
	send_bytes(server, "\2\0\0\0", 4);
	client_scene_expect_end(service);
	close(service);
	expect_bytes(server, "\2\0\0\0", 4);
}

/* The server passes on what it gets only once it has the answer. */
START_TEST(a_visitor_that_is_handed_over_is_taken_before_the_service_answers)
{
	struct scene scene;
	int ahead, filler, service;
	char text[300];

	open_scene(&scene, NULL);
	ahead = open_ahead(&scene);
	ck_assert_int_eq(listen(scene.base.service, 0), 0);
	filler = sockets_dial(&scene.base.service_addr);
	client_scene_send(ahead, OPEN(CLIENT_SCENE_UUID));
	send_bytes(ahead, "\1\0\0\5first", 9);
	client_scene_expect(ahead, "\"Opened\"");
	ck_assert(client_scene_count(&scene.base, "spore_relays", NULL) == 0);
	wait_carried(&scene, 1);
	ck_assert(visitors(&scene) == 1);
	close(client_scene_accept(scene.base.service)); /* the filler */
	service = client_scene_accept(scene.base.service);
	expect_bytes(service, "first", 5);
	check_carried(ahead, service);
	ck_assert_int_eq(note(&scene, CLIENT_SCENE_UUID, TAKEN_ANNOUNCED), TAKEN_OPENED);
	close(ahead);
	client_scene_read(service, text);
	close(service);
	close(filler);
	wait_carried(&scene, 0);
	close_scene(&scene);
}
END_TEST

static void run_hold_for_long(void *arg)
{
	deadline_list_set(&worker_of(arg)->holds, 60000);
}

/* A visitor that is handed over, and whose Opened waits for the service. Returns the connection to
 * the server. */
static int open_held(struct scene *scene)
{
	int ahead;

	open_scene(scene, NULL);
	scene->most_kept = 5;
	client_scene_call(&scene->base, run_hold_for_long, scene);
	ahead = open_ahead(scene);
	client_scene_send(ahead, OPEN(CLIENT_SCENE_UUID));
	send_bytes(ahead, "\1\0\0\5first", 9);
	wait_carried(scene, 1);
	return ahead;
}

/* The same; the service has the visitor's first bytes. */
static int serve_held(struct scene *scene, int *service_out)
{
	int ahead = open_held(scene);

	*service_out = client_scene_accept(scene->base.service);
	expect_bytes(*service_out, "first", 5);
	ck_assert(client_scene_is_left_alone(ahead, 20));
	return ahead;
}

/* All of it has come at once. */
static void expect_one_write(int fd, const char *bytes, size_t len)
{
	char got[64];

	ck_assert_int_eq(recv(fd, got, sizeof got, 0), (ssize_t)len);
	ck_assert_mem_eq(got, bytes, len);
}

START_TEST(opened_leaves_with_the_services_first_bytes)
{
	struct scene scene;
	int service, ahead = serve_held(&scene, &service);

	send_bytes(service, "answer", 6);
	expect_one_write(ahead, "\"Opened\"\0\1\0\0\6answer", 19);
	check_carried(ahead, service);
	end_carried(ahead, service);
	wait_carried(&scene, 0);
	close(ahead);
	close_scene(&scene);
}
END_TEST

START_TEST(opened_leaves_with_the_services_end)
{
	struct scene scene;
	int service, ahead = serve_held(&scene, &service);

	close(service);
	expect_one_write(ahead, "\"Opened\"\0\2\0\0\0", 13);
	send_bytes(ahead, "\2\0\0\0", 4);
	wait_carried(&scene, 0);
	scene.idle = 1; /* the connection is free again */
	ck_assert(client_scene_wait(&scene.base, has_idle, &scene));
	close(ahead);
	close_scene(&scene);
}
END_TEST

/* It may wait for what the visitor says next, which the server has kept. */
START_TEST(opened_does_not_wait_long_for_a_silent_service)
{
	struct scene scene;
	int service, ahead;

	open_scene(&scene, NULL);
	ahead = open_ahead(&scene);
	client_scene_send(ahead, OPEN(CLIENT_SCENE_UUID));
	send_bytes(ahead, "\1\0\0\5first", 9);
	service = client_scene_accept(scene.base.service);
	expect_bytes(service, "first", 5);
	client_scene_expect(ahead, "\"Opened\"");
	check_carried(ahead, service);
	close(ahead);
	close(service);
	wait_carried(&scene, 0);
	close_scene(&scene);
}
END_TEST

/* A visitor's life on the connection, whose Opened does not wait for the service. */
static void carry_at_once(struct scene *scene, int ahead, const char *open)
{
	int service;

	client_scene_send(ahead, open);
	client_scene_expect(ahead, "\"Opened\"");
	service = client_scene_accept(scene->base.service);
	check_carried(ahead, service);
	end_carried(ahead, service);
	wait_carried(scene, 0);
	scene->idle = 1;
	ck_assert(client_scene_wait(&scene->base, has_idle, scene));
}

START_TEST(after_a_hold_in_vain_some_visitors_have_none)
{
	struct scene scene;
	int service, ahead;

	open_scene(&scene, NULL);
	scene.most_kept = 5;
	ahead = open_ahead(&scene);
	carry_at_once(&scene, ahead, OPEN(CLIENT_SCENE_UUID)); /* after the hold */
	ck_assert_uint_eq(count_of(&scene, &scene.pool.until_holds), 2);
	client_scene_call(&scene.base, run_hold_for_long, &scene);
	carry_at_once(&scene, ahead, OPEN(OTHER_UUID));
	carry_at_once(&scene, ahead, OPEN(CLIENT_SCENE_UUID));
	client_scene_send(ahead, OPEN(OTHER_UUID));
	service = client_scene_accept(scene.base.service);
	ck_assert(client_scene_is_left_alone(ahead, 20));
	send_bytes(service, "answer", 6);
	expect_one_write(ahead, "\"Opened\"\0\1\0\0\6answer", 19);
	end_carried(ahead, service);
	wait_carried(&scene, 0);
	ck_assert_uint_eq(count_of(&scene, &scene.pool.vain_holds), 0);
	close(ahead);
	close_scene(&scene);
}
END_TEST

/* The server keeps what is more than these bytes until it has Opened. */
START_TEST(opened_does_not_wait_if_the_first_bytes_are_as_many_as_may_be)
{
	static char first[LANE_FIRST_MOST];
	uint8_t header[LANE_HEADER];
	struct scene scene;
	int service, ahead;

	open_scene(&scene, NULL);
	client_scene_call(&scene.base, run_hold_for_long, &scene);
	ahead = open_ahead(&scene);
	client_scene_send(ahead, OPEN(CLIENT_SCENE_UUID));
	lane_put_data_header(header, sizeof first);
	send_bytes(ahead, (const char *)header, sizeof header);
	send_bytes(ahead, first, sizeof first);
	client_scene_expect(ahead, "\"Opened\"");
	service = client_scene_accept(scene.base.service);
	ck_assert_int_eq(recv(service, first, sizeof first, MSG_WAITALL), (ssize_t)sizeof first);
	check_carried(ahead, service);
	close(ahead);
	close(service);
	wait_carried(&scene, 0);
	close_scene(&scene);
}
END_TEST

/* The server announces the visitor. The client remembers it, since the service may have its bytes.
 */
START_TEST(a_visitor_whose_connection_is_lost_before_opened_is_remembered)
{
	struct scene scene;
	int service, ahead = serve_held(&scene, &service);
	char text[300];

	sockets_reset(ahead);
	ck_assert_int_le(recv(service, text, sizeof text, 0), 0); /* the visitor is over there */
	wait_carried(&scene, 0);
	ck_assert_uint_eq(count_of(&scene, &scene.pool.lent), 0);
	ck_assert_int_eq(note(&scene, CLIENT_SCENE_UUID, TAKEN_ANNOUNCED), TAKEN_OPENED);
	close(service);
	close_scene(&scene);
}
END_TEST

/* In a relay, and while the service is dialled. */
START_TEST(a_client_may_end_before_opened)
{
	struct scene scene;
	int service, filler, ahead = serve_held(&scene, &service);

	close_scene(&scene);
	ck_assert_int_le(recv(ahead, &(char){ 0 }, 1, 0), 0);
	close(service);
	close(ahead);
	open_scene(&scene, NULL);
	client_scene_call(&scene.base, run_hold_for_long, &scene);
	ahead = open_ahead(&scene);
	ck_assert_int_eq(listen(scene.base.service, 0), 0);
	filler = sockets_dial(&scene.base.service_addr);
	client_scene_send(ahead, OPEN(CLIENT_SCENE_UUID));
	wait_carried(&scene, 1);
	client_scene_call(&scene.base, run_stop_all, &scene);
	client_scene_expect_end(ahead);
	wait_carried(&scene, 0);
	ck_assert_uint_eq(count_of(&scene, &scene.pool.lent), 0);
	close(filler);
	close(ahead);
	close_scene(&scene);
}
END_TEST

/* Once the connection is free again, the server knows that the client has had the visitor. */
START_TEST(one_visitor_after_another_is_handed_over)
{
	static const char *const opens[] = { OPEN(CLIENT_SCENE_UUID), OPEN(OTHER_UUID),
		                             OPEN(CLIENT_SCENE_UUID) };
	struct scene scene;
	int ahead, service;

	open_scene(&scene, NULL);
	scene.most_kept = 5;
	ahead = open_ahead(&scene);
	for (size_t i = 0; i < 3; i++)
		carry_at_once(&scene, ahead, opens[i]); /* no other one is dialled meanwhile */
	ck_assert_int_eq(note(&scene, OTHER_UUID, TAKEN_ANNOUNCED), TAKEN_NOT);
	ck_assert(visitors(&scene) == 3);
	ck_assert(failures(&scene, NULL) == 0);
	start(&scene); /* a visitor may also be asked for there */
	client_scene_expect_start(ahead, "{\"Carry\":");
	service = client_scene_accept(scene.base.service);
	close(ahead);
	close(service);
	client_scene_call(&scene.base, run_stop_all, &scene);
	wait_carried(&scene, 0);
	close_scene(&scene);
}
END_TEST

/* Its connection is closed, so the server announces it, and hears what the client knows. */
START_TEST(a_visitor_that_has_come_before_is_not_taken)
{
	static const enum taken_as ways[] = { TAKEN_OPENED, TAKEN_ANNOUNCED };

	for (int i = 0; i < 2; i++) {
		struct scene scene;
		int ahead;

		open_scene(&scene, NULL);
		ck_assert_int_eq(note(&scene, CLIENT_SCENE_UUID, ways[i]), TAKEN_NOT);
		ahead = open_ahead(&scene);
		client_scene_send(ahead, OPEN(CLIENT_SCENE_UUID));
		client_scene_expect_end(ahead);
		ck_assert(client_scene_is_left_alone(scene.base.service, 30));
		wait_carried(&scene, 0);
		ck_assert(visitors(&scene) == 0);
		ck_assert_int_eq(note(&scene, CLIENT_SCENE_UUID, TAKEN_OPENED), ways[i]);
		close(ahead);
		close_scene(&scene);
	}
}
END_TEST

/* A visitor that cannot be set up at once is not taken: it may still be announced. */
START_TEST(a_visitor_is_not_taken_without_descriptors_or_a_service)
{
	for (int i = 0; i < 2; i++) {
		struct scene scene;
		int ahead;

		open_scene(&scene, NULL);
		ahead = open_ahead(&scene);
		if (i)
			worker_of(&scene)->max_carried = 0;
		else
			scene.pool.lacks_service = true;
		client_scene_send(ahead, OPEN(CLIENT_SCENE_UUID));
		client_scene_expect_end(ahead);
		ck_assert(client_scene_is_left_alone(scene.base.service, 30));
		ck_assert_int_eq(note(&scene, CLIENT_SCENE_UUID, TAKEN_ANNOUNCED), TAKEN_NOT);
		ck_assert(visitors(&scene) == 0);
		wait_carried(&scene, 0);
		close(ahead);
		close_scene(&scene);
	}
}
END_TEST

START_TEST(a_visitor_that_was_taken_sees_an_orderly_end_without_the_service)
{
	struct scene scene;
	int ahead;

	open_scene(&scene, NULL);
	ahead = open_ahead(&scene);
	close(scene.base.service);
	scene.base.service = -1;
	client_scene_send(ahead, OPEN(CLIENT_SCENE_UUID));
	client_scene_expect(ahead, "\"Opened\"");
	expect_bytes(ahead, "\2\0\0\0", 4);
	wait_carried(&scene, 0);
	ck_assert(failures(&scene, "service") == 1);
	close(ahead);
	close_scene(&scene);
}
END_TEST

static void run_make_room(void *arg)
{
	struct client_worker *worker = worker_of(arg);

	worker->max_dialling = 1;
	loop_at_turn_end(worker->loop, &worker->start_waiting);
}

/* It has been taken, and waits for its turn to reach the service. */
START_TEST(a_visitor_that_was_taken_may_be_queued)
{
	struct scene scene;
	int ahead, service;

	open_scene(&scene, NULL);
	ahead = open_ahead(&scene);
	worker_of(&scene)->max_dialling = 0;
	client_scene_send(ahead, OPEN(CLIENT_SCENE_UUID));
	client_scene_expect(ahead, "\"Opened\"");
	wait_carried(&scene, 1);
	ck_assert_uint_eq(count_of(&scene, &worker_of(&scene)->n_waiting), 1);
	ck_assert(client_scene_is_left_alone(scene.base.service, 30));
	client_scene_call(&scene.base, run_make_room, &scene);
	service = client_scene_accept(scene.base.service);
	check_carried(ahead, service);
	close(ahead);
	close(service);
	wait_carried(&scene, 0);
	close_scene(&scene);
}
END_TEST

START_TEST(a_visitor_that_waits_too_long_for_its_turn_ends)
{
	struct scene scene;
	int ahead;

	open_scene(&scene, NULL);
	client_scene_call(&scene.base, run_shorten_waits, &scene);
	ahead = open_ahead(&scene);
	worker_of(&scene)->max_dialling = 0;
	client_scene_send(ahead, OPEN(CLIENT_SCENE_UUID));
	client_scene_expect(ahead, "\"Opened\"");
	client_scene_expect_end(ahead);
	wait_carried(&scene, 0);
	ck_assert(failures(&scene, "queue") == 1);
	close(ahead);
	close_scene(&scene);
}
END_TEST

/* Both visitors are served: the one that was asked for is asked for again elsewhere. */
START_TEST(a_handover_that_crosses_a_request_costs_no_visitor)
{
	struct scene scene;
	int ahead, services[2], wire;
	char text[300];

	open_scene(&scene, NULL);
	scene.most_kept = 5;
	ahead = open_ahead(&scene);
	start(&scene);
	client_scene_send(ahead, OPEN(OTHER_UUID));
	client_scene_expect_start(ahead, "{\"Carry\":{\"id\":\"" CLIENT_SCENE_UUID "\"");
	client_scene_expect(ahead, "\"Opened\"");
	for (int i = 0; i < 2; i++)
		services[i] = client_scene_accept(scene.base.service);
	do { /* one connection replaces the one that is used */
		wire = client_scene_accept(scene.base.server);
	} while (strncmp(client_scene_read(wire, text), "{\"Carry\":", 9) != 0);
	client_scene_send(wire, "\"Accepted\"");
	check_carried(wire, services[0]); /* it was dialled first */
	check_carried(ahead, services[1]);
	wait_carried(&scene, 2);
	ck_assert(failures(&scene, NULL) == 0);
	for (int i = 0; i < 2; i++)
		close(services[i]);
	close(ahead);
	close(wire);
	wait_carried(&scene, 0);
	close_scene(&scene);
}
END_TEST

SUITE("proxy", an_error_never_reaches_the_service, opened_leaves_with_the_services_first_bytes,
      opened_leaves_with_the_services_end, opened_does_not_wait_long_for_a_silent_service,
      opened_does_not_wait_if_the_first_bytes_are_as_many_as_may_be,
      a_visitor_whose_connection_is_lost_before_opened_is_remembered,
      a_client_may_end_before_opened, the_service_comes_first_after_a_visitor_without_it,
      a_service_that_is_back_gets_its_visitor, a_visitor_without_descriptors_is_declined_at_once,
      who_waits_too_long_for_a_descriptor_is_declined, who_waits_too_long_for_a_turn_is_declined,
      bytes_go_both_ways_until_both_ends_close, accept_does_not_wait_for_the_service,
      visitor_sees_an_orderly_end_when_the_service_is_down,
      a_server_that_reads_it_hears_that_the_service_is_down,
      service_is_let_go_when_the_server_is_down, as_many_dial_as_may_and_the_rest_wait_their_turn,
      relays_take_the_place_of_dials_when_descriptors_are_short, queue_is_bounded,
      connection_opened_ahead_is_used_first, lost_connection_is_replaced_by_a_dialled_one,
      a_dead_connection_ahead_holds_the_visitor_up_for_250_ms,
      after_a_hold_in_vain_some_visitors_have_none,
      a_late_answer_on_the_connection_ahead_is_as_good,
      an_answer_on_the_connection_ahead_ends_the_other, a_claim_outlives_the_connection_ahead,
      a_claim_beside_carry_is_no_carry, nothing_is_dialled_beside_where_the_server_reads_no_claim,
      a_visitor_that_is_handed_over_is_taken_before_the_service_answers,
      one_visitor_after_another_is_handed_over, a_visitor_that_has_come_before_is_not_taken,
      a_visitor_is_not_taken_without_descriptors_or_a_service,
      a_visitor_that_was_taken_sees_an_orderly_end_without_the_service,
      a_visitor_that_was_taken_may_be_queued, a_visitor_that_waits_too_long_for_its_turn_ends,
      a_handover_that_crosses_a_request_costs_no_visitor)
