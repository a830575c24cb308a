#include "relay/brake.h"

#include "base/clock.h"
#include "loop/loop.h"
#include "relay/bucket.h"
#include "run_until.h"
#include "suite.h"

static const uint64_t nothing[2];

struct scene {
	struct loop *loop;
	struct bucket bucket;
	struct brake *brake;
	unsigned turns, pauses;
	bool takes;
	size_t taken;
};

static void on_turn(int flow, void *arg)
{
	struct scene *scene = arg;

	ck_assert_int_eq(flow, 1);
	scene->turns++;
	if (scene->takes)
		scene->taken = brake_take(scene->brake, flow, 0);
}

static void on_pause_over(void *arg)
{
	((struct scene *)arg)->pauses++;
}

static void open_scene(struct scene *scene, uint64_t rate, uint64_t shared)
{
	struct brake_terms terms = { .on_turn = on_turn, .on_pause_over = on_pause_over };

	*scene = (struct scene){ .loop = run_until_loop() };
	bucket_init(&scene->bucket, 1);
	ck_assert(bucket_set_rate(&scene->bucket, shared));
	terms.loop = scene->loop;
	terms.arg = scene;
	terms.rate = rate;
	terms.buckets[1] = &scene->bucket;
	scene->brake = brake_new(&terms, nothing);
	ck_assert_ptr_nonnull(scene->brake);
}

static void close_scene(struct scene *scene)
{
	brake_stop(scene->brake);
	ck_assert_uint_eq(scene->bucket.waiting, 0);
	brake_free(scene->brake);
	bucket_fini(&scene->bucket);
	loop_free(scene->loop);
}

static bool had_turn(void *arg)
{
	return ((struct scene *)arg)->turns > 0;
}

static bool had_pause(void *arg)
{
	return ((struct scene *)arg)->pauses > 0;
}

START_TEST(a_flow_without_tokens_gets_a_turn)
{
	struct scene scene;

	open_scene(&scene, 0, 100000);
	ck_assert_uint_eq(brake_take(scene.brake, 0, 0), SIZE_MAX);
	ck_assert_uint_eq(brake_take(scene.brake, 1, 0), bucket_quantum(100000));
	brake_settle(scene.brake, 1, bucket_quantum(100000));
	brake_charge(scene.brake, 1, 20000);
	ck_assert_uint_eq(brake_take(scene.brake, 1, 0), 0);
	ck_assert(brake_holds(scene.brake, 1, 0));
	ck_assert(!brake_holds(scene.brake, 0, 0));
	scene.takes = true;
	ck_assert(run_until(scene.loop, had_turn, &scene));
	ck_assert_uint_eq(scene.taken, bucket_quantum(100000));
	ck_assert(!brake_holds(scene.brake, 1, 0));
	close_scene(&scene);
}
END_TEST

/* A flow may have nothing to read when its turn comes. */
START_TEST(an_unused_turn_costs_no_tokens)
{
	struct scene scene;
	int64_t empty;

	open_scene(&scene, 0, 100000);
	brake_charge(scene.brake, 1, 20000);
	empty = scene.bucket.refill.empty_ns;
	ck_assert_uint_eq(brake_take(scene.brake, 1, 0), 0);
	ck_assert(run_until(scene.loop, had_turn, &scene));
	ck_assert_int_le(scene.bucket.refill.empty_ns, empty + 1);
	close_scene(&scene);
}
END_TEST

START_TEST(the_own_limit_holds_beside_the_shared_one)
{
	struct scene scene;
	size_t room;

	open_scene(&scene, 1000, 100000);
	room = brake_take(scene.brake, 1, 0);
	ck_assert_uint_eq(room, 100);
	brake_settle(scene.brake, 1, room);
	ck_assert_uint_eq(brake_take(scene.brake, 1, room), 0);
	ck_assert(brake_holds(scene.brake, 1, room));
	ck_assert_uint_eq(scene.bucket.waiting, 0);
	ck_assert(run_until(scene.loop, had_pause, &scene));
	close_scene(&scene);
}
END_TEST

START_TEST(it_is_needed_while_a_limit_holds)
{
	struct bucket bucket, *buckets[2] = { NULL, &bucket }, *none[2] = { NULL };

	bucket_init(&bucket, 1);
	ck_assert(!brake_is_needed(0, none));
	ck_assert(brake_is_needed(1, none));
	ck_assert(!brake_is_needed(0, buckets));
	ck_assert(bucket_set_rate(&bucket, 5));
	ck_assert(brake_is_needed(0, buckets));
	bucket_fini(&bucket);
}
END_TEST

SUITE("brake", a_flow_without_tokens_gets_a_turn, an_unused_turn_costs_no_tokens,
      the_own_limit_holds_beside_the_shared_one, it_is_needed_while_a_limit_holds)
