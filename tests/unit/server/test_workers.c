#include "server/workers.h"

#include "loop/survey.h"
#include "scene/serving_scene.h"
#include "suite.h"

START_TEST(a_port_that_is_taken_is_named)
{
	struct err err = { "" };
	spore_addr control;
	const char *config = serving_config(0, &control);
	char port[16];
	int fd;

	fd = socket(AF_INET, SOCK_STREAM, 0);
	{
		struct sockaddr_storage sa;
		socklen_t len = addr_to_sockaddr(&control, &sa);

		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
		ck_assert_int_eq(listen(fd, 1), 0);
	}
	ck_assert(!serving_start(config, &err));
	snprintf(port, sizeof port, "port %u", control.port);
	ck_assert_ptr_nonnull(strstr(err.text, port));
	ck_assert_ptr_nonnull(strstr(err.text, "address in use"));
	ck_assert_ptr_nonnull(serving.at_fault);
	ck_assert_str_eq(serving.at_fault->key, "control_port");
	close(fd);
	serving_stop();
}
END_TEST

/* The server before this one goes on with them. */
START_TEST(a_start_that_fails_leaves_visitors_alone)
{
	struct err err = { "" };
	spore_addr control;
	struct linger linger = { 1, 1 };
	socklen_t len = sizeof linger;
	char config[256];
	int fds[2];

	serving_config(0, &control);
	snprintf(config, sizeof config,
	         "{\"server\": {\"bind_addr\": \"127.0.0.1\", \"control_port\": %u, "
	         "\"usage_file\": \"/nonexistent/use\"}}",
	         control.port);
	sockets_tcp_pair(fds);
	serving.visitors = (struct given_sockets){ .fds = &fds[1], .n = 1 };
	ck_assert(!serving_start(config, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/use"));
	ck_assert_int_eq(getsockopt(fds[1], SOL_SOCKET, SO_LINGER, &linger, &len), 0);
	ck_assert_int_eq(linger.l_onoff, 0);
	serving.visitors.n = 0;
	close(fds[0]);
	close(fds[1]);
	serving_stop();
}
END_TEST

static struct workers workers;
static atomic_uint n_told;
static bool is_done;

static void note_told(struct server_worker *worker)
{
	ck_assert(worker >= workers.items && worker < workers.items + workers.n);
	atomic_fetch_add(&n_told, 1);
}

static void check_done(struct survey *survey, void *arg)
{
	ck_assert_ptr_eq(arg, &n_told);
	ck_assert(workers_have_answered(&workers, survey));
	for (unsigned i = 0; i < workers.n; i++)
		ck_assert_ptr_eq(survey_answer(survey, i), &workers.items[i]);
	is_done = true;
}

START_TEST(each_worker_runs_what_it_is_told)
{
	struct scene_thread threads[SCENE_WORKERS];
	struct err err;

	scene_open(SCENE_OPEN);
	workers = (struct workers){ loop_new(SCENE_WORKERS, &err), scene.loops, scene.workers,
		                    SCENE_WORKERS };
	scene_start_threads(threads);
	ck_assert_ptr_nonnull(workers_tell(&workers, note_told, 5000, check_done, &n_told));
	ck_assert(run_until(workers.main_loop, run_until_is_set, &is_done));
	ck_assert_uint_eq(atomic_load(&n_told), SCENE_WORKERS);
	scene_join_threads(threads);
	loop_free(workers.main_loop);
	scene_close();
}
END_TEST

SUITE("workers", a_port_that_is_taken_is_named, a_start_that_fails_leaves_visitors_alone,
      each_worker_runs_what_it_is_told)
