#include "server/server.h"

#include <poll.h>

#include "loop/survey.h"
#include "scene/server_scene.h"
#include "server/census.h"
#include "suite.h"

/* A server on running workers, and the main loop, which the test runs. */
static struct scene_thread threads[SCENE_WORKERS];
static struct loop *main_loop;
static struct server *server;
static const struct json *at_fault; /* what start has said */
static char configs[2][256];

/* The configuration with a free control port. */
static const char *make_config(int which, spore_addr *control_out)
{
	close(sockets_listen(control_out, 1));
	snprintf(configs[which], sizeof configs[which],
	         "{\"server\": {\"bind_addr\": \"127.0.0.1\", \"control_port\": %u}, \"auth\": "
	         "[{\"use\": \"policy\", \"names\": [\"alice\"]}]}",
	         control_out->port);
	return configs[which];
}

static bool start(const char *config, struct err *err)
{
	struct server_env env;
	struct plugin_set *set;

	if (!main_loop) {
		struct err unused;

		scene_init();
		main_loop = loop_new(SCENE_WORKERS, &unused);
		ck_assert_ptr_nonnull(main_loop);
	}
	set = scene_set(config);
	env = (struct server_env){ .metrics = scene.metrics,
		                   .main_loop = main_loop,
		                   .loops = scene.loops,
		                   .n_workers = SCENE_WORKERS };
	scene_start_threads(threads);
	server = server_new();
	ck_assert_ptr_nonnull(server);
	return server_start(server, &env, set, &at_fault, err);
}

static void stop(void)
{
	server_stop(server);
	scene_join_threads(threads);
	server_free(server);
}

static void begin(spore_addr *control_out)
{
	struct err err = { "" };

	ck_assert_msg(start(make_config(0, control_out), &err), "%s", err.text);
}

/* The next message, soon. */
static struct message await(int fd, enum message_type type)
{
	struct pollfd wait = { fd, POLLIN, 0 };

	ck_assert_int_eq(poll(&wait, 1, 5000), 1);
	return scene_expect(fd, type);
}

static void say(int fd, const struct message *message)
{
	char frame[FRAME_MAX + 1];
	size_t len = message_format(message, frame);

	ck_assert_int_eq(send(fd, frame, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Alice's tunnel. */
static int open_tunnel(const spore_addr *control)
{
	int fd = sockets_dial(control);

	await(fd, MESSAGE_CHALLENGE);
	say(fd, &(struct message){ .type = MESSAGE_AUTHENTICATE, .text = "alice" });
	say(fd, &(struct message){ .type = MESSAGE_HELLO });
	await(fd, MESSAGE_HELLO);
	await(fd, MESSAGE_HEARTBEAT);
	return fd;
}

static void await_error(int fd, enum refusal why)
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

START_TEST(a_server_serves_until_it_stops)
{
	spore_addr control;
	struct sockaddr_storage sa;
	socklen_t len;
	int fd;

	begin(&control);
	fd = open_tunnel(&control);
	stop();
	len = addr_to_sockaddr(&control, &sa);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, len), -1);
	close(fd);
}
END_TEST

START_TEST(a_server_that_has_not_started_is_harmless)
{
	struct server *idle = server_new();

	server_revise(idle, &(struct revision){ .identity = spore_cstr("alice") });
	server_stop(idle);
	server_free(idle);
	server_free(NULL);
}
END_TEST

START_TEST(a_port_that_is_taken_is_named)
{
	struct err err = { "" };
	spore_addr control;
	const char *config = make_config(0, &control);
	char port[16];
	int fd;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	{
		struct sockaddr_storage sa;
		socklen_t len = addr_to_sockaddr(&control, &sa);

		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
		ck_assert_int_eq(listen(fd, 1), 0);
	}
	ck_assert(!start(config, &err));
	snprintf(port, sizeof port, "port %u", control.port);
	ck_assert_ptr_nonnull(strstr(err.text, port));
	ck_assert_ptr_nonnull(strstr(err.text, "address in use"));
	ck_assert_ptr_nonnull(at_fault);
	ck_assert_str_eq(at_fault->key, "control_port");
	close(fd);
	stop();
}
END_TEST

START_TEST(revalidation_reaches_the_workers)
{
	const struct instance *by;
	spore_addr control;
	int fd;

	begin(&control);
	fd = open_tunnel(&control);
	by = scene.sets[0].set->chains[CHAIN_AUTH]->items[0];
	server_revise(server, &(struct revision){ .by = by, .identity = spore_cstr("eve") });
	server_revise(server, &(struct revision){ .by = by, .identity = spore_cstr("alice") });
	await_error(fd, REFUSED_REVOKED);
	stop();
}
END_TEST

static void note_taken(struct survey *survey, void *flag)
{
	for (unsigned i = 0; i < SCENE_WORKERS; i++)
		ck_assert_ptr_nonnull(survey_answer(survey, i));
	*(bool *)flag = true;
}

/* Made while no thread runs the loops. */
START_TEST(another_configuration_may_move_the_port)
{
	spore_addr first, second;
	struct err err = { "" };
	struct plugin_set *other;
	bool has_moved = false;
	int fd, newer, taken;

	make_config(0, &first);
	make_config(1, &second);
	scene_init();
	main_loop = loop_new(SCENE_WORKERS, &err);
	other = scene_set(configs[1]);
	ck_assert_msg(start(configs[0], &err), "%s", err.text);
	fd = open_tunnel(&first);
	/* It cannot move to a port that is taken; nothing changes. */
	taken = socket(AF_INET, SOCK_STREAM, 0);
	{
		struct sockaddr_storage sa;
		socklen_t len = addr_to_sockaddr(&second, &sa);

		ck_assert_int_eq(bind(taken, (struct sockaddr *)&sa, len), 0);
		ck_assert_int_eq(listen(taken, 1), 0);
	}
	ck_assert_ptr_null(server_renew(server, other, 10000, note_taken, NULL, &err));
	newer = open_tunnel(&first);
	close(newer);
	close(taken);
	ck_assert_msg(server_renew(server, other, 10000, note_taken, &has_moved, &err) != NULL,
	              "%s", err.text);
	ck_assert(run_until(main_loop, run_until_is_set, &has_moved));
	newer = open_tunnel(&second);
	close(newer);
	await(fd, MESSAGE_HEARTBEAT); /* the tunnel that was there stays */
	close(fd);
	stop();
}
END_TEST

static void set_flag(void *flag)
{
	*(bool *)flag = true;
}

START_TEST(a_drain_refuses_tunnels_and_ends)
{
	spore_addr control;
	bool drained = false;
	int fd, late;

	begin(&control);
	fd = open_tunnel(&control);
	late = sockets_dial(&control);
	await(late, MESSAGE_CHALLENGE);
	server_drain(server, set_flag, &drained);
	ck_assert(!drained);
	say(late, &(struct message){ .type = MESSAGE_AUTHENTICATE, .text = "alice" });
	say(late, &(struct message){ .type = MESSAGE_HELLO });
	await_error(late, REFUSED_DRAINING);
	ck_assert(run_until(main_loop, run_until_is_set, &drained));
	await(fd, MESSAGE_HEARTBEAT); /* until the process ends */
	close(fd);
	stop();
}
END_TEST

struct answers {
	unsigned n_tunnels, n_answers;
	bool done;
};

static void gather(struct survey *survey, void *arg)
{
	struct answers *answers = arg;

	for (unsigned i = 0; i < SCENE_WORKERS; i++) {
		const struct census *census = survey_answer(survey, i);

		answers->n_answers += census != NULL;
		answers->n_tunnels += census ? census->n_tunnels : 0;
	}
	answers->done = true;
}

START_TEST(all_workers_answer)
{
	struct census_question question = { .what = CENSUS_TUNNELS, .most = 10 };
	struct answers answers = { 0 };
	spore_addr control;
	int fd;

	begin(&control);
	fd = open_tunnel(&control);
	ck_assert_ptr_nonnull(server_ask(server, &question, 5000, gather, &answers));
	ck_assert(run_until(main_loop, run_until_is_set, &answers.done));
	ck_assert_uint_eq(answers.n_answers, SCENE_WORKERS);
	ck_assert_uint_eq(answers.n_tunnels, 1);
	close(fd);
	stop();
}
END_TEST

static bool is_done;

static void on_done(struct survey *survey, void *arg)
{
	ck_assert_ptr_eq(arg, server);
	ck_assert(server_all_answered(server, survey));
	is_done = true;
}

static void await_done(struct survey *survey)
{
	ck_assert_ptr_nonnull(survey);
	is_done = false;
	ck_assert(run_until(main_loop, run_until_is_set, &is_done));
}

static bool is_answered(int fd)
{
	struct pollfd wait = { fd, POLLIN, 0 };

	return poll(&wait, 1, 50) == 1;
}

static unsigned n_copies;

static void count_copies(struct survey *survey, void *arg)
{
	for (unsigned i = 0; i < SCENE_WORKERS; i++) {
		const struct port_copies *copies = survey_answer(survey, i);

		n_copies += copies ? copies->control.n : 0;
	}
	on_done(survey, arg);
}

/* Nobody is refused meanwhile: clients wait at the control port. */
START_TEST(ports_are_given_and_taken_back)
{
	spore_addr control;
	int tunnel, caller;

	begin(&control);
	tunnel = open_tunnel(&control);
	await_done(server_copy_ports(server, 1000, count_copies, server));
	ck_assert_uint_eq(n_copies, SCENE_WORKERS);
	await_done(server_hold(server, 1000, on_done, server));
	ck_assert(server_is_still(server));
	await_done(server_give(server, 1000, on_done, server));
	caller = sockets_dial(&control);
	ck_assert(!is_answered(caller));
	await_done(server_take_back(server, 1000, on_done, server));
	await(caller, MESSAGE_CHALLENGE);
	close(caller);
	close(tunnel);
	stop();
}
END_TEST

SUITE("server", ports_are_given_and_taken_back, a_server_serves_until_it_stops,
      a_server_that_has_not_started_is_harmless, a_port_that_is_taken_is_named,
      revalidation_reaches_the_workers, another_configuration_may_move_the_port,
      a_drain_refuses_tunnels_and_ends, all_workers_answer)
