#include "route/glance.h"

#include <unistd.h>

#include "net/stream.h"
#include "scene/route_scene.h"
#include "sockets.h"
#include "suite.h"
#include "transports/drip.h"
#include "transports/stacking.h"

/* How a glance has ended. */
struct outcome {
	atomic_bool is_there;
	int given, fd;         /* the socket, before and afterwards; -1: the visitor has left */
	struct stream *stream; /* of the socket; NULL: it is bare */
	enum route_verdict verdict;
	char name[SPORE_ROUTE_NAME_SIZE];
};

struct scene {
	struct route_scene route;
	struct glance_list list;
	int64_t timeout_ms;
	unsigned most;
	spore_addr local, peer;
	struct outcome outcomes[4];
	int starting; /* argument of start_glance */
	struct outcome *target;
};

static void on_decided(bool has_left, enum route_verdict verdict, const struct route_answer *answer,
                       void *arg)
{
	struct outcome *outcome = arg;

	ck_assert(!outcome->is_there);
	outcome->fd = has_left ? -1 : outcome->given;
	outcome->verdict = verdict;
	memcpy(outcome->name, answer->name, sizeof outcome->name);
	outcome->is_there = true;
}

static void init_list(void *arg)
{
	struct scene *scene = arg;

	glance_list_init(&scene->list, scene->route.it.host.loops[0], scene->timeout_ms,
	                 scene->most);
}

static void fini_list(void *arg)
{
	struct scene *scene = arg;

	glance_list_fini(&scene->list);
	ck_assert_uint_eq(scene->list.n, 0);
}

static struct glance_spec spec_of(struct scene *scene)
{
	return (struct glance_spec){ .chain = scene->route.chain,
		                     .listener = "web",
		                     .local = &scene->local,
		                     .peer = &scene->peer,
		                     .on_decided = on_decided,
		                     .arg = scene->target };
}

static void start_glance(void *arg)
{
	struct scene *scene = arg;
	struct glance_spec spec = spec_of(scene);

	scene->target->given = scene->starting;
	ck_assert(glance_start(&scene->list, scene->starting, &spec));
}

/* The same behind a transport. */
static void start_behind_transport(void *arg)
{
	struct scene *scene = arg;
	struct glance_spec spec = spec_of(scene);
	struct stream *stream = stream_new(scene->route.it.host.loops[0], scene->starting,
	                                   &scene->peer, &scene->local);

	ck_assert_ptr_nonnull(stream);
	stacking_push(stream, &drip_new(stream_top(stream))->base, false);
	ck_assert(stream_open(stream));
	scene->target->given = scene->starting;
	scene->target->stream = stream;
	ck_assert(glance_start_stream(&scene->list, stream, &spec));
}

/* So that the turn of a call before has ended. */
static void do_nothing(void *arg)
{
	(void)arg;
}

static void open_scene(struct scene *scene, int64_t timeout_ms, unsigned most)
{
	*scene = (struct scene){ .timeout_ms = timeout_ms, .most = most, .peer.port = 99 };
	route_scene_open(&scene->route);
	host_scene_call(&scene->route.it.host, init_list, scene);
}

static void close_scene(struct scene *scene)
{
	host_scene_call(&scene->route.it.host, fini_list, scene);
	host_scene_call(&scene->route.it.host, do_nothing, NULL);
	route_scene_close(&scene->route);
}

static int visit_by(struct scene *scene, size_t i, const char *bytes, void (*start)(void *scene))
{
	int fds[2];

	sockets_tcp_pair(fds);
	if (bytes)
		ck_assert_int_eq(write(fds[0], bytes, strlen(bytes)), strlen(bytes));
	scene->starting = fds[1];
	scene->target = &scene->outcomes[i];
	host_scene_call(&scene->route.it.host, start, scene);
	return fds[0];
}

/* A visitor whose glance is that outcome; its own end of the connection. */
static int visit(struct scene *scene, size_t i, const char *bytes)
{
	return visit_by(scene, i, bytes, start_glance);
}

static bool is_there(void *outcome)
{
	return ((struct outcome *)outcome)->is_there;
}

static const struct outcome *await(struct scene *scene, size_t i)
{
	ck_assert(host_scene_wait(is_there, &scene->outcomes[i]));
	return &scene->outcomes[i];
}

/* The bytes that the one who gets the socket reads. */
static void expect_bytes(const struct outcome *outcome, const char *bytes)
{
	char got[256];

	ck_assert_int_ge(outcome->fd, 0);
	ck_assert_int_eq(recv(outcome->fd, got, sizeof got, MSG_DONTWAIT), strlen(bytes));
	ck_assert_mem_eq(got, bytes, strlen(bytes));
	close(outcome->fd);
}

START_TEST(bytes_that_are_there_decide_at_once)
{
	struct scene scene;
	int fd;

	open_scene(&scene, 60000, 8);
	fd = visit(&scene, 0, "a.example\nmore");
	ck_assert(scene.outcomes[0].is_there);
	ck_assert_int_eq(scene.outcomes[0].verdict, ROUTE_NAME);
	ck_assert_str_eq(scene.outcomes[0].name, "a.example");
	ck_assert_uint_eq(route_scene_looks, 1);
	expect_bytes(&scene.outcomes[0], "a.example\nmore");
	close(fd);
	close_scene(&scene);
}
END_TEST

START_TEST(bytes_that_come_one_by_one_decide_and_stay)
{
	const char *bytes = "a.example\n";
	struct scene scene;
	int fd;

	open_scene(&scene, 60000, 8);
	fd = visit(&scene, 0, NULL);
	for (size_t i = 0; bytes[i]; i++) {
		ck_assert(!scene.outcomes[0].is_there);
		ck_assert_int_eq(write(fd, bytes + i, 1), 1);
		usleep(2000);
	}
	await(&scene, 0);
	ck_assert_str_eq(scene.outcomes[0].name, "a.example");
	ck_assert_uint_le(route_scene_looks, strlen(bytes));
	expect_bytes(&scene.outcomes[0], bytes);
	close(fd);
	close_scene(&scene);
}
END_TEST

static struct loop *the_loop;

static void read_vitals(void *vitals)
{
	*(struct loop_vitals *)vitals = loop_vitals(the_loop);
}

/* After a look that was not enough, the loop must sleep until there are more bytes. */
START_TEST(a_visitor_that_waits_costs_nothing)
{
	struct loop_vitals before, after;
	struct scene scene;
	int fd;

	open_scene(&scene, 60000, 8);
	fd = visit(&scene, 0, "a.exa");
	usleep(20000);
	the_loop = scene.route.it.host.loops[0];
	host_scene_call(&scene.route.it.host, read_vitals, &before);
	usleep(100000);
	host_scene_call(&scene.route.it.host, read_vitals, &after);
	ck_assert_uint_le(after.turns - before.turns, 5);
	ck_assert_uint_eq(route_scene_looks, 1);
	ck_assert_int_eq(write(fd, "mple\n", 5), 5);
	ck_assert_str_eq(await(&scene, 0)->name, "a.example");
	expect_bytes(&scene.outcomes[0], "a.example\n");
	close(fd);
	close_scene(&scene);
}
END_TEST

START_TEST(a_visitor_that_ends_its_side_is_asked_about_once_more)
{
	struct scene scene;
	int fd;

	open_scene(&scene, 60000, 8);
	fd = visit(&scene, 0, "a.exa");
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	ck_assert_int_eq(await(&scene, 0)->verdict, ROUTE_NONE);
	expect_bytes(&scene.outcomes[0], "a.exa");
	close(fd);
	fd = visit(&scene, 1, NULL);
	close(fd);
	ck_assert_int_eq(await(&scene, 1)->fd, -1);
	close_scene(&scene);
}
END_TEST

START_TEST(the_time_is_bounded)
{
	struct scene scene;
	int silent, slow;

	open_scene(&scene, 50, 8);
	silent = visit(&scene, 0, NULL);
	slow = visit(&scene, 1, "a.exa");
	ck_assert_int_eq(await(&scene, 0)->verdict, ROUTE_NONE);
	ck_assert_int_eq(await(&scene, 1)->verdict, ROUTE_NONE);
	expect_bytes(&scene.outcomes[1], "a.exa");
	close(scene.outcomes[0].fd);
	close(silent);
	close(slow);
	close_scene(&scene);
}
END_TEST

START_TEST(the_bytes_are_bounded)
{
	static char many[GLANCE_MAX + 1];
	struct scene scene;
	int fd;

	memset(many, 'x', sizeof many - 1);
	open_scene(&scene, 60000, 8);
	fd = visit(&scene, 0, many);
	ck_assert_int_eq(await(&scene, 0)->verdict, ROUTE_NONE);
	close(scene.outcomes[0].fd);
	close(fd);
	close_scene(&scene);
}
END_TEST

START_TEST(the_number_of_looks_is_bounded)
{
	struct scene scene;
	int fd;

	open_scene(&scene, 60000, 8);
	fd = visit(&scene, 0, "x");
	for (size_t i = 0; i < 10000 && !scene.outcomes[0].is_there; i++) {
		ck_assert_int_eq(write(fd, "x", 1), 1);
		usleep(500);
	}
	ck_assert_int_eq(await(&scene, 0)->verdict, ROUTE_NONE);
	ck_assert_uint_eq(route_scene_looks, GLANCE_LOOKS);
	close(scene.outcomes[0].fd);
	close(fd);
	close_scene(&scene);
}
END_TEST

START_TEST(one_visitor_too_many_ends_the_oldest)
{
	struct scene scene;
	int fds[3];

	open_scene(&scene, 60000, 2);
	for (size_t i = 0; i < 3; i++)
		fds[i] = visit(&scene, i, "a");
	ck_assert_int_eq(await(&scene, 0)->fd, -1);
	ck_assert(!scene.outcomes[1].is_there && !scene.outcomes[2].is_there);
	close_scene(&scene);
	ck_assert_int_eq(scene.outcomes[1].fd, -1);
	ck_assert_int_eq(scene.outcomes[2].fd, -1);
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
}
END_TEST

START_TEST(other_verdicts_are_passed_on)
{
	struct scene scene;
	int fds[3];

	open_scene(&scene, 60000, 8);
	fds[0] = visit(&scene, 0, "-\n");
	fds[1] = visit(&scene, 1, "!\n");
	fds[2] = visit(&scene, 2, "?\n");
	ck_assert_int_eq(scene.outcomes[0].verdict, ROUTE_NONE);
	ck_assert_int_eq(scene.outcomes[1].verdict, ROUTE_REFUSED);
	ck_assert_int_eq(scene.outcomes[2].verdict, ROUTE_NONE);
	for (size_t i = 0; i < 3; i++) {
		close(scene.outcomes[i].fd);
		close(fds[i]);
	}
	close_scene(&scene);
}
END_TEST

/* ---- behind transports ---- */

/* Reads of the transport succeed every other time. */
struct reading {
	struct stream *stream;
	char got[64];
	size_t n;
};

static void read_some(void *arg)
{
	struct reading *reading = arg;
	size_t n;

	stream_read(reading->stream, reading->got + reading->n, sizeof reading->got - reading->n,
	            &n);
	reading->n += n;
}

static void close_stream(void *stream)
{
	stream_close(stream, true);
}

/* What the one who gets the stream reads. */
static void expect_read(struct scene *scene, size_t i, const char *bytes)
{
	struct reading reading = { .stream = scene->outcomes[i].stream };

	ck_assert_int_ge(scene->outcomes[i].fd, 0);
	for (int k = 0; k < 200 && reading.n < strlen(bytes); k++)
		host_scene_call(&scene->route.it.host, read_some, &reading);
	ck_assert_uint_eq(reading.n, strlen(bytes));
	ck_assert_mem_eq(reading.got, bytes, reading.n);
	host_scene_call(&scene->route.it.host, close_stream, reading.stream);
}

START_TEST(bytes_behind_a_transport_decide_and_are_read_again)
{
	struct scene scene;
	int fd;

	open_scene(&scene, 60000, 8);
	fd = visit_by(&scene, 0, "a.exa", start_behind_transport);
	usleep(5000);
	ck_assert(!scene.outcomes[0].is_there);
	ck_assert_int_eq(write(fd, "mple\nmore", 9), 9);
	ck_assert_int_eq(await(&scene, 0)->verdict, ROUTE_NAME);
	ck_assert_str_eq(scene.outcomes[0].name, "a.example");
	expect_read(&scene, 0, "a.example\nmore");
	close(fd);
	close_scene(&scene);
}
END_TEST

START_TEST(a_visitor_behind_a_transport_may_leave)
{
	struct scene scene;
	int fds[2];

	open_scene(&scene, 60000, 8);
	fds[0] = visit_by(&scene, 0, NULL, start_behind_transport);
	ck_assert_uint_eq(route_scene_looks, 1); /* the transport may know the name */
	close(fds[0]);
	ck_assert_int_eq(await(&scene, 0)->fd, -1);
	fds[1] = visit_by(&scene, 1, "a.exa", start_behind_transport);
	ck_assert_int_eq(shutdown(fds[1], SHUT_WR), 0);
	ck_assert_int_eq(await(&scene, 1)->verdict, ROUTE_NONE);
	expect_read(&scene, 1, "a.exa");
	close(fds[1]);
	close_scene(&scene);
}
END_TEST

START_TEST(the_time_behind_a_transport_is_bounded)
{
	struct scene scene;
	int fds[2];

	open_scene(&scene, 50, 8);
	fds[0] = visit_by(&scene, 0, "a.exa", start_behind_transport);
	fds[1] = visit_by(&scene, 1, NULL, start_behind_transport);
	ck_assert_int_eq(await(&scene, 0)->verdict, ROUTE_NONE);
	ck_assert_int_eq(await(&scene, 1)->verdict, ROUTE_NONE);
	expect_read(&scene, 0, "a.exa");
	expect_read(&scene, 1, "");
	close(fds[0]);
	close(fds[1]);
	close_scene(&scene);
}
END_TEST

START_TEST(the_bytes_behind_a_transport_are_bounded)
{
	static char many[GLANCE_MAX + 1];
	struct scene scene;
	int fd;

	memset(many, 'x', sizeof many - 1);
	open_scene(&scene, 60000, 1);
	fd = visit_by(&scene, 0, many, start_behind_transport);
	ck_assert_int_eq(await(&scene, 0)->verdict, ROUTE_NONE);
	ck_assert_uint_eq(route_scene_looks, GLANCE_LOOKS);
	host_scene_call(&scene.route.it.host, close_stream, scene.outcomes[0].stream);
	close(fd);
	close_scene(&scene);
}
END_TEST

static unsigned n_released, n_left;

static void release(void *arg)
{
	struct scene *scene = arg;

	n_released = glance_list_release(&scene->list, 2);
	n_left = scene->list.n;
}

START_TEST(bare_sockets_are_released_undecided)
{
	struct scene scene;
	int fds[4];

	open_scene(&scene, 60000, 8);
	fds[0] = visit_by(&scene, 0, "", start_behind_transport);
	for (size_t i = 1; i < 4; i++)
		fds[i] = visit(&scene, i, "a.exa");
	host_scene_call(&scene.route.it.host, release, &scene);
	ck_assert_uint_eq(n_released, 2);
	ck_assert_uint_eq(n_left, 2);
	for (size_t i = 1; i < 3; i++) {
		ck_assert(scene.outcomes[i].is_there);
		ck_assert_int_eq(scene.outcomes[i].verdict, ROUTE_MORE);
		expect_bytes(&scene.outcomes[i], "a.exa");
	}
	ck_assert(!scene.outcomes[0].is_there && !scene.outcomes[3].is_there);
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
	close_scene(&scene);
}
END_TEST

SUITE("glance", bare_sockets_are_released_undecided,
      bytes_behind_a_transport_decide_and_are_read_again, a_visitor_behind_a_transport_may_leave,
      the_time_behind_a_transport_is_bounded, the_bytes_behind_a_transport_are_bounded,
      bytes_that_are_there_decide_at_once, bytes_that_come_one_by_one_decide_and_stay,
      a_visitor_that_waits_costs_nothing, a_visitor_that_ends_its_side_is_asked_about_once_more,
      the_time_is_bounded, the_bytes_are_bounded, the_number_of_looks_is_bounded,
      one_visitor_too_many_ends_the_oldest, other_verdicts_are_passed_on)
