#include "choose/admission.h"

#include "scene/routed_scene.h"
#include "suite.h"

START_TEST(access_lists_are_asked_for_the_tunnel)
{
	int fd;

	routed_begin(ROUTED_PORT);
	scene.workers[0].set = scene_set(
		"{" SCENE_SERVER ", \"acl\": {\"public\": [{\"use\": \"cidr\", \"deny\": "
		"[\"127.0.0.1\"]}]}, \"public\": [{\"listen_port\": 443, \"route\": [{\"use\": "
		"\"http\"}]}]}");
	fd = routed_visit(ROUTED_REQUEST("a.example"));
	ck_assert(routed_is_reset(fd));
	ck_assert_int_eq(scene_metric_of("spore_refusals_total", "public", "access_list"), 1);
	scene.workers[0].set = scene.set;
	close(fd);
	routed_end();
}
END_TEST

/* As behind a handshake at a port of the tunnel's own. */
START_TEST(where_there_is_no_room_visitors_are_refused)
{
	int fds[2];

	routed_begin(ROUTED_PORT);
	scene.workers[0].limits.settings.max_pending_per_tunnel = 1;
	for (int i = 0; i < 2; i++)
		fds[i] = routed_visit(ROUTED_REQUEST("a.example"));
	ck_assert_uint_eq(tunnel_account(routed.tunnel)->pending, 1);
	ck_assert(routed_is_reset(fds[1]));
	ck_assert_int_eq(scene_refusals(REFUSED_PENDING), 1);
	ck_assert_uint_eq(tunnel_account(routed.tunnel)->inside, 1);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	routed_end();
}
END_TEST

START_TEST(a_tunnel_without_its_service_takes_no_visitor)
{
	int fd;

	routed_begin(ROUTED_PORT);
	ck_assert(tunnel_set_ready(routed.tunnel,
	                           &(struct message){ .text = "down", .close = true }));
	fd = routed_visit(ROUTED_REQUEST("a.example"));
	ck_assert(routed_is_reset(fd));
	ck_assert_int_eq(scene_refusals(REFUSED_UNSERVED), 1);
	close(fd);
	routed_end();
}
END_TEST

SUITE("admission", a_tunnel_without_its_service_takes_no_visitor,
      where_there_is_no_room_visitors_are_refused, access_lists_are_asked_for_the_tunnel)
