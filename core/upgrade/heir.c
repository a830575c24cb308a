#include "upgrade/heir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "host/listeners.h"
#include "log/log.h"
#include "net/addr.h"
#include "process/watchdog.h"
#include "server/activation.h"
#include "server/server.h"
#include "upgrade/channel.h"
#include "upgrade/protocol.h"
#include "upgrade/state.h"
#include "json/reply.h"

enum { LOOK_MS = 100, GREETING_MS = 60000, LEAVE_MS = 2000 };

/* ---- messages ---- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Waits for a message. until_ms: INT64_MAX: as long as the other server wants. False and *err. */
static bool await_message(struct heir *heir, int64_t until_ms, struct json **message_out,
                          int *passed_out, struct err *err)
{
	struct pollfd ready = { heir->fd, POLLIN, 0 };

	for (;;) {
		enum channel_news news = channel_read(heir->fd, message_out, passed_out);

		if (news == CHANNEL_MESSAGE)
			return true;
		err_set(err, "the server that runs does not hand over: see its log");
		if (news == CHANNEL_END)
			return false;
		if (watchdog_has_signal()) {
			err_set(err, "a signal has come before the server that runs has handed "
			             "over");
			return false;
		}
		if (clock_ms() > until_ms)
			return false;
		poll(&ready, 1, LOOK_MS);
	}
}

static bool add_control(struct activation *activation, int *passed, struct err *err)
{
	if (activation->n == ACTIVATION_MOST) {
		err_set(err, "the server that runs passes more than %d sockets at the control port",
		        ACTIVATION_MOST);
		return false;
	}
	activation->fds[activation->n++] = *passed;
	*passed = -1;
	return true;
}

static bool add_shared(struct activation *activation, int *passed, struct err *err)
{
	if (activation->n_shared == ACTIVATION_SHARED_MOST) {
		err_set(err, "the server that runs passes more than %d sockets at routed ports",
		        ACTIVATION_SHARED_MOST);
		return false;
	}
	activation->shared[activation->n_shared++] = *passed;
	*passed = -1;
	return true;
}

/* If there are too many, the socket is closed. */
static void add_visitor(struct activation *activation, int *passed)
{
	if (activation->n_visitors == ACTIVATION_VISITORS_MOST)
		return;
	activation->visitors[activation->n_visitors++] = *passed;
	*passed = -1;
}

static bool add_port(struct activation *activation, const char *name, int *passed)
{
	struct kept_socket *kept = &activation->kept[activation->n_kept];

	if (activation->n_kept == KEPT_PORTS_MOST)
		return true; /* the socket is closed, so its client gets another one */
	kept->fd = *passed;
	snprintf(kept->name, sizeof kept->name, "%s", name);
	activation->n_kept++;
	*passed = -1;
	return true;
}

/* The oldest servers are left alone if there are too many. */
static void add_elder(struct heir *heir, int *passed)
{
	if (heir->n_elders == ELDERS_MOST)
		return;
	heir->elders[heir->n_elders++] = *passed;
	*passed = -1;
}

static void add_listener(const char *text, int *passed)
{
	spore_addr address;

	if (!addr_parse(text, &address))
		return;
	listeners_inherit(&address, *passed);
	*passed = -1;
}

static bool check_protocol(const struct json *protocol, struct err *err)
{
	if (protocol->type == JSON_NUMBER && (int)protocol->number == PROTOCOL_VERSION)
		return true;
	err_set(err, "the server that runs hands over by another protocol: restart it instead");
	return false;
}

static const char *text_of(const struct json *message, const char *key)
{
	const struct json *value = json_get(message, key);

	return value && value->type == JSON_STRING ? value->raw : NULL;
}

/* Takes what the message says and passes. What is left of *passed is the caller's. */
static bool take_message(struct heir *heir, struct activation *activation,
                         const struct json *message, int *passed, struct err *err)
{
	const struct json *protocol = json_get(message, "protocol");
	const char *port = text_of(message, PROTOCOL_PORT_KEY);
	const char *listener = text_of(message, PROTOCOL_LISTENER_KEY);

	if (protocol)
		return check_protocol(protocol, err);
	if (*passed < 0)
		return true;
	if (json_get(message, "control")) {
		heir->is_fixed = json_get(message, "fixed") != NULL;
		return add_control(activation, passed, err);
	}
	if (json_get(message, "shared"))
		return add_shared(activation, passed, err);
	if (port)
		return add_port(activation, port, passed);
	if (listener)
		add_listener(listener, passed);
	else if (json_get(message, "elder"))
		add_elder(heir, passed);
	else if (json_get(message, "visitor"))
		add_visitor(activation, passed);
	else if (json_get(message, "admin") && heir->admin < 0) {
		heir->admin = *passed;
		*passed = -1;
	} else if (json_get(message, "state") && heir->state < 0) {
		heir->state = *passed;
		*passed = -1;
	}
	return true;
}

/* Takes messages until one has the key. False and *err. */
static bool take_until(struct heir *heir, struct activation *activation, const char *key,
                       int64_t until_ms, struct err *err)
{
	struct json *message;
	bool good = true, is_last = false;
	int passed;

	while (good && !is_last) {
		if (!await_message(heir, until_ms, &message, &passed, err))
			return false;
		good = take_message(heir, activation, message, &passed, err);
		is_last = json_get(message, key) != NULL;
		close_fd(&passed);
		reply_free(message);
	}
	return good;
}

/* ---- the start ---- */

static bool is_channel(int fd)
{
	int type = 0;
	socklen_t len = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

/* Of the channel in the variable, which is removed. -1: it is not set, or names no channel. */
static int take_channel(const char *variable)
{
	const char *text = getenv(variable);
	uint64_t fd = 0;
	bool is_good = text && text_to_uint(text, strlen(text), INT_MAX, &fd) &&
	               is_channel((int)fd);

	unsetenv(variable);
	return is_good ? (int)fd : -1;
}

void heir_introduce(void)
{
	int fd = take_channel(PROTOCOL_CHECK_VARIABLE);

	if (fd < 0)
		return;
	channel_write(fd, PROTOCOL_GREETING, -1);
	close(fd);
}

void heir_take(struct heir *heir, struct activation *activation)
{
	bool is_one = getenv(PROTOCOL_VARIABLE) != NULL;
	struct err err;

	*heir = (struct heir){ .fd = -1, .is_one = is_one, .admin = -1, .state = -1 };
	if (!is_one)
		return;
	heir->fd = take_channel(PROTOCOL_VARIABLE);
	if (heir->fd < 0) {
		err_set(&activation->err,
		        PROTOCOL_VARIABLE " is set, but only a server sets it, for `spore ctl "
		                          "upgrade`: unset it");
		return;
	}
	fcntl(heir->fd, F_SETFD, FD_CLOEXEC);
	channel_write(heir->fd, PROTOCOL_HEIR_GREETING, -1);
	if (take_until(heir, activation, "load", clock_ms() + GREETING_MS, &err))
		return;
	activation_close(activation);
	activation->err = err;
}

static void take_use(struct heir *heir)
{
	struct err err;

	heir->use = heir->state >= 0 ? state_read_use(heir->state, &err) : NULL;
	if (heir->state >= 0 && !heir->use)
		log_warn("what identities use is not known from the server before",
		         log_str("error", err.text));
}

bool heir_await(struct heir *heir, struct activation *activation, struct err *err)
{
	if (heir->fd < 0)
		return true;
	listeners_disinherit();
	if (!channel_write(heir->fd, PROTOCOL_READY, -1)) {
		err_set(err, "the server that runs does not hand over: see its log");
		return false;
	}
	if (!take_until(heir, activation, "go", INT64_MAX, err))
		return false;
	take_use(heir);
	return true;
}

/* Until the other server has told the service manager of this one. */
static void await_leaving(int fd)
{
	struct pollfd news = { fd, POLLIN, 0 };

	poll(&news, 1, LEAVE_MS);
}

void heir_tell_serving(struct heir *heir, struct server *server)
{
	struct err err;

	if (heir->fd < 0)
		return;
	if (heir->state >= 0 && !state_read_bans(heir->state, server_sources(server), &err))
		log_warn("bans of the server before are not known", log_str("error", err.text));
	heir->is_serving = channel_write(heir->fd, PROTOCOL_SERVING, -1);
	if (heir->is_serving)
		await_leaving(heir->fd);
	close_fd(&heir->admin);
	close_fd(&heir->state);
}

void heir_tell_upgraded(struct heir *heir)
{
	if (heir->fd >= 0)
		channel_write(heir->fd, PROTOCOL_UPGRADED, -1);
}

void heir_tell_failure(struct heir *heir, const char *why)
{
	bool is_awaited = heir->fd >= 0 && !heir->is_serving;
	char *text = is_awaited ? channel_object(PROTOCOL_ERROR_KEY, why) : NULL;

	if (text)
		channel_write(heir->fd, text, -1);
	free(text);
	heir_close(heir);
}

void heir_close(struct heir *heir)
{
	close_fd(&heir->fd);
	close_fd(&heir->admin);
	close_fd(&heir->state);
	free(heir->use);
	heir->use = NULL;
	while (heir->n_elders > 0)
		close_fd(&heir->elders[--heir->n_elders]);
}
