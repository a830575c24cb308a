#include "link/pulse.h"

#include <string.h>

#include "link/link.h"
#include "net/stream.h"
#include "run_until.h"
#include "sockets.h"
#include "suite.h"

static const char beat[] = "\"Heartbeat\"";

static void on_message(struct link *link, const struct message *message)
{
	(void)link;
	(void)message;
}

static void on_fault(struct link *link, enum link_fault fault)
{
	(void)link;
	(void)fault;
}

static void on_end(struct link *link, const char *why)
{
	(void)link;
	(void)why;
}

static const struct link_events events = { on_message, on_fault, on_end };

struct scene {
	struct loop *loop;
	struct link link;
	struct pulse pulse;
	int far;
	unsigned wanted, got; /* heartbeats that have come */
};

static void set_up(struct scene *scene)
{
	struct stream *stream;
	spore_addr peer = { 0 };
	int fds[2];

	*scene = (struct scene){ .loop = run_until_loop() };
	sockets_tcp_pair(fds);
	stream = stream_new(scene->loop, fds[0], &peer, NULL);
	ck_assert(stream_open(stream));
	link_init(&scene->link, stream, MESSAGE_TO_CLIENT, &events);
	pulse_init(&scene->pulse, scene->loop, &scene->link);
	scene->far = fds[1];
}

static void tear_down(struct scene *scene)
{
	pulse_stop(&scene->pulse);
	pulse_stop(&scene->pulse);
	link_fini(&scene->link, false);
	loop_free(scene->loop);
	close(scene->far);
}

static bool has_come(void *arg)
{
	struct scene *scene = arg;
	char text[sizeof beat];

	while (recv(scene->far, text, sizeof text, 0) == (ssize_t)sizeof text) {
		ck_assert_int_eq(memcmp(text, beat, sizeof beat), 0);
		scene->got++;
	}
	return scene->got >= scene->wanted;
}

START_TEST(heartbeats_come_again_and_again_until_they_are_stopped)
{
	struct scene scene;

	set_up(&scene);
	pulse_start(&scene.pulse, 0.02, 0.5);
	scene.wanted = 3;
	ck_assert(run_until(scene.loop, has_come, &scene));
	pulse_stop(&scene.pulse);
	scene.wanted = scene.got + 1;
	ck_assert(!run_until_within(scene.loop, 60, has_come, &scene));
	tear_down(&scene);
}
END_TEST

/* The first one comes within the period, wherever in the period its place is. */
START_TEST(first_heartbeat_comes_within_the_period)
{
	static const double randoms[] = { 0.0, 0.05, 0.5, 0.95, 0.9999999 };
	struct scene scene;

	set_up(&scene);
	for (size_t i = 0; i < sizeof randoms / sizeof *randoms; i++) {
		struct ev_loop *ev = loop_ev(scene.loop);
		double first_s;

		pulse_start(&scene.pulse, 10.0, randoms[i]);
		first_s = ev_timer_remaining(ev, &scene.pulse.timer);
		ck_assert_msg(first_s >= 0.0 && first_s <= 10.0, "%f", first_s);
		ck_assert_msg(first_s > 10.0 * randoms[i] - 1.0 - 1e-6, "%f", first_s);
		ck_assert_msg(first_s < 10.0 * randoms[i] + 1.0 + 1e-6, "%f", first_s);
	}
	tear_down(&scene);
}
END_TEST

START_TEST(second_start_changes_the_pace)
{
	struct scene scene;

	set_up(&scene);
	pulse_start(&scene.pulse, 1000.0, 0.9);
	pulse_start(&scene.pulse, 0.01, 0.0);
	scene.wanted = 2;
	ck_assert(run_until(scene.loop, has_come, &scene));
	tear_down(&scene);
}
END_TEST

START_TEST(a_heartbeat_can_be_sent_at_once)
{
	struct scene scene;

	set_up(&scene);
	ck_assert(!pulse_beat(&scene.pulse));
	pulse_start(&scene.pulse, 1000.0, 0.9);
	ck_assert(pulse_beat(&scene.pulse));
	scene.wanted = 1;
	ck_assert(run_until(scene.loop, has_come, &scene));
	tear_down(&scene);
}
END_TEST

SUITE("pulse", heartbeats_come_again_and_again_until_they_are_stopped,
      first_heartbeat_comes_within_the_period, second_start_changes_the_pace,
      a_heartbeat_can_be_sent_at_once)
