#include "quota/gate.h"

#include <pthread.h>

#include "base/container.h"
#include "quota/limits.h"
#include "run_until.h"
#include "suite.h"

struct scene {
	struct loop *loop;
	struct gate gate;
	struct limits limits;
	struct tunnel {
		struct gate_door door;
		atomic_uint inside;
		unsigned wakes;
		unsigned to_enter; /* visitors that arrive when it is woken */
		struct scene *scene;
	} tunnels[3];
};

/* Accepts like a listener, until there is no room. */
static void enter_all(struct tunnel *tunnel)
{
	while (tunnel->to_enter &&
	       gate_has_room(&tunnel->scene->gate, &tunnel->door, &tunnel->scene->limits)) {
		gate_enter(&tunnel->scene->gate, &tunnel->inside);
		tunnel->to_enter--;
	}
}

static void run_wake(struct loop_task *task)
{
	struct tunnel *tunnel = CONTAINER_OF(task, struct tunnel, door.wake);

	tunnel->wakes++;
	gate_woken(&tunnel->scene->gate, &tunnel->door);
	enter_all(tunnel);
	gate_pass_on(&tunnel->scene->gate, &tunnel->scene->limits);
}

static void set_limits(struct scene *scene, unsigned most, unsigned most_each)
{
	scene->limits.settings.max_pending = most;
	scene->limits.settings.max_pending_per_tunnel = most_each;
}

static void set_up(struct scene *scene, unsigned most, unsigned most_each)
{
	*scene = (struct scene){ .loop = run_until_loop() };
	set_limits(scene, most, most_each);
	gate_init(&scene->gate);
	for (int i = 0; i < 3; i++) {
		struct tunnel *tunnel = &scene->tunnels[i];

		tunnel->scene = scene;
		gate_door_init(&tunnel->door, scene->loop, &tunnel->inside, run_wake);
	}
}

static void tear_down(struct scene *scene)
{
	run_for(scene->loop, 5);
	ck_assert_uint_eq(scene->gate.n_waiting, 0);
	ck_assert_uint_eq(scene->gate.inside, 0);
	gate_fini(&scene->gate);
	loop_free(scene->loop);
}

static bool has_room(struct scene *scene, int i)
{
	return gate_has_room(&scene->gate, &scene->tunnels[i].door, &scene->limits);
}

static void enter(struct scene *scene, int i)
{
	gate_enter(&scene->gate, &scene->tunnels[i].inside);
}

static void leave(struct scene *scene, int i)
{
	gate_leave(&scene->gate, &scene->tunnels[i].inside);
	gate_pass_on(&scene->gate, &scene->limits);
	run_for(scene->loop, 5);
}

START_TEST(a_full_tunnel_waits_alone)
{
	struct scene scene;

	set_up(&scene, 100, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert(has_room(&scene, 0));
		enter(&scene, 0);
	}
	ck_assert(!gate_is_open(&scene.gate, &scene.tunnels[0].door, &scene.limits));
	ck_assert_uint_eq(scene.gate.n_waiting, 0);
	ck_assert(!has_room(&scene, 0));
	ck_assert(has_room(&scene, 1));
	leave(&scene, 0);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 1);
	ck_assert(has_room(&scene, 0));
	leave(&scene, 0);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 1); /* the door did not wait */
	tear_down(&scene);
}
END_TEST

START_TEST(the_first_in_line_comes_next)
{
	struct scene scene;

	set_up(&scene, 2, 100);
	enter(&scene, 0);
	enter(&scene, 1);
	ck_assert(!has_room(&scene, 2) && !has_room(&scene, 0) && !has_room(&scene, 2));
	scene.tunnels[2].to_enter = 1;
	leave(&scene, 1);
	ck_assert_uint_eq(scene.tunnels[2].wakes, 1);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 0);
	leave(&scene, 2);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 1);
	leave(&scene, 0);
	tear_down(&scene);
}
END_TEST

START_TEST(one_that_is_full_itself_is_passed_over)
{
	struct scene scene;

	set_up(&scene, 3, 2);
	enter(&scene, 0);
	enter(&scene, 0);
	enter(&scene, 1);
	ck_assert(!has_room(&scene, 0) && !has_room(&scene, 2));
	leave(&scene, 1);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 0);
	ck_assert_uint_eq(scene.tunnels[2].wakes, 1);
	leave(&scene, 0);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 1);
	leave(&scene, 0);
	tear_down(&scene);
}
END_TEST

START_TEST(room_that_is_not_used_is_passed_on)
{
	struct scene scene;

	set_up(&scene, 1, 1);
	enter(&scene, 0);
	ck_assert(!has_room(&scene, 1) && !has_room(&scene, 2));
	leave(&scene, 0);
	ck_assert_uint_eq(scene.tunnels[1].wakes, 1); /* its visitor has gone meanwhile */
	ck_assert_uint_eq(scene.tunnels[2].wakes, 1);
	tear_down(&scene);
}
END_TEST

START_TEST(a_door_that_is_shut_is_not_woken)
{
	struct scene scene;

	set_up(&scene, 1, 1);
	enter(&scene, 0);
	ck_assert(!has_room(&scene, 1));
	ck_assert(gate_shut(&scene.gate, &scene.tunnels[1].door));
	leave(&scene, 0);
	ck_assert_uint_eq(scene.tunnels[1].wakes, 0);
	/* Shut after the wake was posted and before it runs. */
	enter(&scene, 0);
	ck_assert(!has_room(&scene, 1));
	gate_leave(&scene.gate, &scene.tunnels[0].inside);
	gate_pass_on(&scene.gate, &scene.limits);
	ck_assert(!gate_shut(&scene.gate, &scene.tunnels[1].door));
	run_for(scene.loop, 5);
	ck_assert_uint_eq(scene.tunnels[1].wakes, 1);
	ck_assert(gate_shut(&scene.gate, &scene.tunnels[1].door));
	tear_down(&scene);
}
END_TEST

/* At a reload, main passes the room on by the new limits. */
START_TEST(higher_limits_let_in_whoever_waits)
{
	struct scene scene;

	set_up(&scene, 1, 1);
	enter(&scene, 0);
	ck_assert(!has_room(&scene, 0) && !has_room(&scene, 1));
	scene.tunnels[0].to_enter = scene.tunnels[1].to_enter = 1;
	set_limits(&scene, 2, 1);
	gate_pass_on(&scene.gate, &scene.limits);
	run_for(scene.loop, 5);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 0); /* this tunnel has reached its own limit */
	ck_assert_uint_eq(scene.tunnels[1].to_enter, 0);
	ck_assert_uint_eq(scene.gate.inside, 2);
	set_limits(&scene, 0, 0); /* no limit */
	gate_pass_on(&scene.gate, &scene.limits);
	run_for(scene.loop, 5);
	ck_assert_uint_eq(scene.tunnels[0].to_enter, 0);
	leave(&scene, 0);
	leave(&scene, 0);
	leave(&scene, 1);
	tear_down(&scene);
}
END_TEST

START_TEST(lower_limits_send_nobody_away)
{
	struct scene scene;

	set_up(&scene, 3, 3);
	for (int i = 0; i < 3; i++)
		enter(&scene, 0);
	set_limits(&scene, 1, 1);
	ck_assert(!has_room(&scene, 0) && !has_room(&scene, 1));
	leave(&scene, 0);
	leave(&scene, 0);
	ck_assert_uint_eq(scene.tunnels[0].wakes + scene.tunnels[1].wakes, 0);
	leave(&scene, 0);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 1);
	ck_assert_uint_eq(scene.tunnels[1].wakes, 1);
	tear_down(&scene);
}
END_TEST

/* When a tunnel gets another owner, its door counts the visitors of another account. */
START_TEST(a_door_that_counts_anew_may_have_room)
{
	struct scene scene;
	atomic_uint other = 0;

	set_up(&scene, 10, 1);
	enter(&scene, 0);
	ck_assert(!has_room(&scene, 0));
	gate_door_recount(&scene.gate, &scene.tunnels[0].door, &other, &scene.limits);
	run_for(scene.loop, 5);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 1);
	ck_assert(has_room(&scene, 0));
	leave(&scene, 0);
	tear_down(&scene);
}
END_TEST

enum { ROUNDS = 20000 };

static void *leave_all(void *arg)
{
	struct scene *scene = arg;

	for (int left = 0; left < ROUNDS;) {
		if (atomic_load(&scene->tunnels[0].inside) == 0)
			continue;
		gate_leave(&scene->gate, &scene->tunnels[0].inside);
		gate_pass_on(&scene->gate, &scene->limits);
		left++;
	}
	return NULL;
}

static bool is_over(void *arg)
{
	struct scene *scene = arg;

	return scene->tunnels[0].to_enter == 0 && scene->gate.inside == 0;
}

START_TEST(no_wake_is_lost_between_threads)
{
	struct scene scene;
	pthread_t leaver;

	set_up(&scene, 4, 4);
	scene.tunnels[0].to_enter = ROUNDS;
	enter_all(&scene.tunnels[0]);
	pthread_create(&leaver, NULL, leave_all, &scene);
	ck_assert(run_until_within(scene.loop, 30000, is_over, &scene));
	pthread_join(leaver, NULL);
	tear_down(&scene);
}
END_TEST

START_TEST(the_limit_that_is_reached_is_named)
{
	struct scene scene;
	struct limit_hit hit;

	set_up(&scene, 3, 2);
	enter(&scene, 0);
	enter(&scene, 0);
	hit = gate_limit(&scene.gate, &scene.limits);
	ck_assert_str_eq(hit.from, "limits.max_pending_per_tunnel");
	ck_assert_int_eq(hit.most, 2);
	enter(&scene, 1);
	hit = gate_limit(&scene.gate, &scene.limits);
	ck_assert_str_eq(hit.from, "limits.max_pending");
	ck_assert_int_eq(hit.most, 3);
	for (int i = 0; i < 3; i++)
		gate_leave(&scene.gate, &scene.tunnels[i / 2].inside);
	tear_down(&scene);
}
END_TEST

START_TEST(a_closed_gate_lets_nobody_in)
{
	struct scene scene;

	set_up(&scene, 10, 10);
	gate_close(&scene.gate);
	ck_assert(!has_room(&scene, 0));
	ck_assert(gate_is_open(&scene.gate, &scene.tunnels[0].door, &scene.limits));
	scene.tunnels[0].to_enter = 2;
	scene.tunnels[1].to_enter = 1;
	ck_assert(!has_room(&scene, 1));
	gate_pass_on(&scene.gate, &scene.limits);
	run_for(scene.loop, 5);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 0);
	gate_open(&scene.gate, &scene.limits);
	run_for(scene.loop, 5);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(scene.tunnels[i].wakes, 1);
		ck_assert_uint_eq(scene.tunnels[i].to_enter, 0);
	}
	ck_assert(has_room(&scene, 2));
	leave(&scene, 0);
	leave(&scene, 0);
	leave(&scene, 1);
	tear_down(&scene);
}
END_TEST

START_TEST(a_door_may_stay_open_in_a_closed_gate)
{
	struct scene scene;

	set_up(&scene, 2, 1);
	gate_close(&scene.gate);
	for (int i = 0; i < 2; i++) {
		scene.tunnels[i].to_enter = 2;
		ck_assert(!has_room(&scene, i));
	}
	gate_hold_open(&scene.gate, &scene.tunnels[1].door, &scene.limits);
	run_for(scene.loop, 5);
	ck_assert_uint_eq(scene.tunnels[0].wakes, 0);
	ck_assert_uint_eq(scene.tunnels[1].wakes, 1);
	ck_assert_uint_eq(scene.tunnels[1].to_enter, 1); /* its limit holds */
	for (int i = 0; i < 2; i++)
		scene.tunnels[i].to_enter = 0;
	gate_open(&scene.gate, &scene.limits);
	leave(&scene, 1);
	tear_down(&scene);
}
END_TEST

SUITE("gate", a_closed_gate_lets_nobody_in, a_door_may_stay_open_in_a_closed_gate,
      room_that_is_not_used_is_passed_on, a_full_tunnel_waits_alone, the_first_in_line_comes_next,
      one_that_is_full_itself_is_passed_over, a_door_that_is_shut_is_not_woken,
      higher_limits_let_in_whoever_waits, lower_limits_send_nobody_away,
      a_door_that_counts_anew_may_have_room, no_wake_is_lost_between_threads,
      the_limit_that_is_reached_is_named)
