#include "relay/bucket.h"

#include <stdlib.h>

#include "base/container.h"
#include "loop/loop.h"

#define MS_NS INT64_C(1000000)

/* A full bucket holds what passes in this time. */
static const int64_t burst_ns = 100 * MS_NS;
/* A quantum is as long as a spliced turn, so that bulk is worth splicing. It is short enough that
 * the turns of many flows come soon. At a low rate it is half a bucket. */
static const size_t least_quantum = (size_t)16 * 1024, most_quantum = (size_t)256 * 1024;
enum { QUANTA_A_SECOND = 128, LEAST_QUANTA_A_SECOND = 20 };
/* A line that shares the bucket looks this often, since the number of flows in other lines
 * changes. */
enum { SHARING_MS = 20, LONGEST_MS = 1000 };
/* A line may take a little more than its share. Otherwise tokens would be left over whenever the
 * number of flows changes. */
static const double surplus = 65.0 / 64.0;

struct bucket_line {
	struct bucket *bucket; /* borrowed: it owns the line */
	struct loop *loop;     /* borrowed; NULL: not used yet */
	struct list turns;
	unsigned n;
	double credit; /* bytes of the line's share that it has not taken */
	int64_t at_ms; /* when the credit was computed */
	ev_timer timer;
};

void bucket_init(struct bucket *bucket, unsigned n_workers)
{
	refill_init(&bucket->refill, burst_ns);
	atomic_init(&bucket->waiting, 0);
	atomic_init(&bucket->lines, NULL);
	bucket->n_lines = n_workers;
}

void bucket_fini(struct bucket *bucket)
{
	free(atomic_load(&bucket->lines));
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events);

/* NULL: out of memory. */
static struct bucket_line *new_lines(struct bucket *bucket)
{
	struct bucket_line *lines = calloc(bucket->n_lines, sizeof *lines);

	for (unsigned i = 0; lines && i < bucket->n_lines; i++) {
		lines[i].bucket = bucket;
		list_init(&lines[i].turns);
		ev_timer_init(&lines[i].timer, on_timer, 0.0, 0.0);
		lines[i].timer.data = &lines[i];
	}
	return lines;
}

bool bucket_set_rate(struct bucket *bucket, uint64_t rate)
{
	struct bucket_line *lines = atomic_load(&bucket->lines);

	if (rate && !lines) {
		struct bucket_line *made = new_lines(bucket);

		if (!made)
			return false;
		/* Another worker may have made them meanwhile. */
		if (!atomic_compare_exchange_strong(&bucket->lines, &lines, made))
			free(made);
	}
	refill_set_rate(&bucket->refill, rate);
	return true;
}

size_t bucket_quantum(uint64_t rate)
{
	uint64_t quantum = rate / QUANTA_A_SECOND, most = rate / LEAST_QUANTA_A_SECOND;

	if (!rate)
		return most_quantum;
	if (quantum < least_quantum)
		quantum = least_quantum;
	if (quantum > most_quantum)
		quantum = most_quantum;
	if (quantum > most)
		quantum = most;
	return quantum > 0 ? quantum : 1;
}

static int64_t now_ns(const struct loop *loop)
{
	return loop_now_ms(loop) * MS_NS;
}

size_t bucket_take(struct bucket *bucket, const struct loop *loop)
{
	uint64_t rate = bucket_rate(bucket);
	size_t quantum = bucket_quantum(rate);

	if (!rate)
		return SIZE_MAX;
	/* Whoever waits comes first. */
	if (atomic_load_explicit(&bucket->waiting, memory_order_relaxed) > 0)
		return 0;
	return refill_take(&bucket->refill, quantum, now_ns(loop)) ? quantum : 0;
}

void bucket_give_back(struct bucket *bucket, size_t bytes)
{
	refill_give_back(&bucket->refill, bytes);
}

void bucket_charge(struct bucket *bucket, const struct loop *loop, size_t bytes)
{
	refill_charge(&bucket->refill, bytes, now_ns(loop));
}

/* ---- the line of a worker ---- */

/* The line's share of the rate, in bytes per second. */
static double share_of(const struct bucket_line *line)
{
	unsigned all = atomic_load_explicit(&line->bucket->waiting, memory_order_relaxed);
	double rate = (double)bucket_rate(line->bucket);

	return all > line->n ? rate * surplus * line->n / all : rate;
}

static bool is_alone(const struct bucket_line *line)
{
	return atomic_load_explicit(&line->bucket->waiting, memory_order_relaxed) <= line->n;
}

/* No line saves more than a full bucket, which holds at least a quantum. */
static void add_credit(struct bucket_line *line, int64_t now_ms)
{
	uint64_t rate = bucket_rate(line->bucket);
	double most = (double)rate * (double)burst_ns / 1e9;
	double quantum = (double)bucket_quantum(rate);

	line->credit += share_of(line) * (double)(now_ms - line->at_ms) / 1e3;
	if (most < quantum)
		most = quantum;
	if (line->credit > most)
		line->credit = most;
	line->at_ms = now_ms;
}

static void remove_turn(struct bucket_turn *turn)
{
	struct bucket_line *line = turn->line;

	list_remove(&turn->node);
	turn->line = NULL;
	line->n--;
	atomic_fetch_sub_explicit(&line->bucket->waiting, 1, memory_order_relaxed);
}

/* False: the first flow must wait on. */
static bool serve_first(struct bucket_line *line)
{
	struct bucket_turn *turn = CONTAINER_OF(line->turns.next, struct bucket_turn, node);
	size_t quantum = bucket_quantum(bucket_rate(line->bucket));

	if (!is_alone(line) && line->credit < (double)quantum)
		return false;
	if (!refill_take(&line->bucket->refill, quantum, now_ns(line->loop)))
		return false;
	line->credit = line->credit > (double)quantum ? line->credit - (double)quantum : 0;
	remove_turn(turn);
	turn->granted = quantum;
	turn->on_turn(turn);
	return true;
}

static int64_t wait_ms_of(const struct bucket_line *line)
{
	uint64_t rate = bucket_rate(line->bucket);
	size_t quantum = bucket_quantum(rate);
	int64_t wait_ns = refill_wait_ns(&line->bucket->refill, quantum, now_ns(line->loop));
	int64_t wait_ms = (wait_ns + MS_NS - 1) / MS_NS;
	int64_t most = is_alone(line) ? LONGEST_MS : SHARING_MS;

	if (!is_alone(line) && line->credit < (double)quantum) {
		double missing_ms = ((double)quantum - line->credit) * 1e3 / share_of(line);

		if (missing_ms > (double)wait_ms)
			wait_ms = missing_ms < (double)most ? (int64_t)missing_ms + 1 : most;
	}
	if (wait_ms > most)
		return most;
	return wait_ms > 0 ? wait_ms : 1;
}

static void start_timer(struct bucket_line *line)
{
	ev_timer_stop(loop_ev(line->loop), &line->timer);
	ev_timer_set(&line->timer, (double)wait_ms_of(line) / 1e3, 0.0);
	ev_timer_start(loop_ev(line->loop), &line->timer);
}

static void on_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct bucket_line *line = timer->data;

	(void)ev;
	(void)events;
	add_credit(line, loop_now_ms(line->loop));
	/* A flow that joins the line again in its turn is served in a later one. */
	for (unsigned n = line->n; n > 0 && line->n > 0 && serve_first(line); n--)
		;
	if (line->n > 0)
		start_timer(line);
}

void bucket_wait(struct bucket *bucket, struct loop *loop, struct bucket_turn *turn)
{
	struct bucket_line *line = &atomic_load(&bucket->lines)[loop_index(loop)];

	line->loop = loop;
	list_append(&line->turns, &turn->node);
	turn->line = line;
	line->n++;
	atomic_fetch_add_explicit(&bucket->waiting, 1, memory_order_relaxed);
	if (line->n > 1)
		return;
	line->at_ms = loop_now_ms(loop);
	start_timer(line);
}

void bucket_leave(struct bucket_turn *turn)
{
	struct bucket_line *line = turn->line;

	if (!line)
		return;
	remove_turn(turn);
	if (line->n == 0)
		ev_timer_stop(loop_ev(line->loop), &line->timer);
}
