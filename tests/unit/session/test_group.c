#include "session/group.h"

#include <arpa/inet.h>

#include "net/sock.h"
#include "quota/pending.h"
#include "scene/server_scene.h"
#include "share/share.h"
#include "suite.h"

/* Two tunnels, each on a worker of its own, that share a port. */
static struct tunnel {
	struct announcer announcer;
	struct account *account;
	struct share_member member;
	unsigned visits;
	struct visitor visitor; /* that it was passed; without an account: none */
} tunnels[2];
static struct source *source;
static uint16_t port;
static struct gate_door door; /* of a port that one tunnel's room keeps from accepting */
static bool is_awake;

static struct tunnel *tunnel_of(struct announcer *announcer)
{
	return CONTAINER_OF(announcer, struct tunnel, announcer);
}

static bool has_room(const struct gate_door *at, unsigned most)
{
	ck_assert_ptr_eq(at, &door);
	return account_waiting(tunnels[0].account) < most;
}

static void on_wake(struct loop_task *task)
{
	ck_assert_ptr_eq(task, &door.wake);
	gate_woken(&scene.shared.gate, &door);
	is_awake = true;
}

static void on_visit(struct announcer *announcer, int fd, const spore_addr *peer,
                     const spore_addr *local)
{
	ck_assert_uint_eq(local->port, port);
	ck_assert_uint_eq(peer->family, 4);
	ck_assert_ptr_eq(loop_current(), tunnel_of(announcer)->account->home->loop);
	tunnel_of(announcer)->visits++;
	if (door.has_room)
		ck_assert(!gate_has_room(&scene.shared.gate, &door, &scene.workers[0].limits));
	close(fd);
}

static void on_visitor(struct announcer *announcer, struct visitor *visitor)
{
	tunnel_of(announcer)->visitor = *visitor;
}

static const struct announcer_calls calls = { on_visit, on_visitor };

static void join(int i, int fd)
{
	struct tunnel *tunnel = &tunnels[i];
	struct group_wish wish = { .port = port, .member = &tunnel->member };
	struct limit_hit hit;

	if (fd >= 0)
		wish.sockets = (struct sockets){ .n = 1, .fds = { fd } };
	*tunnel = (struct tunnel){ .announcer.calls = &calls };
	tunnel->account = account_open(&scene.shared.principals, source, &scene.limits, NULL, NULL,
	                               &hit);
	ck_assert_ptr_nonnull(tunnel->account);
	account_stand(tunnel->account, &scene.workers[i], port);
	account_set_announcer(tunnel->account, &tunnel->announcer);
	wish.account = tunnel->account;
	ck_assert(group_join(&scene.workers[i], &wish, &hit));
	scene_run();
}

static void leave(int i)
{
	share_leave(&tunnels[i].member);
	account_set_announcer(tunnels[i].account, NULL);
	account_set_closed(tunnels[i].account);
	account_close_tunnel(tunnels[i].account);
	scene_run();
}

static void begin(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof any;
	int fd;
	spore_addr peer = scene_addr("127.0.0.1", 9);

	scene_open(SCENE_OPEN);
	source = source_get(scene.shared.sources, &peer);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&any, len), 0);
	ck_assert_int_eq(listen(fd, 10), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&any, &len), 0);
	port = ntohs(any.sin_port);
	join(0, fd);
	join(1, -1);
}

static void end(void)
{
	source_unref(source);
	scene_run();
	ck_assert(list_is_empty(&scene.workers[0].groups));
	scene_close();
}

static int try_to_connect(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_port = htons(port),
		                  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), status;

	status = connect(fd, (struct sockaddr *)&at, sizeof at);
	scene_run();
	close(fd);
	return status;
}

START_TEST(visitors_reach_the_tunnels_on_their_workers)
{
	begin();
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(try_to_connect(), 0);
	ck_assert_uint_eq(tunnels[0].visits, 2);
	ck_assert_uint_eq(tunnels[1].visits, 2);
	leave(0); /* it was the first, and the port goes on */
	ck_assert_int_eq(try_to_connect(), 0);
	ck_assert_uint_eq(tunnels[1].visits, 3);
	leave(1);
	ck_assert_int_eq(try_to_connect(), -1);
	end();
}
END_TEST

/* The choice counts as a waiting visitor until the tunnel has the visitor. */
START_TEST(a_port_that_waits_for_room_is_told_when_a_choice_is_over)
{
	begin();
	scene.workers[0].limits.settings.max_pending_per_tunnel = 1;
	gate_door_init(&door, scene.loops[0], NULL, on_wake);
	door.has_room = has_room;
	is_awake = false;
	ck_assert_int_eq(try_to_connect(), 0);
	ck_assert_uint_eq(tunnels[0].visits, 1);
	ck_assert(is_awake);
	door.has_room = NULL;
	leave(0);
	leave(1);
	end();
}
END_TEST

/* A visitor that was counted for the first tunnel. */
static struct visitor make_visitor(void)
{
	struct visitor visitor = { .id = { { 1 } },
		                   .born_as = { { 1 } },
		                   .fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
		                   .account = account_ref(tunnels[0].account),
		                   .peer = scene_addr("192.0.2.3", 77),
		                   .deadline_ms = 1 };
	enum refusal why;

	ck_assert(account_enter(visitor.account, NULL, &scene.limits, &why));
	return visitor;
}

/* A drain and an upgrade wait for it. */
static bool is_on_its_way(void)
{
	return atomic_load(&scene.shared.passes_begun) != atomic_load(&scene.shared.passes_ended);
}

START_TEST(a_visitor_goes_on_under_another_id)
{
	struct visitor visitor, *moved = &tunnels[1].visitor;

	begin();
	visitor = make_visitor();
	ck_assert(group_pass_on(&scene.workers[0], &visitor));
	ck_assert_uint_eq(account_load(tunnels[0].account), 0);
	ck_assert_uint_eq(account_load(tunnels[1].account), 2); /* expected, and counted */
	ck_assert(is_on_its_way());
	scene_run();
	ck_assert(!is_on_its_way());
	ck_assert_uint_eq(account_load(tunnels[1].account), 1);
	ck_assert_ptr_eq(moved->account, tunnels[1].account);
	ck_assert(!uuid_equal(&moved->id, &visitor.id));
	ck_assert(uuid_equal(&moved->born_as, &visitor.id));
	ck_assert_int_gt(moved->deadline_ms, 1); /* this client has as long as the first one */
	ck_assert(!group_pass_on(&scene.workers[1], moved)); /* each tunnel gets it once */
	visitor_drop(moved);
	leave(0);
	leave(1);
	end();
}
END_TEST

START_TEST(the_place_of_a_tunnel_that_has_ended_is_not_avoided)
{
	struct visitor visitor;

	begin();
	visitor = make_visitor();
	leave(0);
	join(0, -1); /* at the place of the one before */
	leave(1);
	ck_assert(group_pass_on(&scene.workers[0], &visitor));
	scene_run();
	ck_assert_ptr_eq(tunnels[0].visitor.account, tunnels[0].account);
	visitor_drop(&tunnels[0].visitor);
	leave(0);
	end();
}
END_TEST

START_TEST(a_visitor_of_a_name_does_not_go_to_others)
{
	static const uint64_t names[] = { 6, 5 };
	struct visitor visitor;

	begin();
	visitor = make_visitor();
	visitor.name = 5;
	share_set_names(&tunnels[0].member, names, 2);
	share_set_names(&tunnels[1].member, names, 1);
	ck_assert(!group_choose_again(&scene.workers[0], &visitor));
	ck_assert(!group_pass_on(&scene.workers[0], &visitor));
	share_set_names(&tunnels[1].member, names, 2);
	ck_assert(group_pass_on(&scene.workers[0], &visitor));
	scene_run();
	ck_assert_uint_eq(tunnels[1].visitor.name, 5);
	visitor_drop(&tunnels[1].visitor);
	leave(0);
	leave(1);
	end();
}
END_TEST

START_TEST(visitors_that_wait_go_on_together)
{
	struct visitor visitor;

	begin();
	visitor = make_visitor();
	ck_assert(pending_add(scene.shared.pending, &visitor));
	share_set_ready(&tunnels[0].member, false, false);
	share_shun(
		&tunnels[1].member); /* it has declined another visitor, and perhaps takes this */
	group_pass_all_on(&scene.workers[0], tunnels[0].account);
	scene_run();
	ck_assert(pending_is_empty(scene.shared.pending));
	ck_assert(!is_on_its_way());
	ck_assert_ptr_eq(tunnels[1].visitor.account, tunnels[1].account);
	visitor_drop(&tunnels[1].visitor);
	leave(0);
	leave(1);
	end();
}
END_TEST

START_TEST(visitors_stay_where_they_are_if_no_other_is_ready)
{
	struct visitor visitor;

	begin();
	visitor = make_visitor();
	ck_assert(pending_add(scene.shared.pending, &visitor));
	share_set_ready(&tunnels[0].member, false, false);
	share_set_ready(&tunnels[1].member, false, false);
	group_pass_all_on(&scene.workers[0], tunnels[0].account);
	scene_run();
	ck_assert(pending_take(scene.shared.pending, &visitor.id, &scene.limits, &visitor));
	visitor_drop(&visitor);
	leave(0);
	leave(1);
	end();
}
END_TEST

START_TEST(a_visitor_that_has_been_everywhere_does_not_leave_the_table)
{
	struct visitor visitor;

	begin();
	visitor = make_visitor();
	visitor.tried = UINT64_C(1) << tunnels[1].member.place;
	ck_assert(pending_add(scene.shared.pending, &visitor));
	group_pass_all_on(&scene.workers[0], tunnels[0].account);
	ck_assert(pending_take(scene.shared.pending, &visitor.id, &scene.limits, &visitor));
	ck_assert_int_eq(visitor.deadline_ms, 1); /* it was not put back either */
	ck_assert_uint_eq(account_waiting(tunnels[1].account), 0);
	visitor_drop(&visitor);
	leave(0);
	leave(1);
	end();
}
END_TEST

/* ---- a visitor whose transports have opened ---- */

START_TEST(a_visitor_stays_at_its_tunnel_among_equals)
{
	struct visitor visitor;

	begin();
	visitor = make_visitor();
	ck_assert(!group_choose_again(&scene.workers[0], &visitor));
	ck_assert_uint_eq(account_waiting(tunnels[0].account), 0);
	ck_assert_uint_eq(account_load(tunnels[0].account), 1);
	visitor_drop(&visitor);
	leave(0);
	leave(1);
	end();
}
END_TEST

START_TEST(a_visitor_goes_to_a_tunnel_that_has_fewer_by_now)
{
	struct visitor visitor, *moved = &tunnels[1].visitor;
	enum refusal why;

	begin();
	visitor = make_visitor();
	ck_assert(account_enter(tunnels[0].account, NULL, &scene.limits, &why));
	ck_assert(group_choose_again(&scene.workers[0], &visitor));
	scene_run();
	ck_assert_ptr_eq(moved->account, tunnels[1].account);
	ck_assert(uuid_equal(&moved->born_as, &visitor.id));
	ck_assert_uint_eq(moved->tried, 0); /* nobody has declined it */
	ck_assert_uint_eq(account_load(tunnels[0].account), 1);
	ck_assert_uint_eq(account_load(tunnels[1].account), 1);
	ck_assert_int_eq(scene_metric("spore_connections_passed_on_total"), 0);
	visitor_drop(moved);
	account_leave(tunnels[0].account, NULL);
	leave(0);
	leave(1);
	end();
}
END_TEST

START_TEST(a_visitor_goes_to_another_tunnel_if_its_own_has_ended)
{
	struct visitor first, last, *moved = &tunnels[1].visitor;

	begin();
	first = make_visitor();
	last = make_visitor();
	leave(0);
	ck_assert(group_choose_again(&scene.workers[0], &first));
	scene_run();
	ck_assert_ptr_eq(moved->account, tunnels[1].account);
	visitor_drop(moved);
	leave(1);
	ck_assert(group_has_room(&scene.workers[0], &last)); /* but nobody is left */
	ck_assert(!group_choose_again(&scene.workers[0], &last));
	visitor_drop(&last);
	end();
}
END_TEST

START_TEST(there_is_room_if_one_tunnel_has_some)
{
	struct visitor visitor = { 0 };
	struct limit_settings *settings = &scene.workers[0].limits.settings;

	begin();
	visitor.account = tunnels[0].account;
	settings->max_pending_per_tunnel = 1;
	atomic_store(&tunnels[0].account->pending, 1);
	ck_assert(group_has_room(&scene.workers[0], &visitor));
	atomic_store(&tunnels[1].account->pending, 1);
	ck_assert(!group_has_room(&scene.workers[0], &visitor));
	atomic_store(&tunnels[0].account->pending, 0);
	atomic_store(&tunnels[1].account->pending, 0);
	settings->max_pending = 3;
	atomic_store(&scene.shared.gate.inside, 3);
	ck_assert(!group_has_room(&scene.workers[0], &visitor));
	atomic_store(&scene.shared.gate.inside, 0);
	leave(0);
	leave(1);
	end();
}
END_TEST

SUITE("group", visitors_reach_the_tunnels_on_their_workers,
      a_port_that_waits_for_room_is_told_when_a_choice_is_over, a_visitor_goes_on_under_another_id,
      the_place_of_a_tunnel_that_has_ended_is_not_avoided,
      a_visitor_of_a_name_does_not_go_to_others, visitors_that_wait_go_on_together,
      visitors_stay_where_they_are_if_no_other_is_ready,
      a_visitor_that_has_been_everywhere_does_not_leave_the_table,
      a_visitor_stays_at_its_tunnel_among_equals, a_visitor_goes_to_a_tunnel_that_has_fewer_by_now,
      a_visitor_goes_to_another_tunnel_if_its_own_has_ended, there_is_room_if_one_tunnel_has_some)
