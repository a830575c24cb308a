#include "carry/uplink.h"

#include "few_descriptors.h"
#include "scene/client_scene.h"
#include "suite.h"

struct scene {
	struct client_scene base;
	struct uplink uplink;
	struct server_place server; /* to connect to; of family 0: by name */
	enum uplink_state expected;
	unsigned n_ready, n_failed, n_messages, n_ends, n_lates;
	struct uplink_failure failure;
	char why[256];
	int wire;
};

static struct scene the_scene;

/* ---- the owner ---- */

static void on_ready(struct uplink *uplink)
{
	ck_assert_int_eq(uplink->state, UPLINK_READY);
	the_scene.n_ready++;
	link_send(&uplink->link, &(struct message){ .type = MESSAGE_HELLO, .port = 5 });
}

static void on_failed(struct uplink *uplink, const struct uplink_failure *failure)
{
	ck_assert_int_eq(uplink->state, UPLINK_CLOSED);
	the_scene.n_failed++;
	the_scene.failure = *failure;
	snprintf(the_scene.why, sizeof the_scene.why, "%s", failure->why);
}

static void on_message(struct uplink *uplink, const struct message *message)
{
	(void)uplink;
	(void)message;
	the_scene.n_messages++;
}

static void on_end(struct uplink *uplink, const char *why)
{
	the_scene.n_ends++;
	snprintf(the_scene.why, sizeof the_scene.why, "%s", why ? why : "(none)");
	uplink_stop(uplink);
}

static void on_late(struct uplink *uplink, const char *why)
{
	the_scene.n_lates++;
	snprintf(the_scene.why, sizeof the_scene.why, "%s", why);
	uplink_stop(uplink);
}

static const struct uplink_events events = { on_ready, on_failed, on_message, on_end, on_late };

/* ---- on the worker ---- */

static void run_start(void *arg)
{
	struct scene *scene = arg;

	uplink_start(&scene->uplink, &scene->base.workers[0], SPORE_AUTH_CONTROL, &scene->server,
	             &events);
	ck_assert_int_eq(scene->uplink.state, UPLINK_DIALLING);
}

static void run_stop(void *arg)
{
	struct scene *scene = arg;

	for (int i = 0; i < 2; i++) {
		uplink_stop(&scene->uplink);
		ck_assert_int_eq(scene->uplink.state, UPLINK_CLOSED);
		ck_assert_ptr_null(scene->uplink.dial);
		ck_assert_ptr_null(scene->uplink.stream);
		ck_assert_ptr_null(scene->uplink.link.stream);
	}
}

static void run_late(void *arg)
{
	uplink_on_late(&((struct scene *)arg)->uplink.deadline);
}

static void run_wait_3_s(void *arg)
{
	((struct scene *)arg)->uplink.awaits_since_ms -= 3000;
}

static void run_expect_answer(void *arg)
{
	uplink_expect_answer(&((struct scene *)arg)->uplink);
}

static bool is_in_expected_state(void *arg)
{
	const struct scene *scene = arg;

	return scene->uplink.state == scene->expected;
}

static void expect_state(struct scene *scene, enum uplink_state state)
{
	scene->expected = state;
	ck_assert_msg(client_scene_wait(&scene->base, is_in_expected_state, scene),
	              "the state is %d, not %d", scene->uplink.state, state);
}

static void open_scene(struct scene *scene, const char *secret)
{
	*scene = (struct scene){ .wire = -1 };
	client_scene_open(&scene->base, &(struct client_scene_options){ .secret = secret });
}

static void start(struct scene *scene)
{
	scene->n_ready = scene->n_failed = scene->n_messages = scene->n_ends = 0;
	scene->n_lates = 0;
	client_scene_call(&scene->base, run_start, scene);
	scene->wire = client_scene_accept(scene->base.server);
}

static void close_wire(struct scene *scene)
{
	close(scene->wire);
	scene->wire = -1;
}

static void close_scene(struct scene *scene)
{
	client_scene_call(&scene->base, run_stop, scene);
	client_scene_close(&scene->base);
	if (scene->wire >= 0)
		close_wire(scene);
}

/* ---- tests ---- */

START_TEST(without_a_secret_it_is_ready_at_once)
{
	struct scene *scene = &the_scene;

	open_scene(scene, NULL);
	start(scene);
	expect_state(scene, UPLINK_READY);
	ck_assert_uint_eq(scene->n_ready, 1);
	ck_assert(list_is_empty(&scene->uplink.deadline.node));
	client_scene_expect(scene->wire, "{\"Hello\":5}");
	close_scene(scene);
}
END_TEST

/* The answer and the owner's first message leave in one segment. */
START_TEST(with_a_secret_it_answers_the_challenge)
{
	struct scene *scene = &the_scene;
	char bytes[400];
	ssize_t n;

	open_scene(scene, "s3cret");
	start(scene);
	expect_state(scene, UPLINK_AWAITING_CHALLENGE);
	ck_assert(!list_is_empty(&scene->uplink.deadline.node));
	client_scene_send(scene->wire, "{\"Challenge\":\"" CLIENT_SCENE_UUID "\"}");
	expect_state(scene, UPLINK_READY);
	n = recv(scene->wire, bytes, sizeof bytes, 0);
	ck_assert_int_gt(n, 0);
	ck_assert_str_eq(bytes + strlen(bytes) + 1, "{\"Hello\":5}");
	ck_assert_int_eq(strncmp(bytes, "{\"Authenticate\":\"", 17), 0);
	ck_assert_uint_eq(scene->n_failed, 0);
	close_scene(scene);
}
END_TEST

START_TEST(messages_and_the_end_reach_the_owner)
{
	struct scene *scene = &the_scene;

	open_scene(scene, NULL);
	start(scene);
	client_scene_expect(scene->wire, "{\"Hello\":5}");
	client_scene_send(scene->wire, "\"Heartbeat\"");
	client_scene_send(scene->wire, "{\"Error\":\"oh\"}"); /* the owner judges it */
	close_wire(scene);
	expect_state(scene, UPLINK_CLOSED);
	ck_assert_uint_eq(scene->n_messages, 2);
	ck_assert_uint_eq(scene->n_ends, 1);
	ck_assert_uint_eq(scene->n_failed, 0);
	ck_assert_str_eq(scene->why, "(none)");
	close_scene(scene);
}
END_TEST

struct failing {
	const char *frame; /* in place of the Challenge; NULL: the connection ends */
	enum uplink_fault fault;
	enum refusal refusal;
	const char *why;
};

static const struct failing failing[] = {
	{ NULL, UPLINK_ENDED, 0, "the connection was closed" },
	{ "{\"Error\":\"port already in use\"}", UPLINK_REFUSED, REFUSED_PORT_IN_USE,
	  "server error: port already in use" },
	{ "{\"Error\":\"something else\"}", UPLINK_REFUSED, REFUSED_UNKNOWN,
	  "server error: something else" },
	{ "{\"Hello\":7}", UPLINK_NOT_CHALLENGED, 0,
	  "expected authentication challenge, but no secret was required" },
	{ "\"Heartbeat\"", UPLINK_NOT_CHALLENGED, 0,
	  "expected authentication challenge, but no secret was required" },
	{ "nonsense", UPLINK_FAILED, 0, "the server sent an invalid message: " },
};

START_TEST(failures_before_it_is_ready)
{
	struct scene *scene = &the_scene;

	open_scene(scene, "s3cret");
	for (size_t i = 0; i < sizeof failing / sizeof *failing; i++) {
		start(scene);
		if (failing[i].frame)
			client_scene_send(scene->wire, failing[i].frame);
		else
			close_wire(scene);
		expect_state(scene, UPLINK_CLOSED);
		ck_assert_uint_eq(scene->n_failed, 1);
		ck_assert_uint_eq(scene->n_ready, 0);
		ck_assert_int_eq(scene->failure.fault, failing[i].fault);
		if (failing[i].fault == UPLINK_REFUSED)
			ck_assert_int_eq(scene->failure.refusal, failing[i].refusal);
		ck_assert_msg(strncmp(scene->why, failing[i].why, strlen(failing[i].why)) == 0,
		              "%s", scene->why);
		if (failing[i].frame)
			close_wire(scene);
	}
	close_scene(scene);
}
END_TEST

START_TEST(server_that_does_not_listen_is_unreached)
{
	struct scene *scene = &the_scene;
	char expected[64];

	open_scene(scene, NULL);
	close(scene->base.server);
	scene->base.server = -1;
	client_scene_call(&scene->base, run_start, scene);
	expect_state(scene, UPLINK_CLOSED);
	ck_assert_int_eq(scene->failure.fault, UPLINK_UNREACHED);
	snprintf(expected, sizeof expected,
	         "could not connect to 127.0.0.1:%u: ", scene->base.server_addr.port);
	ck_assert_msg(strncmp(scene->why, expected, strlen(expected)) == 0, "%s", scene->why);
	close_scene(scene);
}
END_TEST

/* As a server without authentication does, which waits for the client's first message. */
START_TEST(a_server_that_closes_late_asks_for_no_secret)
{
	struct scene *scene = &the_scene;

	open_scene(scene, "s3cret");
	start(scene);
	expect_state(scene, UPLINK_AWAITING_CHALLENGE);
	client_scene_call(&scene->base, run_wait_3_s, scene);
	close_wire(scene);
	expect_state(scene, UPLINK_CLOSED);
	ck_assert_int_eq(scene->failure.fault, UPLINK_FAILED);
	ck_assert_ptr_nonnull(strstr(scene->why,
	                             "after 3 s without a Challenge: do both sides use a "
	                             "secret"));
	close_scene(scene);
}
END_TEST

START_TEST(silent_server_is_given_up)
{
	struct scene *scene = &the_scene;

	open_scene(scene, "s3cret");
	start(scene);
	expect_state(scene, UPLINK_AWAITING_CHALLENGE);
	client_scene_call(&scene->base, run_late, scene);
	ck_assert_int_eq(scene->failure.fault, UPLINK_FAILED);
	ck_assert_msg(strstr(scene->why, "no Challenge from the server within 5s"), "%s",
	              scene->why);
	client_scene_expect_end(scene->wire);
	client_scene_call(&scene->base, run_late, scene); /* a closed one is never late */
	ck_assert_uint_eq(scene->n_failed, 1);
	close_scene(scene);
}
END_TEST

START_TEST(late_answer_ends_a_ready_one)
{
	struct scene *scene = &the_scene;

	open_scene(scene, NULL);
	start(scene);
	expect_state(scene, UPLINK_READY);
	client_scene_call(&scene->base, run_expect_answer, scene);
	ck_assert(!list_is_empty(&scene->uplink.deadline.node));
	client_scene_call(&scene->base, run_late, scene);
	ck_assert_uint_eq(scene->n_lates, 1);
	ck_assert_uint_eq(scene->n_ends, 0);
	ck_assert_uint_eq(scene->n_failed, 0);
	ck_assert_str_eq(scene->why, "no answer from the server within 5s (client.answer_timeout)");
	close_scene(scene);
}
END_TEST

/* No event follows uplink_stop, in whichever state it comes. */
START_TEST(stopped_one_is_quiet)
{
	struct scene *scene = &the_scene;

	open_scene(scene, "s3cret");
	client_scene_call(&scene->base, run_start, scene); /* DIALLING or a little further */
	client_scene_call(&scene->base, run_stop, scene);
	close(client_scene_accept(scene->base.server));
	for (int i = 0; i < 2; i++) {
		start(scene);
		expect_state(scene, UPLINK_AWAITING_CHALLENGE);
		if (i) {
			client_scene_challenge(scene->wire);
			expect_state(scene, UPLINK_READY);
		}
		client_scene_call(&scene->base, run_stop, scene);
		if (i)
			client_scene_expect(scene->wire, "{\"Hello\":5}");
		client_scene_expect_end(scene->wire);
		close_wire(scene);
		client_scene_settle(&scene->base);
		ck_assert_uint_eq(scene->n_failed + scene->n_ends + scene->n_messages, 0);
	}
	close_scene(scene);
}
END_TEST

static bool has_failed(void *arg)
{
	return ((const struct scene *)arg)->n_failed > 0;
}

START_TEST(a_lack_of_descriptors_is_told)
{
	struct scene *scene = &the_scene;
	struct rlimit before;

	open_scene(scene, NULL);
	before = few_descriptors_begin(0);
	client_scene_call(&scene->base, run_start, scene);
	ck_assert(client_scene_wait(&scene->base, has_failed, scene));
	few_descriptors_end(&before);
	ck_assert_int_eq(scene->failure.fault, UPLINK_UNREACHED);
	ck_assert_int_eq(scene->failure.lacks, SHORTAGE_DESCRIPTORS);
	close_scene(scene);
}
END_TEST

SUITE("uplink", a_server_that_closes_late_asks_for_no_secret, a_lack_of_descriptors_is_told,
      without_a_secret_it_is_ready_at_once, with_a_secret_it_answers_the_challenge,
      messages_and_the_end_reach_the_owner, failures_before_it_is_ready,
      server_that_does_not_listen_is_unreached, silent_server_is_given_up,
      late_answer_ends_a_ready_one, stopped_one_is_quiet)
