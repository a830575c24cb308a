#include "session/entry.h"

#include "scene/lane_scene.h"
#include "suite.h"

#define DENYING                                                                                    \
	"{" SCENE_SERVER ", \"acl\": {\"control\": [{\"use\": \"deny\", \"point\": "               \
	"\"control\", \"deny\": [\"192.0.2.0/24\"]}]}}"

static void expect_closed(int fd, enum scene_heard how)
{
	struct message message;

	ck_assert_int_eq(scene_hear(fd, &message), how);
	close(fd);
}

static unsigned n_strangers(void)
{
	return scene.workers[0].strangers.count;
}

START_TEST(a_connection_becomes_a_stranger)
{
	int fd;

	scene_open(SCENE_OPEN);
	fd = scene_connect();
	ck_assert_uint_eq(n_strangers(), 1);
	ck_assert_uint_eq(scene.shared.strangers, 1);
	ck_assert_int_eq(scene_metric("spore_control_connections_total"), 1);
	close(fd);
	scene_run();
	ck_assert_uint_eq(n_strangers(), 0);
	ck_assert_uint_eq(scene.shared.strangers, 0);
	scene_close();
}
END_TEST

START_TEST(an_access_list_refuses)
{
	int fd;

	scene_open(DENYING);
	expect_closed(scene_connect_from(0, "192.0.2.1"), HEARD_END);
	ck_assert_int_eq(scene_refusals(REFUSED_ACCESS_LIST), 1);
	ck_assert_int_eq(scene_metric("spore_control_connections_total"), 1);
	fd = scene_connect_from(0, "192.0.3.1");
	ck_assert_uint_eq(n_strangers(), 1);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(a_banned_source_is_reset_unless_it_was_asked_for)
{
	spore_addr addr = scene_addr(SCENE_STRANGER, 0);
	struct limits *limits = &scene.workers[0].limits;
	struct source *source;
	int fd;

	scene_open(SCENE_OPEN);
	limits->settings.ban_after = 1;
	limits->settings.ban_time = 60000;
	source = source_get(scene.shared.sources, &addr);
	while (!source_was_wrong(source, limits, clock_ms()))
		;
	while (source_may_hear(source, clock_ms()))
		;
	expect_closed(scene_connect_from(0, SCENE_STRANGER), HEARD_RESET);
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE), 1);
	ck_assert_uint_eq(n_strangers(), 0);
	/* For a visitor that was announced to it. */
	source_announce(source);
	fd = scene_connect_from(0, SCENE_STRANGER);
	ck_assert_ptr_nonnull(server_sessions_first(&scene.workers[0], LIST_NEWCOMERS));
	ck_assert_uint_eq(n_strangers(), 0);
	source_unannounce(source);
	source_unref(source);
	close(fd);
	scene_close();
}
END_TEST

static bool has_waiting(void *unused)
{
	(void)unused;
	return scene.workers[0].sessions[LIST_WAITING].count == 1;
}

/* It opens connections ahead, which no visitor announces. */
START_TEST(a_client_with_a_tunnel_goes_on_behind_a_ban)
{
	spore_addr addr = scene_addr(SCENE_STRANGER, 0);
	struct limits *limits = &scene.workers[0].limits;
	struct source *source;
	struct lane_scene lanes;
	int fd;

	scene_open(SCENE_NAMES);
	limits->settings.ban_after = 1;
	limits->settings.ban_time = 60000;
	source = source_get(scene.shared.sources, &addr);
	ck_assert(source_was_wrong(source, limits, clock_ms()));
	while (source_may_hear(source, clock_ms()))
		;
	ck_assert(source_add_tunnel(source, limits));
	lanes = lane_scene_open(0, "alice", 0);
	fd = scene_log_in_from(SCENE_STRANGER, "alice");
	scene_ahead(fd, &lanes.pass);
	scene_wait(has_waiting, NULL);
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE), 0);
	close(fd);
	/* A secret is not checked: this is a try. */
	fd = scene_log_in_from(SCENE_STRANGER, "alice");
	scene_hello(fd, 0);
	scene_expect(fd, MESSAGE_ERROR);
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE), 1);
	close(fd);
	source_remove_tunnel(source);
	source_unref(source);
	lane_scene_close(&lanes);
}
END_TEST

START_TEST(a_source_with_too_many_connections_loses_its_oldest)
{
	int fds[3], other;

	scene_open(SCENE_OPEN);
	scene.workers[0].limits.settings.max_unauthenticated_per_ip = 2;
	other = scene_connect_from(0, "192.0.2.1");
	for (int i = 0; i < 3; i++)
		fds[i] = scene_connect_from(0, "192.0.2.2");
	expect_closed(fds[0], HEARD_RESET);
	scene_expect_nothing(fds[1]);
	scene_expect_nothing(fds[2]);
	scene_expect_nothing(other);
	ck_assert_int_eq(scene_refusals(REFUSED_CROWD), 1);
	close(fds[1]);
	close(fds[2]);
	close(other);
	scene_close();
}
END_TEST

START_TEST(too_many_in_all_cost_the_largest_crowd_one)
{
	int fds[3], other;

	scene_open(SCENE_OPEN);
	scene.workers[0].limits.strangers = 3;
	for (int i = 0; i < 3; i++)
		fds[i] = scene_connect_from(0, "192.0.2.2");
	other = scene_connect_from(0, "192.0.2.1");
	expect_closed(fds[0], HEARD_RESET);
	scene_expect_nothing(other);
	ck_assert_uint_eq(n_strangers(), 3);
	close(fds[1]);
	close(fds[2]);
	close(other);
	scene_close();
}
END_TEST

START_TEST(a_high_descriptor_costs_another_stranger)
{
	int first, second;

	scene_open(SCENE_OPEN);
	first = scene_connect();
	scene.workers[0].limits.scarce_fd = 0;
	second = scene_connect();
	expect_closed(first, HEARD_RESET);
	scene_expect_nothing(second);
	ck_assert_int_eq(scene_refusals(REFUSED_CROWD), 1);
	close(second);
	scene_close();
}
END_TEST

SUITE("entry", a_connection_becomes_a_stranger, an_access_list_refuses,
      a_banned_source_is_reset_unless_it_was_asked_for, a_client_with_a_tunnel_goes_on_behind_a_ban,
      a_source_with_too_many_connections_loses_its_oldest,
      too_many_in_all_cost_the_largest_crowd_one, a_high_descriptor_costs_another_stranger)
