#include "server/server.h"

#include "loop/survey.h"
#include "scene/serving_scene.h"
#include "server/census.h"
#include "suite.h"

START_TEST(a_server_serves_until_it_stops)
{
	spore_addr control;
	struct sockaddr_storage sa;
	socklen_t len;
	int fd;

	serving_begin(&control);
	fd = serving_open_tunnel(&control);
	serving_stop();
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

START_TEST(revalidation_reaches_the_workers)
{
	const struct instance *by;
	spore_addr control;
	int fd;

	serving_begin(&control);
	fd = serving_open_tunnel(&control);
	by = scene.sets[0].set->chains[CHAIN_AUTH]->items[0];
	server_revise(serving.server,
	              &(struct revision){ .by = by, .identity = spore_cstr("eve") });
	server_revise(serving.server,
	              &(struct revision){ .by = by, .identity = spore_cstr("alice") });
	serving_await_error(fd, REFUSED_REVOKED);
	serving_stop();
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

	serving_begin(&control);
	fd = serving_open_tunnel(&control);
	ck_assert_ptr_nonnull(server_ask(serving.server, &question, 5000, gather, &answers));
	ck_assert(run_until(serving.main_loop, run_until_is_set, &answers.done));
	ck_assert_uint_eq(answers.n_answers, SCENE_WORKERS);
	ck_assert_uint_eq(answers.n_tunnels, 1);
	close(fd);
	serving_stop();
}
END_TEST

static bool is_done;

static void on_done(struct survey *survey, void *arg)
{
	ck_assert_ptr_eq(arg, serving.server);
	ck_assert(server_all_answered(serving.server, survey));
	is_done = true;
}

static void await_done(struct survey *survey)
{
	ck_assert_ptr_nonnull(survey);
	is_done = false;
	ck_assert(run_until(serving.main_loop, run_until_is_set, &is_done));
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

	serving_begin(&control);
	tunnel = serving_open_tunnel(&control);
	await_done(server_copy_ports(serving.server, 1000, count_copies, serving.server));
	ck_assert_uint_eq(n_copies, SCENE_WORKERS);
	await_done(server_hold(serving.server, true, 1000, on_done, serving.server));
	ck_assert(server_is_still(serving.server));
	await_done(server_give(serving.server, 1000, on_done, serving.server));
	caller = sockets_dial(&control);
	ck_assert(!is_answered(caller));
	await_done(server_take_back(serving.server, 1000, on_done, serving.server));
	serving_await(caller, MESSAGE_CHALLENGE);
	close(caller);
	close(tunnel);
	serving_stop();
}
END_TEST

SUITE("server", ports_are_given_and_taken_back, a_server_serves_until_it_stops,
      a_server_that_has_not_started_is_harmless, revalidation_reaches_the_workers,
      all_workers_answer)
