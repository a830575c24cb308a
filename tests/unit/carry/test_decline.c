#include "carry/decline.h"

#include <stdio.h>
#include <string.h>

#include "link/link.h"
#include "net/stream.h"
#include "run_until.h"
#include "sockets.h"
#include "stderr_file.h"
#include "suite.h"

#define ID      "00112233-4455-6677-8899-aabbccddeeff"
#define DECLINE "{\"Decline\":\"" ID "\"}"

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

static const struct link_events events = { on_message, on_fault, on_end };

struct scene {
	struct loop *loop;
	struct link link;
	struct decliner decliner;
	int far;
	struct uuid id;
	unsigned wanted, got; /* Declines */
};

static void set_up(struct scene *scene)
{
	struct stream *stream;
	spore_addr peer = { 0 };
	int fds[2];

	stderr_file_begin();
	*scene = (struct scene){ .loop = run_until_loop() };
	sockets_tcp_pair(fds);
	stream = stream_new(scene->loop, fds[0], &peer, NULL);
	ck_assert(stream_open(stream));
	link_init(&scene->link, stream, MESSAGE_TO_CLIENT, &events);
	ck_assert(uuid_parse(ID, strlen(ID), &scene->id));
	decline_init(&scene->decliner, scene->loop, "web", NULL);
	scene->far = fds[1];
}

static void tear_down(struct scene *scene)
{
	link_fini(&scene->link, false);
	loop_free(scene->loop);
	close(scene->far);
}

/* ---- on the session's loop ---- */

struct call {
	struct decliner *decliner;
	struct declined declined;
};

static bool run_call(void *arg)
{
	const struct call *call = arg;

	decline_visitor(call->decliner, &call->declined);
	return true;
}

static void decline_on_loop(struct scene *scene, bool is_ended, const char *error)
{
	struct call call = { &scene->decliner,
		             { .id = &scene->id,
		               .is_ended = is_ended,
		               .event = "connection failed",
		               .error = error } };

	ck_assert(run_until(scene->loop, run_call, &call));
}

static void decline(struct scene *scene, const char *error)
{
	decline_on_loop(scene, false, error);
}

static bool has_come(void *arg)
{
	struct scene *scene = arg;
	char text[sizeof DECLINE];

	while (recv(scene->far, text, sizeof text, 0) == (ssize_t)sizeof text) {
		ck_assert_str_eq(text, DECLINE);
		scene->got++;
	}
	return scene->got >= scene->wanted;
}

static void expect_declines(struct scene *scene, unsigned n)
{
	scene->wanted = n;
	ck_assert(run_until(scene->loop, has_come, scene));
	run_for(scene->loop, 20);
	has_come(scene);
	ck_assert_uint_eq(scene->got, n);
}

START_TEST(server_hears_of_each_visitor_and_the_log_of_one_a_second)
{
	struct scene scene;

	set_up(&scene);
	decline_on(&scene.decliner, &scene.link, false);
	for (int i = 0; i < 50; i++)
		decline(&scene, i == 0 ? "no free local port" : "another cause");
	expect_declines(&scene, 50);
	ck_assert_uint_eq(stderr_file_lines(), 1);
	stderr_file_expect("connection failed");
	stderr_file_expect("tunnel=web");
	stderr_file_expect("id=" ID);
	stderr_file_expect("error=\"no free local port\"");
	stderr_file_expect("others=0");
	scene.decliner.logged_ms -= DECLINE_LOG_MS;
	decline(&scene, "another cause");
	decline(&scene, "another cause");
	ck_assert_uint_eq(stderr_file_lines(), 2);
	stderr_file_expect("others=49");
	expect_declines(&scene, 52);
	decline_stop(&scene.decliner);
	ck_assert_uint_eq(stderr_file_lines(), 3);
	stderr_file_expect("further lines were left out");
	stderr_file_expect("others=1 ");
	tear_down(&scene);
}
END_TEST

/* A server that does not read Decline gets none; nor does one that carries the visitor already. */
START_TEST(server_hears_nothing_that_it_does_not_read)
{
	struct scene scene;

	set_up(&scene);
	decline(&scene, "a cause");
	decline_on(&scene.decliner, &scene.link, false);
	decline_on_loop(&scene, true, "a cause");
	decline_no_more_on(&scene.decliner, &scene.link);
	decline(&scene, "a cause");
	expect_declines(&scene, 0);
	ck_assert_uint_eq(stderr_file_lines(), 1);
	tear_down(&scene);
}
END_TEST

/* A server that does not read the reason hears that the visitor is not carried. */
START_TEST(the_reason_is_told_where_it_is_read)
{
	static const char unserved[] = "{\"Unserved\":\"" ID "\"}";
	char text[sizeof unserved + 1];
	struct scene old, new;
	struct call call;

	set_up(&old);
	set_up(&new);
	ck_assert(!decline_is_read(&old.decliner, DECLINE_READS_DECLINE));
	decline_on(&old.decliner, &old.link, false);
	ck_assert(decline_is_read(&old.decliner, DECLINE_READS_DECLINE));
	ck_assert(!decline_is_read(&old.decliner, DECLINE_READS_BOTH));
	decline_on(&old.decliner, &new.link, true);
	ck_assert(decline_is_read(&old.decliner, DECLINE_READS_BOTH));
	call = (struct call){ &old.decliner,
		              { .id = &old.id,
		                .is_unserved = true,
		                .event = "local service not reached",
		                .error = "refused" } };
	ck_assert(run_until(old.loop, run_call, &call));
	expect_declines(&old, 1);
	run_for(new.loop, 20);
	ck_assert_int_eq(recv(new.far, text, sizeof text, 0), sizeof unserved);
	ck_assert_str_eq(text, unserved);
	decline_no_more_on(&old.decliner, &new.link);
	ck_assert(!decline_is_read(&old.decliner, DECLINE_READS_BOTH));
	tear_down(&old);
	tear_down(&new);
}
END_TEST

/* During a move the visitor may be of either server. */
START_TEST(both_servers_of_a_tunnel_hear)
{
	struct scene old, new;

	set_up(&old);
	set_up(&new);
	for (int i = 0; i < 2; i++) {
		decline_on(&old.decliner, &old.link, false);
		decline_on(&old.decliner, &new.link, false);
	}
	decline(&old, "a cause");
	expect_declines(&old, 1);
	expect_declines(&new, 1);
	decline_no_more_on(&old.decliner, &old.link);
	decline(&old, "a cause");
	expect_declines(&old, 1);
	expect_declines(&new, 2);
	tear_down(&old);
	tear_down(&new);
}
END_TEST

/* The test is outside of every loop here. */
START_TEST(report_of_another_thread_comes_on_the_session_s_loop)
{
	struct scene scene;
	char error[] = "its cause";

	set_up(&scene);
	decline_on(&scene.decliner, &scene.link, false);
	decline_visitor(&scene.decliner,
	                &(struct declined){ .id = &scene.id, .event = "failed", .error = error });
	memset(error, 'x', sizeof error - 1);
	ck_assert_uint_eq(stderr_file_lines(), 0);
	expect_declines(&scene, 1);
	stderr_file_expect("error=\"its cause\"");
	tear_down(&scene);
}
END_TEST

START_TEST(the_log_names_the_limit_to_raise)
{
	struct scene scene;
	struct call call;

	set_up(&scene);
	call = (struct call){ &scene.decliner,
		              { .id = &scene.id,
		                .lacks = SHORTAGE_DESCRIPTORS,
		                .event = "connection failed",
		                .error = "a cause" } };
	ck_assert(run_until(scene.loop, run_call, &call));
	stderr_file_expect("error=\"a cause\" others=0 raise=\"ulimit -n, or LimitNOFILE=");
	tear_down(&scene);
}
END_TEST

SUITE("decline", the_log_names_the_limit_to_raise,
      server_hears_of_each_visitor_and_the_log_of_one_a_second,
      server_hears_nothing_that_it_does_not_read, the_reason_is_told_where_it_is_read,
      both_servers_of_a_tunnel_hear, report_of_another_thread_comes_on_the_session_s_loop)
