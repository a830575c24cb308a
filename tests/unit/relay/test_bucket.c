#include "relay/bucket.h"

#include <stdint.h>

#include "base/clock.h"
#include "base/container.h"
#include "loop/loop.h"
#include "run_until.h"
#include "suite.h"

enum { FLOWS = 3 };

struct flow {
	struct bucket_turn turn;
	struct bucket *bucket;
	struct loop *loop;
	uint64_t bytes;
	bool again; /* it always has input */
};

static void on_turn(struct bucket_turn *turn)
{
	struct flow *flow = CONTAINER_OF(turn, struct flow, turn);

	flow->bytes += turn->granted;
	turn->granted = 0;
	if (flow->again)
		bucket_wait(flow->bucket, flow->loop, turn);
}

static bool have_200k(void *arg)
{
	struct flow *flows = arg;
	uint64_t bytes = 0;

	for (int i = 0; i < FLOWS; i++)
		bytes += flows[i].bytes;
	return bytes >= 200000;
}

START_TEST(flows_take_turns)
{
	struct loop *loop = run_until_loop();
	struct flow flows[FLOWS] = { 0 };
	struct bucket bucket;
	int64_t began_ms, took_ms;
	size_t quantum;

	bucket_init(&bucket, 1);
	ck_assert(bucket_set_rate(&bucket, 500000));
	quantum = bucket_quantum(500000);
	began_ms = clock_ms();
	for (int i = 0; i < FLOWS; i++) {
		flows[i] = (struct flow){ .bucket = &bucket, .loop = loop, .again = true };
		flows[i].turn.on_turn = on_turn;
		bucket_wait(&bucket, loop, &flows[i].turn);
	}
	ck_assert_uint_eq(bucket_take(&bucket, loop), 0); /* others wait */
	ck_assert(run_until(loop, have_200k, flows));
	took_ms = clock_ms() - began_ms;
	/* No more than what came in, and the burst. */
	ck_assert_uint_le(200000, (uint64_t)(took_ms + 1) * 500 + 50000 + quantum);
	for (int i = 0; i < FLOWS; i++) {
		ck_assert_uint_le(flows[i].bytes, flows[0].bytes + quantum);
		ck_assert_uint_ge(flows[i].bytes + quantum, flows[0].bytes);
		bucket_leave(&flows[i].turn);
		bucket_leave(&flows[i].turn);
	}
	ck_assert_uint_eq(bucket.waiting, 0);
	bucket_fini(&bucket);
	loop_free(loop);
}
END_TEST

static bool has_turns(void *arg)
{
	struct flow *flow = arg;

	return flow->bytes > 0;
}

START_TEST(a_line_leaves_the_share_of_others)
{
	struct loop *loop = run_until_loop();
	struct flow flow = { .loop = loop };
	struct bucket bucket;
	int64_t began_ms = clock_ms();
	size_t quantum = bucket_quantum(1000000);

	bucket_init(&bucket, 2);
	ck_assert(bucket_set_rate(&bucket, 1000000));
	atomic_store(&bucket.waiting, 9); /* in the line of another worker */
	flow.bucket = &bucket;
	flow.turn.on_turn = on_turn;
	bucket_wait(&bucket, loop, &flow.turn);
	ck_assert(run_until(loop, has_turns, &flow));
	/* The bucket was full, but the share is a tenth of the rate. */
	ck_assert_uint_ge((uint64_t)(clock_ms() - began_ms + 2) * 100, quantum * 9 / 10);
	atomic_store(&bucket.waiting, 0);
	bucket_fini(&bucket);
	loop_free(loop);
}
END_TEST

/* Beside the lines of other workers, too. */
START_TEST(a_low_rate_makes_progress)
{
	struct loop *loop = run_until_loop();
	struct flow flow = { .loop = loop };
	struct bucket bucket;

	bucket_init(&bucket, 2);
	ck_assert(bucket_set_rate(&bucket, 5));
	atomic_store(&bucket.waiting, 1); /* in the line of another worker */
	flow.bucket = &bucket;
	flow.turn.on_turn = on_turn;
	bucket_wait(&bucket, loop, &flow.turn);
	ck_assert(run_until(loop, has_turns, &flow));
	atomic_store(&bucket.waiting, 0);
	bucket_fini(&bucket);
	loop_free(loop);
}
END_TEST

START_TEST(no_rate_is_no_limit)
{
	struct loop *loop = run_until_loop();
	struct flow flow = { .loop = loop };
	struct bucket bucket;

	bucket_init(&bucket, 1);
	ck_assert_uint_eq(bucket_take(&bucket, loop), SIZE_MAX);
	ck_assert(bucket_set_rate(&bucket, 1000));
	bucket_charge(&bucket, loop, 1000000);
	flow.bucket = &bucket;
	flow.turn.on_turn = on_turn;
	ck_assert_uint_eq(bucket_take(&bucket, loop), 0);
	bucket_wait(&bucket, loop, &flow.turn);
	/* The limit ends while the flow waits. */
	ck_assert(bucket_set_rate(&bucket, 0));
	ck_assert(run_until(loop, has_turns, &flow));
	ck_assert_uint_eq(bucket_take(&bucket, loop), SIZE_MAX);
	bucket_fini(&bucket);
	loop_free(loop);
}
END_TEST

START_TEST(a_quantum_fits_into_the_bucket)
{
	static const uint64_t rates[] = { 1, 1024, 100000, 10000000, REFILL_MOST_RATE };

	ck_assert_uint_ge(bucket_quantum(10000000), 16384); /* so that bulk is spliced */
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		ck_assert_uint_ge(bucket_quantum(rates[i]), 1);
		ck_assert(rates[i] == 1 || bucket_quantum(rates[i]) <= rates[i] / 10);
	}
}
END_TEST

SUITE("bucket", flows_take_turns, a_line_leaves_the_share_of_others, no_rate_is_no_limit,
      a_low_rate_makes_progress, a_quantum_fits_into_the_bucket)
