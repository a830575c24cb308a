#include "session/refuse.h"

#include <poll.h>

#include "base/clock.h"
#include "capture.h"
#include "scene/server_scene.h"
#include "suite.h"

static struct server_session *begin(const char *config, int *fd_out)
{
	scene_open(config);
	*fd_out = scene_connect();
	return scene_last(LIST_NEWCOMERS);
}

START_TEST(a_refusal_is_sent_and_counted)
{
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	refuse_session(s, REFUSED_PORT_IN_USE);
	scene_run();
	scene_expect_error(fd, REFUSED_PORT_IN_USE);
	ck_assert_int_eq(scene_refusals(REFUSED_PORT_IN_USE), 1);
	ck_assert_int_eq(scene_all_refusals(), 1);
	scene_close();
}
END_TEST

START_TEST(a_refusal_with_another_s_name_is_counted_there)
{
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	refuse_session(s, REFUSED_NO_RANDOMNESS);
	scene_run();
	scene_expect_error(fd, REFUSED_NO_RANDOMNESS);
	ck_assert_int_eq(scene_refusals(REFUSED_NO_MEMORY), 1);
	scene_close();
}
END_TEST

START_TEST(a_silent_refusal_is_counted_alone)
{
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	refuse_silently(s, REFUSED_BAD_FRAME);
	scene_run();
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_BAD_FRAME), 1);
	scene_close();
}
END_TEST

START_TEST(the_end_of_what_was_let_in_is_sent_alone)
{
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	refuse_any_longer(s, &(struct refuse_subject){ .identity = "" },
	                  &(struct limit_hit){ .why = REFUSED_KICKED });
	scene_run();
	scene_expect_error(fd, REFUSED_KICKED);
	ck_assert_int_eq(scene_all_refusals(), 0);
	scene_close();
}
END_TEST

START_TEST(a_reset_leaves_nothing_behind)
{
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	refuse_with_reset(s, &(struct limit_hit){ .why = REFUSED_CROWD });
	scene_run();
	ck_assert_int_eq(scene_hear(fd, &(struct message){ .type = 0 }), HEARD_RESET);
	ck_assert_int_eq(scene_refusals(REFUSED_CROWD), 1);
	ck_assert_uint_eq(scene.workers[0].lingerers.count, 0);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(transports_that_are_not_open_are_refused_without_a_frame)
{
	int fd;
	struct server_session *s = begin(SCENE_GREETED, &fd);

	refuse_unopened(s, LOG_ERROR, REFUSED_HANDSHAKE, "a test");
	scene_run();
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKE), 1);
	scene_close();
	s = begin(SCENE_GREETED, &fd);
	refuse_with_reset(s, &(struct limit_hit){ .why = REFUSED_CROWD });
	scene_run();
	ck_assert_int_eq(scene_hear(fd, &(struct message){ .type = 0 }), HEARD_RESET);
	close(fd);
	scene_close();
}
END_TEST

/* A client that has said more than was read still hears why. */
START_TEST(unread_input_does_not_swallow_the_last_words)
{
	char much[2000] = "";
	int fd;
	struct server_session *s = begin(SCENE_OPEN, &fd);

	ck_assert_int_eq(send(fd, much, sizeof much, 0), sizeof much);
	refuse_session(s, REFUSED_DRAINING);
	scene_run();
	scene_expect_error(fd, REFUSED_DRAINING);
	scene_close();
}
END_TEST

static unsigned count_lines(const char *log, const char *text)
{
	unsigned n = 0;

	for (const char *at = log; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

/* Lets strangers be refused, 30 times for each of two reasons, one of them a wrong secret. */
static void refuse_strangers(struct capture *capture)
{
	int fd;

	capture_begin(capture);
	for (int i = 0; i < 30; i++) {
		fd = scene_connect();
		refuse_session(scene_last(LIST_NEWCOMERS), REFUSED_TOO_SLOW);
		close(fd);
		fd = scene_connect();
		refuse_session(scene_last(LIST_NEWCOMERS), REFUSED_WRONG_SECRET);
		close(fd);
		scene_run();
	}
	capture_end(capture);
	ck_assert_uint_eq(count_lines(capture_err(capture), "timed out waiting"), 10);
	ck_assert_int_eq(scene_refusals(REFUSED_TOO_SLOW), 30);
}

START_TEST(strangers_do_not_flood_the_log)
{
	static struct capture capture;

	scene_open(SCENE_OPEN);
	refuse_strangers(&capture);
	ck_assert_uint_eq(count_lines(capture_err(&capture), "invalid secret"), 10);
	scene_close();
}
END_TEST

START_TEST(wrong_secrets_have_their_lines_where_bans_limit_them)
{
	static struct capture capture;

	scene_open("{" SCENE_SERVER ", \"limits\": {\"ban_exempt\": [], \"ban_after\": 100}}");
	refuse_strangers(&capture);
	ck_assert_uint_eq(count_lines(capture_err(&capture), "invalid secret"), 30);
	scene_close();
}
END_TEST

START_TEST(a_line_names_the_limit)
{
	static struct capture capture;
	const struct refuse_subject subject = { "alice", "web", 80 };
	struct limit_hit hit = { .why = REFUSED_TOO_MANY_TUNNELS,
		                 .most = 2,
		                 .from = "max_tunnels of the identity",
		                 .plugin = "people" };
	struct server_session *s;

	scene_open(SCENE_OPEN);
	capture_begin(&capture);
	scene_connect();
	refuse_tunnel(scene_last(LIST_NEWCOMERS), &subject, &hit, NULL, false);
	scene_connect();
	hit = (struct limit_hit){ .why = REFUSED_PORT_NOT_ALLOWED,
		                  .range = "20-30",
		                  .from = "server.ports" };
	refuse_tunnel(scene_last(LIST_NEWCOMERS), &subject, &hit, NULL, false);
	scene_connect();
	s = scene_last(LIST_NEWCOMERS);
	hit = (struct limit_hit){
		.why = REFUSED_LIFE_OVER, .most = 9, .from = "x", .is_time = true
	};
	refuse_any_longer(s, &subject, &hit);
	scene_connect();
	refuse_session(scene_last(LIST_NEWCOMERS), REFUSED_TOO_MANY_TRIES);
	scene_run();
	capture_end(&capture);
	ck_assert_contains(capture_err(&capture),
	                   "port=80 identity=alice name=web limit=2 "
	                   "from=\"max_tunnels of the identity\" plugin=people");
	ck_assert_contains(capture_err(&capture), "name=web range=20-30 from=server.ports");
	ck_assert_contains(capture_err(&capture), "limit_ms=9 from=x");
	ck_assert_contains(capture_err(&capture), "from=limits.secret_rate");
	scene_close();
}
END_TEST

/* One line about each port. */
START_TEST(a_client_that_competes_for_a_port_does_not_flood_the_log)
{
	static struct capture capture;
	const char *log;
	int fd;

	scene_open(SCENE_OPEN);
	capture_begin(&capture);
	for (int i = 0; i < 10; i++) {
		struct refuse_subject subject = { "alice", "web", (uint16_t)(80 + i % 2) };

		fd = scene_connect();
		refuse_tunnel(scene_last(LIST_NEWCOMERS), &subject,
		              &(struct limit_hit){ .why = REFUSED_PORT_IN_USE }, "a detail", false);
		scene_run();
		scene_expect_error(fd, REFUSED_PORT_IN_USE);
	}
	capture_end(&capture);
	log = capture_err(&capture);
	ck_assert_uint_eq(count_lines(log, "client refused"), 2);
	ck_assert_ptr_nonnull(strstr(log, "reason=\"port already in use: a detail\" port=81 "
	                                  "identity=alice name=web"));
	ck_assert_int_eq(scene_refusals(REFUSED_PORT_IN_USE), 10);
	scene_close();
}
END_TEST

/* The account of no tunnel in particular. */
static struct account *an_account(struct principal_table *table)
{
	static struct principal principal;
	static struct account account;

	account = (struct account){ .table = table, .principal = &principal, .port = 81 };
	account.identity = (char[]){ "" };
	return &account;
}

static unsigned refuse_visitors(unsigned n, enum refusal why, struct capture *capture)
{
	const struct server_worker *worker = &scene.workers[0];
	struct visitor visitor = { .account = an_account(&scene.shared.principals),
		                   .peer = scene_addr("192.0.2.1", 80),
		                   .port = 81 };

	capture_begin(capture);
	for (unsigned i = 0; i < n; i++)
		refuse_visitor(worker, &visitor, why, NULL);
	capture_end(capture);
	return count_lines(capture_err(capture), "visitor refused");
}

START_TEST(visitors_do_not_flood_the_log)
{
	static struct capture capture;

	scene_open(SCENE_OPEN);
	scene.workers[0].limits.settings.max_visitors_per_ip = 2;
	ck_assert_uint_eq(refuse_visitors(100, REFUSED_SOURCE_FULL, &capture), 1);
	ck_assert_contains(capture_err(&capture), "limit=2 from=limits.max_visitors_per_ip");
	ck_assert_lacks(capture_err(&capture), "others=");
	ck_assert_uint_eq(refuse_visitors(1, REFUSED_SOURCE_PACE, &capture), 1);
	poll(NULL, 0, 1100);
	ck_assert_uint_eq(refuse_visitors(2, REFUSED_SOURCE_FULL, &capture), 1);
	ck_assert_contains(capture_err(&capture), "others=99");
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE_FULL), 102);
	capture_begin(&capture);
	refuse_log_rest(scene.workers[0].shared, clock_ms());
	refuse_log_rest(scene.workers[0].shared, INT64_MAX);
	capture_end(&capture);
	ck_assert_uint_eq(count_lines(capture_err(&capture), "further lines were left out"), 1);
	ck_assert_contains(capture_err(&capture), "of=\"visitor refused\" others=1 reason=");
	scene_close();
}
END_TEST

START_TEST(a_limit_of_descriptors_is_named)
{
	static struct capture capture;

	scene_open(SCENE_OPEN);
	scene.workers[0].limits.places = 3;
	ck_assert_uint_eq(refuse_visitors(1, REFUSED_DESCRIPTORS, &capture), 1);
	ck_assert_contains(capture_err(&capture),
	                   "reason=\"the server has no descriptors for more visitors\"");
	ck_assert_contains(capture_err(&capture), "limit=3 from=descriptors raise=\"ulimit -n");
	scene_close();
}
END_TEST

START_TEST(a_visitor_may_have_no_tunnel)
{
	static struct capture capture;
	struct visitor visitor = { .peer = scene_addr("192.0.2.1", 80), .port = 443 };

	scene_open(SCENE_OPEN);
	capture_begin(&capture);
	refuse_arriving(&scene.workers[0], &visitor, REFUSED_BAD_START,
	                &(struct refuse_opening){ .detail = "HTTP: wrong", .entry = "web" });
	capture_end(&capture);
	ck_assert_contains(
		capture_err(&capture),
		"visitor refused peer=192.0.2.1:80 port=443 reason=\"the first bytes are "
		"malformed\" entry=web detail=\"HTTP: wrong\"");
	ck_assert_int_eq(scene_refusals(REFUSED_BAD_START), 1);
	scene_close();
}
END_TEST

START_TEST(the_host_that_a_visitor_wants_is_logged_and_escaped)
{
	static struct capture capture;
	struct visitor visitor = { .peer = scene_addr("192.0.2.1", 80), .port = 443 };

	scene_open(SCENE_OPEN);
	capture_begin(&capture);
	refuse_arriving(&scene.workers[0], &visitor, REFUSED_UNKNOWN_HOST,
	                &(struct refuse_opening){ .entry = "web", .host = "a\n b" });
	capture_end(&capture);
	ck_assert_contains(capture_err(&capture),
	                   "reason=\"no tunnel has the host name\" entry=web host=\"a\\x0a b\"");
	scene_close();
}
END_TEST

START_TEST(each_visitor_has_a_line_if_the_operator_wants_it)
{
	static struct capture capture;

	scene_open("{" SCENE_SERVER ", \"log\": {\"visitors\": true}}");
	ck_assert_uint_eq(refuse_visitors(100, REFUSED_SOURCE_FULL, &capture), 100);
	ck_assert_lacks(capture_err(&capture), "others=");
	scene_close();
}
END_TEST

SUITE("refuse", a_visitor_may_have_no_tunnel, the_host_that_a_visitor_wants_is_logged_and_escaped,
      visitors_do_not_flood_the_log, a_limit_of_descriptors_is_named,
      each_visitor_has_a_line_if_the_operator_wants_it, strangers_do_not_flood_the_log,
      wrong_secrets_have_their_lines_where_bans_limit_them, a_line_names_the_limit,
      a_client_that_competes_for_a_port_does_not_flood_the_log, a_refusal_is_sent_and_counted,
      a_refusal_with_another_s_name_is_counted_there, a_silent_refusal_is_counted_alone,
      the_end_of_what_was_let_in_is_sent_alone, a_reset_leaves_nothing_behind,
      transports_that_are_not_open_are_refused_without_a_frame,
      unread_input_does_not_swallow_the_last_words)
