#include "server/waiting.h"

#include "scene/routed_scene.h"
#include "suite.h"

START_TEST(only_stale_visitors_end)
{
	int fd;

	routed_begin(ROUTED_PORT);
	fd = routed_visit(ROUTED_REQUEST("a.example"));
	ck_assert_uint_eq(pending_count(scene.shared.pending), 1);
	waiting_end_stale(&scene.shared, scene.set, &scene.limits, scene.loops[0]);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 1);
	waiting_end_all(&scene.shared, scene.set, &scene.limits);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	ck_assert(routed_is_reset(fd));
	close(fd);
	routed_end();
}
END_TEST

SUITE("waiting", only_stale_visitors_end)
