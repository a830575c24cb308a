#include "upgrade/channel.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run_until.h"
#include "suite.h"
#include "json/reply.h"

static struct channel channel;
static int other; /* the end of the other process */
static char got[200];
static bool has_ended;

static void note_message(void *arg, const struct json *message)
{
	const struct json *n = json_get(message, "n");

	(void)arg;
	snprintf(got + strlen(got), sizeof got - strlen(got), "%s ", n ? n->raw : "?");
}

static void note_end(void *arg)
{
	(void)arg;
	has_ended = true;
}

static struct loop *open_channel(void)
{
	struct loop *loop = run_until_loop();
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	other = ends[1];
	channel = (struct channel){ .on_message = note_message, .on_end = note_end };
	channel_open(&channel, loop, ends[0]);
	return loop;
}

static void close_all(struct loop *loop)
{
	channel_close(&channel);
	channel_close(&channel);
	close(other);
	loop_finish(loop);
	loop_free(loop);
}

START_TEST(messages_come_one_by_one_and_in_order)
{
	struct loop *loop = open_channel();

	ck_assert(channel_write(other, "{ \"n\": 1 }", -1));
	ck_assert(channel_write(other, "{ \"n\": 2, \"more\": true }", STDERR_FILENO));
	ck_assert(channel_write(other, "{ \"unknown\": 3 }", -1));
	close(other);
	ck_assert(run_until(loop, run_until_is_set, &has_ended));
	ck_assert_str_eq(got, "1 2 ? ");
	ck_assert_int_lt(channel.fd, 0);
	ck_assert(!channel_send(&channel, "{}", dup(STDERR_FILENO)));
	other = -1;
	close_all(loop);
}
END_TEST

static bool is_sent(void *unused)
{
	(void)unused;
	return list_is_empty(&channel.queue);
}

/* The other side reads late: what does not fit into the kernel's buffer waits. */
START_TEST(descriptors_arrive_with_their_messages)
{
	enum { N = 400 };
	struct loop *loop = open_channel();
	struct json *message;
	char text[4000];
	int fd;

	memset(text, ' ', sizeof text);
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof text, "{ \"n\": %d, \"x\": \"%03500d\" }", i, 0);
		ck_assert(channel_send(&channel, text, i % 2 ? dup(STDERR_FILENO) : -1));
	}
	run_for(loop, 20);
	ck_assert(!list_is_empty(&channel.queue));
	for (int i = 0; i < N; i++) {
		enum channel_news news = channel_read(other, &message, &fd);

		for (; news == CHANNEL_NOTHING; news = channel_read(other, &message, &fd))
			run_for(loop, 1);
		ck_assert_int_eq(news, CHANNEL_MESSAGE);
		ck_assert_int_eq((int)json_get(message, "n")->number, i);
		ck_assert(i % 2 ? fd >= 0 : fd == -1);
		if (fd >= 0) {
			ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
			close(fd);
		}
		reply_free(message);
	}
	ck_assert(run_until(loop, is_sent, NULL));
	ck_assert_int_eq(channel_read(other, &message, &fd), CHANNEL_NOTHING);
	close_all(loop);
}
END_TEST

START_TEST(what_is_no_message_is_the_end)
{
	static const char *const wrong[] = { "{", "{ \"n\": 1 } 2" };
	static char long_text[CHANNEL_TEXT_MOST + 2];
	struct json *message;
	int ends[2], fd;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		ck_assert(channel_write(ends[0], wrong[i], i ? STDERR_FILENO : -1));
		ck_assert_int_eq(channel_read(ends[1], &message, &fd), CHANNEL_END);
	}
	snprintf(long_text, sizeof long_text, "\"%0*d\"", CHANNEL_TEXT_MOST - 1, 0);
	ck_assert(channel_write(ends[0], long_text, -1));
	ck_assert_int_eq(channel_read(ends[1], &message, &fd), CHANNEL_END);
	close(ends[0]);
	ck_assert_int_eq(channel_read(ends[1], &message, &fd), CHANNEL_END);
	ck_assert(!channel_write(ends[1], "{}", -1));
	close(ends[1]);
}
END_TEST

START_TEST(a_text_is_escaped)
{
	char *text = channel_object("error", "line \"1\"\n\x01");

	ck_assert_str_eq(text, "{\n  \"error\": \"line \\\"1\\\"\\u000a\\u0001\"\n}\n");
	free(text);
}
END_TEST

SUITE("channel", messages_come_one_by_one_and_in_order, descriptors_arrive_with_their_messages,
      what_is_no_message_is_the_end, a_text_is_escaped)
