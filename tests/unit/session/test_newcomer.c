#include "session/newcomer.h"

#include "scene/server_scene.h"
#include "session/tunnel_session.h"
#include "suite.h"
#include "wire/about.h"

#define REFUSING "{" SCENE_SERVER ", \"transport\": [{\"use\": \"xor\", \"refuse_wrap\": true}]}"

static void say_both(int fd, const char *answer, const void *next, size_t len)
{
	struct message message = { .type = MESSAGE_AUTHENTICATE };
	char frames[2 * FRAME_MAX];
	size_t at;

	strcpy(message.text, answer);
	at = message_format(&message, frames);
	memcpy(&frames[at], next, len);
	scene_send(fd, frames, at + len);
}

static bool is_ready(void *s)
{
	return ((const struct server_session *)s)->state == SESSION_READY;
}

START_TEST(an_answer_and_hello_may_come_together)
{
	int fd;

	scene_open(SCENE_NAMES);
	fd = scene_connect();
	scene_expect(fd, MESSAGE_CHALLENGE);
	say_both(fd, "alice", "{\"Hello\":0}", 12);
	ck_assert_uint_gt(scene_expect_tunnel(fd), 0);
	ck_assert_int_eq(scene_all_refusals(), 0);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(a_bad_frame_is_refused_behind_the_verdict)
{
	int fd;

	scene_open(SCENE_NAMES);
	fd = scene_connect();
	scene_expect(fd, MESSAGE_CHALLENGE);
	say_both(fd, "alice", "{}", 3);
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_BAD_FRAME), 1);
	fd = scene_connect();
	scene_expect(fd, MESSAGE_CHALLENGE);
	say_both(fd, "eve", "{}", 3);
	scene_expect_error(fd, REFUSED_WRONG_SECRET);
	ck_assert_int_eq(scene_refusals(REFUSED_BAD_FRAME), 1);
	scene_close();
}
END_TEST

START_TEST(a_half_closed_client_hears_its_verdict)
{
	int fd;

	scene_open(SCENE_NAMES);
	fd = scene_log_in("eve");
	shutdown(fd, SHUT_WR);
	scene_run();
	scene_expect_error(fd, REFUSED_WRONG_SECRET);
	fd = scene_log_in("alice");
	shutdown(fd, SHUT_WR);
	scene_run();
	scene_expect_end(fd);
	ck_assert_int_eq(scene_all_refusals(), 1);
	scene_close();
}
END_TEST

START_TEST(a_verdict_does_not_wait_long_for_the_next_frame)
{
	int fd;

	scene_open(SCENE_NAMES);
	fd = scene_log_in("alice");
	scene_wait(is_ready, scene_last(LIST_NEWCOMERS));
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	close(fd);
	scene_close();
}
END_TEST

/* The verdict on its Accept would be too old. */
START_TEST(a_client_with_a_verdict_may_not_wait)
{
	struct ahead_pass *pass;
	int fd;

	scene_open(SCENE_NAMES);
	fd = scene_log_in("alice");
	scene_wait(is_ready, scene_last(LIST_NEWCOMERS));
	pass = scene_issue(scene_last(LIST_NEWCOMERS)->source);
	scene_ahead(fd, ahead_id(pass));
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_AHEAD), 1);
	scene_withdraw(pass);
	scene_close();
}
END_TEST

START_TEST(wrong_secrets_ban_the_source)
{
	struct message told;
	int fd, n = 0;

	scene_open(SCENE_NAMES);
	scene.workers[0].limits.settings.ban_after = 2;
	scene.workers[0].limits.settings.ban_time = 60000;
	for (; n < 2; n++) {
		fd = scene_log_in_from(SCENE_STRANGER, "eve");
		scene_hello(fd, 0);
		scene_expect_error(fd, REFUSED_WRONG_SECRET);
	}
	ck_assert_int_eq(scene_metric("spore_source_bans_total"), 1);
	/* A right secret does not help now, but its client is told why. */
	fd = scene_log_in_from(SCENE_STRANGER, "alice");
	scene_hello(fd, 0);
	told = scene_expect(fd, MESSAGE_ERROR);
	ck_assert_str_eq(told.text, "the source is banned: wrong secrets came from this address; "
	                            "try again in 60 s");
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE), 1);
	/* Others are still served. */
	fd = scene_connect_from(0, "127.0.0.2");
	scene_expect(fd, MESSAGE_CHALLENGE);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(a_right_secret_forgives_wrong_ones)
{
	static const char *const answers[] = { "eve", "eve", "alice", "eve", "eve" };
	int fd;

	scene_open(SCENE_NAMES);
	scene.workers[0].limits.settings.ban_after = 3;
	scene.workers[0].limits.settings.ban_time = 60000;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		fd = scene_log_in_from(SCENE_STRANGER, answers[i]);
		scene_hello(fd, 0);
		close(fd);
		scene_run();
	}
	ck_assert_int_eq(scene_refusals(REFUSED_WRONG_SECRET), 4);
	fd = scene_connect_from(0, SCENE_STRANGER);
	scene_expect(fd, MESSAGE_CHALLENGE);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(too_many_tries_are_not_judged)
{
	int fd;

	scene_open(SCENE_NAMES);
	scene.workers[0].limits.settings.secret_burst = 1;
	scene.workers[0].limits.settings.secret_rate = 1;
	fd = scene_log_in_from(SCENE_STRANGER, "alice");
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	close(fd);
	fd = scene_log_in_from(SCENE_STRANGER, "alice");
	scene_hello(fd, 0);
	scene_expect_error(fd, REFUSED_TOO_MANY_TRIES);
	scene_close();
}
END_TEST

START_TEST(a_newcomer_keeps_the_configuration_that_it_began_with)
{
	int fd;

	scene_open(SCENE_NAMES);
	fd = scene_connect();
	scene_renew(SCENE_OPEN);
	scene_expect(fd, MESSAGE_CHALLENGE);
	scene_hello(fd, 0);
	scene_expect_error(fd, REFUSED_NO_SECRET);
	/* The next one needs no secret. */
	fd = scene_connect();
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(a_transport_that_cannot_be_laid_refuses)
{
	int fd;

	scene_open(REFUSING);
	fd = scene_connect();
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKE), 1);
	scene_close();
}
END_TEST

/* ---- what a client says about itself ---- */

#define TOLD SCENE_AUTH("{\"use\": \"told\", \"tag\": \"env=test\"}")

START_TEST(a_verdict_waits_for_all_that_a_client_says)
{
	int fd;

	scene_open(TOLD);
	fd = scene_log_in("x");
	scene_about(fd, "name=web");
	run_for(scene.loops[0], 150); /* longer than the wait for a first frame behind the answer */
	scene_about(fd, "later=thing");
	scene_about(fd, "tag=env=test");
	scene_expect_nothing(fd);
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	ck_assert_str_eq(about_name(tunnel_session_about(scene_last(LIST_TUNNELS))), "web");
	close(fd);
	fd = scene_log_in("x");
	scene_about(fd, "tag=env=prod");
	scene_hello(fd, 0);
	scene_expect_error(fd, REFUSED_WRONG_SECRET);
	scene_close();
}
END_TEST

/* n items of the shortest kind. */
static void say(int fd, size_t n)
{
	static const char keys[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	char item[] = "tag=k=";

	for (size_t i = 0; i < n; i++) {
		item[4] = keys[i];
		scene_about(fd, item);
	}
}

START_TEST(a_client_may_say_a_kilobyte_and_no_more)
{
	int fd;

	scene_open(SCENE_NAMES);
	fd = scene_log_in("alice");
	say(fd, ABOUT_MOST);
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	close(fd);
	fd = scene_log_in("alice");
	say(fd, ABOUT_MOST + 1);
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_BAD_FRAME), 1);
	scene_close();
}
END_TEST

/* Behind the verdict: a stranger does not learn why. */
START_TEST(a_wrong_item_is_refused_behind_the_verdict)
{
	static const struct {
		const char *frame;
		enum refusal why;
	} wrong[] = {
		{ "{\"About\":\"name=b\"}", REFUSED_BAD_FRAME }, /* for the second time */
		{ "{\"About\":\"name\"}", REFUSED_BAD_FRAME },
		{ "{\"About\":\"x=\\u001b[2J\"}", REFUSED_BAD_FRAME },
		{ "{\"Accept\":\"00000000-0000-4000-8000-000000000000\"}", REFUSED_UNEXPECTED },
		{ "{\"Ahead\":\"00000000-0000-4000-8000-000000000000\"}", REFUSED_UNEXPECTED },
	};
	int fd;

	scene_open(SCENE_NAMES);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		int before = scene_refusals(wrong[i].why);

		fd = scene_log_in("alice");
		scene_about(fd, "name=a");
		scene_send(fd, wrong[i].frame, strlen(wrong[i].frame) + 1);
		scene_expect_end(fd);
		ck_assert_int_eq(scene_refusals(wrong[i].why), before + 1);
		fd = scene_log_in("eve");
		scene_about(fd, "name=a");
		scene_send(fd, wrong[i].frame, strlen(wrong[i].frame) + 1);
		scene_expect_error(fd, REFUSED_WRONG_SECRET);
	}
	scene_close();
}
END_TEST

/* The pieces are as long as the link may hold. */
START_TEST(everything_may_come_at_once)
{
	char frames[4 * FRAME_MAX], frame[FRAME_MAX + 1];
	struct message message = { .type = MESSAGE_AUTHENTICATE, .text = "alice" };
	size_t len;
	int fd;

	scene_open(SCENE_NAMES);
	fd = scene_connect();
	scene_expect(fd, MESSAGE_CHALLENGE);
	len = message_format(&message, frames);
	message.type = MESSAGE_ABOUT;
	for (int i = 0; i < 4; i++) {
		size_t n = (size_t)sprintf(message.text, "tag=%d=", i);

		memset(message.text + n, 'x', 180);
		message.text[n + 180] = '\0';
		n = message_format(&message, frame);
		memcpy(frames + len, frame, n);
		len += n;
	}
	memcpy(frames + len, "{\"Hello\":0}", 12);
	scene_send(fd, frames, len + 12);
	scene_expect_tunnel(fd);
	ck_assert_int_eq(scene_all_refusals(), 0);
	close(fd);
	scene_close();
}
END_TEST

struct resumed {
	const char *said; /* '.' in place of NUL */
	int fd;
};

static void resume(void *arg)
{
	const struct resumed *resumed = arg;
	size_t len = strlen(resumed->said);
	char said[512];

	for (size_t i = 0; i < len; i++)
		said[i] = resumed->said[i] == '.' ? '\0' : resumed->said[i];
	newcomer_resume(&scene.workers[0], resumed->fd, said, len);
}

/* Returns the client's end. */
static int begin_elsewhere(const char *said)
{
	int fds[2];

	sockets_tcp_pair(fds);
	sockets_unblock(fds[0]);
	sockets_unblock(fds[1]);
	scene_call(0, resume, &(struct resumed){ said, fds[1] });
	scene_run();
	return fds[0];
}

#define CHALLENGE    "{\"Challenge\":\"01020300-0000-0000-0000-000000000000\"}."
#define ANSWER(text) "{\"Authenticate\":\"" text "\"}."
#define HELLO        "{\"Hello\":0}."
#define STRANGE      "{\"Accept\":\"01020300-0000-0000-0000-000000000000\"}."

START_TEST(a_connection_goes_on_behind_what_was_said)
{
	int fd;

	scene_open(SCENE_NAMES);
	fd = begin_elsewhere(CHALLENGE ANSWER("alice") HELLO);
	ck_assert_uint_gt(scene_expect_tunnel(fd), 0);
	close(fd);
	fd = begin_elsewhere(CHALLENGE ANSWER("eve") HELLO);
	scene_expect_error(fd, REFUSED_WRONG_SECRET);
	fd = begin_elsewhere(CHALLENGE ANSWER("alice") STRANGE);
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_CONNECTION), 1);
	fd = begin_elsewhere(CHALLENGE ANSWER("eve") STRANGE); /* is not judged */
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_CONNECTION), 2);
	ck_assert_int_eq(scene_refusals(REFUSED_WRONG_SECRET), 1);
	fd = begin_elsewhere(HELLO); /* where no answer was asked for */
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_UNKNOWN_CONNECTION), 3);
	scene_close();
}
END_TEST

/* What the access list asks about the connection is not known before. */
START_TEST(access_lists_see_a_connection_that_goes_on)
{
	int fd;

	scene_open("{" SCENE_SERVER ", \"acl\": {\"control\": [{\"use\": \"facts\", \"fact\": "
	           "\"tls.version\", \"value\": \"TLSv1.3\"}]}}");
	fd = begin_elsewhere(HELLO);
	scene_expect_end(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_ACCESS_LIST), 1);
	scene_close();
}
END_TEST

START_TEST(a_connection_goes_on_without_authentication)
{
	int fd;

	scene_open(SCENE_OPEN);
	fd = begin_elsewhere(HELLO);
	ck_assert_uint_gt(scene_expect_tunnel(fd), 0);
	close(fd);
	fd = begin_elsewhere(CHALLENGE ANSWER("alice") HELLO);
	ck_assert_uint_gt(scene_expect_tunnel(fd), 0);
	close(fd);
	scene_close();
	scene_open(SCENE_SILENT);
	fd = begin_elsewhere(HELLO);
	ck_assert_uint_gt(scene_expect_tunnel(fd), 0);
	close(fd);
	scene_close();
	scene_open(SCENE_GREETED); /* a transport */
	fd = begin_elsewhere(HELLO);
	scene_expect_end(fd);
	scene_close();
}
END_TEST

SUITE("newcomer", a_connection_goes_on_behind_what_was_said,
      a_connection_goes_on_without_authentication, access_lists_see_a_connection_that_goes_on,
      an_answer_and_hello_may_come_together, a_bad_frame_is_refused_behind_the_verdict,
      a_half_closed_client_hears_its_verdict, a_verdict_does_not_wait_long_for_the_next_frame,
      a_client_with_a_verdict_may_not_wait, wrong_secrets_ban_the_source,
      a_right_secret_forgives_wrong_ones, too_many_tries_are_not_judged,
      a_newcomer_keeps_the_configuration_that_it_began_with,
      a_transport_that_cannot_be_laid_refuses, a_verdict_waits_for_all_that_a_client_says,
      a_client_may_say_a_kilobyte_and_no_more, a_wrong_item_is_refused_behind_the_verdict,
      everything_may_come_at_once)
