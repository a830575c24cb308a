#include "choose/choice_guest.h"

#include "quota/source.h"
#include "scene/routed_scene.h"
#include "session/arrival.h"
#include "suite.h"

START_TEST(a_source_has_few_visitors_without_a_tunnel)
{
	int fds[3];

	routed_begin(ROUTED_PORT);
	for (int i = 0; i < 3; i++)
		fds[i] = scene_visit(routed.port);
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	ck_assert(routed_is_reset(fds[2]));
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKES), 1);
	close(fds[0]); /* has left by itself */
	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	close(fds[1]);
	close(fds[2]);
	routed_end();
}
END_TEST

START_TEST(a_source_has_few_handshakes_without_a_tunnel)
{
	int fds[3];

	routed_begin(ROUTED_BEHIND(""));
	for (int i = 0; i < 3; i++)
		fds[i] = scene_visit(routed.port);
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	ck_assert(routed_has_ended(fds[2]));
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKES), 1);
	routed_greet(fds[0]); /* it is counted on */
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	scene_run();
	routed_end();
}
END_TEST

/* fd: taken. */
static struct choice_guest *new_guest(int fd)
{
	struct server_worker *worker = &scene.workers[0];
	spore_addr peer = scene_addr("192.0.2.1", 1), local = scene_addr("192.0.2.2", 443);
	struct source *crowd = source_get(worker->shared->sources, &peer);
	struct visitor visitor = { .fd = fd, .peer = peer, .port = 443 };
	struct choice_guest *guest;
	struct limit_hit hit;

	ck_assert(arrival_join_crowd(worker, crowd, &hit));
	guest = choice_guest_new(worker, &visitor, &local, crowd, scene.set);
	ck_assert_ptr_nonnull(guest);
	return guest;
}

START_TEST(a_refused_guest_is_closed_and_leaves_the_crowd)
{
	int pair[2];

	routed_begin(ROUTED_PORT);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	choice_guest_refuse(new_guest(pair[0]), REFUSED_BAD_START, "no request");
	ck_assert_int_eq(recv(pair[1], &(char){ 0 }, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(scene_refusals(REFUSED_BAD_START), 1);
	close(pair[1]);
	routed_end();
}
END_TEST

START_TEST(a_freed_guest_leaves_its_socket_open)
{
	struct choice_guest *guest;
	int pair[2];

	routed_begin(ROUTED_PORT);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	guest = new_guest(pair[0]);
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_int_eq(guest->entry->listen_port, 443);
	choice_guest_free(guest);
	ck_assert_int_eq(send(pair[0], "x", 1, 0), 1);
	close(pair[0]);
	close(pair[1]);
	routed_end();
}
END_TEST

SUITE("choice_guest", a_refused_guest_is_closed_and_leaves_the_crowd,
      a_freed_guest_leaves_its_socket_open, a_source_has_few_handshakes_without_a_tunnel,
      a_source_has_few_visitors_without_a_tunnel)
