#include "relay/checkup.h"

#include "loop/loop.h"
#include "net/stream.h"
#include "relay/flow.h"
#include "run_until.h"
#include "sockets.h"
#include "suite.h"

/* Two streams of a relay that does not exist. The test holds their other ends. */
struct scene {
	struct loop *loop;
	struct stream *streams[2];
	struct flow flows[2];
	int near[2], far[2];
	struct relay_watch watch;
	struct checkup checkup;
};

static void set_up(struct scene *scene)
{
	*scene = (struct scene){ .loop = run_until_loop(),
		                 .watch = { .keepalive_ms = { 20000, 7000 },
		                            .timeout_ms = 120000,
		                            .doubt_ms = 15000 } };
	for (int i = 0; i < 2; i++) {
		int fds[2];

		sockets_tcp_pair(fds);
		sockets_unblock(fds[0]);
		scene->near[i] = fds[0];
		scene->far[i] = fds[1];
		scene->streams[i] = stream_new(scene->loop, fds[0], &(spore_addr){ 0 }, NULL);
		ck_assert_ptr_nonnull(scene->streams[i]);
		ck_assert(stream_open(scene->streams[i]));
	}
}

static void tear_down(struct scene *scene)
{
	for (int i = 0; i < 2; i++) {
		stream_close(scene->streams[i], true);
		close(scene->far[i]);
	}
	loop_finish(scene->loop);
	loop_free(scene->loop);
}

static struct checkup_subject subject_of(struct scene *scene)
{
	return (struct checkup_subject){ .streams = scene->streams,
		                         .flows = scene->flows,
		                         .watch = &scene->watch };
}

static enum checkup_finding look(struct scene *scene, int *side_out)
{
	struct checkup_subject subject = subject_of(scene);

	return checkup_look(&scene->checkup, &subject, side_out);
}

START_TEST(a_stream_that_is_not_read_may_die)
{
	for (int i = 0; i < 2; i++) {
		struct scene scene;
		int side = -1;

		set_up(&scene);
		scene.flows[i].state = FLOW_ENDED; /* nobody reads it any more */
		ck_assert_int_eq(look(&scene, &side), CHECKUP_FINE);
		sockets_reset(scene.far[i]);
		scene.far[i] = dup(STDERR_FILENO);
		ck_assert_int_eq(look(&scene, &side), CHECKUP_DIED);
		ck_assert_int_eq(side, i);
		ck_assert(stream_is_lost(scene.streams[i]));
		tear_down(&scene);
	}
}
END_TEST

/* Its reader learns of the reset by itself. */
START_TEST(a_stream_that_is_read_is_left_alone)
{
	struct scene scene;
	int side;

	set_up(&scene);
	sockets_reset(scene.far[0]);
	scene.far[0] = dup(STDERR_FILENO);
	ck_assert_int_eq(look(&scene, &side), CHECKUP_FINE);
	tear_down(&scene);
}
END_TEST

START_TEST(a_doubt_shortens_the_keepalive_of_the_left_side)
{
	struct checkup_subject subject;
	struct scene scene;

	set_up(&scene);
	subject = subject_of(&scene);
	checkup_keep_alive(&scene.checkup, &subject);
	ck_assert_int_eq(sockets_option(scene.near[0], IPPROTO_TCP, TCP_KEEPIDLE), 20);
	ck_assert_int_eq(sockets_option(scene.near[1], IPPROTO_TCP, TCP_KEEPIDLE), 7);
	checkup_doubt_left(&scene.checkup, &subject);
	checkup_keep_alive(&scene.checkup, &subject); /* once is enough */
	ck_assert_int_eq(sockets_option(scene.near[0], IPPROTO_TCP, TCP_KEEPIDLE), 5);
	ck_assert_int_eq(sockets_option(scene.near[1], IPPROTO_TCP, TCP_KEEPIDLE), 7);
	tear_down(&scene);
}
END_TEST

SUITE("checkup", a_stream_that_is_not_read_may_die, a_stream_that_is_read_is_left_alone,
      a_doubt_shortens_the_keepalive_of_the_left_side)
