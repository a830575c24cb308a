#include "upgrade/heir.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/listeners.h"
#include "server/activation.h"
#include "sockets.h"
#include "suite.h"
#include "upgrade/channel.h"
#include "upgrade/protocol.h"
#include "json/reply.h"

static struct heir heir;
static struct activation activation;
static int other; /* the end of the server that runs */

static void open_channel(void)
{
	char number[16];
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	other = ends[0];
	snprintf(number, sizeof number, "%d", ends[1]);
	setenv(PROTOCOL_VARIABLE, number, 1);
}

static void open_channel_of(const char *variable)
{
	open_channel();
	setenv(variable, getenv(PROTOCOL_VARIABLE), 1);
	unsetenv(PROTOCOL_VARIABLE);
}

static void say(const char *text, int passed)
{
	ck_assert(channel_write(other, text, passed));
}

/* The next message of the heir has this key. Returns its text. */
static const char *hear(const char *key)
{
	static char text[200];
	const struct json *value;
	struct json *message;
	int fd;

	ck_assert_int_eq(channel_read(other, &message, &fd), CHANNEL_MESSAGE);
	value = json_get(message, key);
	ck_assert_ptr_nonnull(value);
	snprintf(text, sizeof text, "%s", value->type == JSON_STRING ? value->raw : "");
	reply_free(message);
	return text;
}

static bool take(void)
{
	activation = (struct activation){ .n = 0 };
	heir_take(&heir, &activation);
	return !*activation.err.text;
}

START_TEST(a_server_that_is_none)
{
	struct err err;

	ck_assert(take());
	ck_assert(!heir.is_one);
	ck_assert(heir_await(&heir, &activation, &err));
	heir_tell_serving(&heir, NULL);
	heir_tell_failure(&heir, "why");
	heir_close(&heir);
}
END_TEST

START_TEST(the_variable_is_only_for_servers)
{
	setenv(PROTOCOL_VARIABLE, "1x", 1);
	ck_assert(!take());
	ck_assert_ptr_nonnull(strstr(activation.err.text, "only a server sets it"));
	ck_assert_ptr_null(getenv(PROTOCOL_VARIABLE));
	setenv(PROTOCOL_VARIABLE, "2", 1);
	ck_assert(!take());
	ck_assert_int_ge(fcntl(2, F_GETFD), 0);
}
END_TEST

static spore_addr addresses[2];

/* What the server that runs says at first. */
static void say_all(void)
{
	int control = sockets_listen(&addresses[0], 1), listener = sockets_listen(&addresses[1], 1);
	char text[120], address[ADDR_TEXT_SIZE];

	say(PROTOCOL_GREETING, -1);
	say(PROTOCOL_CONTROL, control);
	say("{ \"new_in_protocol_1\": true }", STDERR_FILENO);
	snprintf(text, sizeof text, "{ \"listener\": \"%s\" }",
	         addr_format(&addresses[1], address));
	say(text, listener);
	say(PROTOCOL_ADMIN, STDERR_FILENO);
	say(PROTOCOL_SHARED, control);
	for (int i = 0; i < ELDERS_MOST + 1; i++)
		say(PROTOCOL_ELDER, control);
	say(PROTOCOL_LOAD, -1);
	close(control);
	close(listener);
}

START_TEST(sockets_are_taken)
{
	struct listener_use use = { 0 };
	spore_addr found;
	int fd;

	open_channel();
	say_all();
	ck_assert_msg(take(), "%s", activation.err.text);
	hear("protocol");
	ck_assert(heir.is_one && !heir.is_fixed);
	ck_assert_int_ge(heir.admin, 0);
	ck_assert_uint_eq(activation.n, 1);
	ck_assert_uint_eq(activation.n_shared, 1);
	ck_assert_uint_eq(heir.n_elders, ELDERS_MOST);
	sock_local_addr(activation.fds[0], &found);
	ck_assert(addr_equal(&found, &addresses[0]));
	ck_assert_int_eq(listeners_get(&addresses[1], true, &use, &fd), SPORE_OK);
	ck_assert_int_eq(sockets_dial(&addresses[1]) >= 0, 1);
	listeners_drop(&use);
	heir_close(&heir);
	ck_assert_uint_eq(heir.n_elders, 0);
	activation_close(&activation);
}
END_TEST

START_TEST(ports_are_awaited)
{
	struct err err;

	open_channel();
	say_all();
	ck_assert(take());
	say("{ \"port\": \"tunnel-1-abc\" }", STDERR_FILENO);
	say(PROTOCOL_STATE, STDERR_FILENO);
	say(PROTOCOL_GO, -1);
	ck_assert_msg(heir_await(&heir, &activation, &err), "%s", err.text);
	hear("protocol");
	hear("ready");
	ck_assert_uint_eq(activation.n_kept, 1);
	ck_assert_str_eq(activation.kept[0].name, "tunnel-1-abc");
	ck_assert_int_ge(heir.state, 0);
	heir_tell_failure(&heir, "no \"port\"");
	ck_assert_str_eq(hear("error"), "no \"port\"");
	ck_assert_int_lt(heir.fd, 0);
	activation_close(&activation);
}
END_TEST

START_TEST(a_server_that_gives_up)
{
	struct err err;

	open_channel();
	say_all();
	ck_assert(take());
	close(other);
	ck_assert(!heir_await(&heir, &activation, &err));
	ck_assert_str_eq(err.text, "the server that runs does not hand over: see its log");
	heir_close(&heir);
}
END_TEST

START_TEST(a_server_with_another_protocol)
{
	open_channel();
	say("{ \"protocol\": 2 }", -1);
	ck_assert(!take());
	hear("protocol");
	ck_assert_str_eq(activation.err.text,
	                 "the server that runs hands over by another protocol: restart it instead");
	heir_close(&heir);
}
END_TEST

static bool is_over(void)
{
	struct json *message;
	int fd;

	return channel_read(other, &message, &fd) == CHANNEL_END;
}

/* Its end is no failure of the start, and the server before it learns of its successor. */
START_TEST(a_server_that_serves)
{
	open_channel();
	say_all();
	ck_assert(take());
	say(PROTOCOL_LEFT, -1);
	heir_tell_serving(&heir, NULL);
	ck_assert_int_lt(heir.admin, 0);
	hear("protocol");
	hear("serving");
	heir_tell_upgraded(&heir);
	hear("upgraded");
	heir_tell_failure(&heir, "why");
	ck_assert(is_over());
	heir_tell_upgraded(&heir);
	activation_close(&activation);
}
END_TEST

START_TEST(visitors_are_taken)
{
	struct err err;

	open_channel();
	say_all();
	ck_assert(take());
	for (int i = 0; i < 2; i++)
		say(PROTOCOL_VISITOR, STDERR_FILENO);
	activation.n_visitors = ACTIVATION_VISITORS_MOST - 1;
	say(PROTOCOL_GO, -1);
	ck_assert_msg(heir_await(&heir, &activation, &err), "%s", err.text);
	hear("visitors");
	ck_assert_uint_eq(activation.n_visitors, ACTIVATION_VISITORS_MOST);
	close(activation.visitors[ACTIVATION_VISITORS_MOST - 1]);
	activation.n_visitors = 0;
	heir_close(&heir);
	activation_close(&activation);
}
END_TEST

START_TEST(a_program_that_is_checked)
{
	open_channel_of(PROTOCOL_CHECK_VARIABLE);
	heir_introduce();
	hear("protocol");
	ck_assert(is_over());
	ck_assert_ptr_null(getenv(PROTOCOL_CHECK_VARIABLE));
	ck_assert(take() && !heir.is_one);
	setenv(PROTOCOL_CHECK_VARIABLE, "2", 1);
	heir_introduce();
	ck_assert_int_ge(fcntl(2, F_GETFD), 0);
}
END_TEST

SUITE("heir", visitors_are_taken, a_server_that_serves, a_program_that_is_checked,
      a_server_that_is_none, the_variable_is_only_for_servers, sockets_are_taken, ports_are_awaited,
      a_server_that_gives_up, a_server_with_another_protocol)
