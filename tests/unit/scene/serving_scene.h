/* serving_scene - a server on running workers, and the main loop, which the test runs. */
#ifndef UNIT_SERVING_SCENE_H
#define UNIT_SERVING_SCENE_H

#include <poll.h>

#include "scene/server_scene.h"
#include "server/server.h"

static struct {
	struct scene_thread threads[SCENE_WORKERS];
	struct loop *main_loop;
	struct server *server;
	const struct json *at_fault; /* what the start has said */
	struct given_sockets visitors;
	char configs[2][256];
} serving;

/* The configuration with a free control port. */
static inline const char *serving_config(int which, spore_addr *control_out)
{
	close(sockets_listen(control_out, 1));
	snprintf(serving.configs[which], sizeof serving.configs[which],
	         "{\"server\": {\"bind_addr\": \"127.0.0.1\", \"control_port\": %u}, \"auth\": "
	         "[{\"use\": \"policy\", \"names\": [\"alice\"]}]}",
	         control_out->port);
	return serving.configs[which];
}

static inline bool serving_start(const char *config, struct err *err)
{
	struct server_env env;
	struct plugin_set *set;

	if (!serving.main_loop) {
		struct err unused;

		scene_init();
		serving.main_loop = loop_new(SCENE_WORKERS, &unused);
		ck_assert_ptr_nonnull(serving.main_loop);
	}
	set = scene_set(config);
	env = (struct server_env){ .metrics = scene.metrics,
		                   .main_loop = serving.main_loop,
		                   .loops = scene.loops,
		                   .n_workers = SCENE_WORKERS,
		                   .visitors = serving.visitors };
	scene_start_threads(serving.threads);
	serving.server = server_new();
	ck_assert_ptr_nonnull(serving.server);
	return server_start(serving.server, &env, set, &serving.at_fault, err);
}

static inline void serving_stop(void)
{
	server_stop(serving.server);
	scene_join_threads(serving.threads);
	server_free(serving.server);
}

static inline void serving_begin(spore_addr *control_out)
{
	struct err err = { "" };

	ck_assert_msg(serving_start(serving_config(0, control_out), &err), "%s", err.text);
}

/* The next message, soon. */
static inline struct message serving_await(int fd, enum message_type type)
{
	struct pollfd wait = { fd, POLLIN, 0 };

	ck_assert_int_eq(poll(&wait, 1, 5000), 1);
	return scene_expect(fd, type);
}

static inline void serving_say(int fd, const struct message *message)
{
	char frame[FRAME_MAX + 1];
	size_t len = message_format(message, frame);

	ck_assert_int_eq(send(fd, frame, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Alice's tunnel. */
static inline int serving_open_tunnel(const spore_addr *control)
{
	int fd = sockets_dial(control);

	serving_await(fd, MESSAGE_CHALLENGE);
	serving_say(fd, &(struct message){ .type = MESSAGE_AUTHENTICATE, .text = "alice" });
	serving_say(fd, &(struct message){ .type = MESSAGE_HELLO });
	serving_await(fd, MESSAGE_HELLO);
	serving_await(fd, MESSAGE_HEARTBEAT);
	return fd;
}

static inline void serving_await_error(int fd, enum refusal why)
{
	struct message message;

	do {
		struct pollfd wait = { fd, POLLIN, 0 };

		ck_assert_int_eq(poll(&wait, 1, 5000), 1);
		ck_assert_int_eq(scene_hear(fd, &message), HEARD_MESSAGE);
	} while (message.type == MESSAGE_HEARTBEAT);
	ck_assert_int_eq(message.type, MESSAGE_ERROR);
	ck_assert_str_eq(message.text, refusal_text(why));
	close(fd);
}

#endif
