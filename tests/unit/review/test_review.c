#include "review/review.h"

#include "base/container.h"
#include "run_until.h"
#include "suite.h"

enum { MANY = 20 };

/* What the queue asks about: the answer is given later, or at once. */
struct entry {
	struct review review;
	unsigned asked;
	int64_t at_ms; /* when it was asked about last */
};

static struct review_queue queue;
static struct entry entries[MANY];
static unsigned n_asked;
static enum { LATER, AT_ONCE, IN_VAIN } how;

static void ask(struct review *review)
{
	struct entry *entry = CONTAINER_OF(review, struct entry, review);

	entry->asked++;
	entry->at_ms = clock_ms();
	n_asked++;
	if (how == AT_ONCE)
		review_end(review, REVIEW_ALLOWED);
	else if (how == IN_VAIN)
		review_pause(review, "p", -1);
}

static struct loop *begin(unsigned n)
{
	struct loop *loop = run_until_loop();

	review_queue_init(&queue, loop, ask);
	for (unsigned i = 0; i < n; i++) {
		review_init(&entries[i].review, &queue);
		review_start(&entries[i].review, NULL);
	}
	return loop;
}

static void end_all(struct loop *loop, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		review_end(&entries[i].review, REVIEW_LEFT);
	ck_assert_uint_eq(queue.asked, 0);
	ck_assert(list_is_empty(&queue.waiting));
	review_queue_fini(&queue);
	loop_free(loop);
}

START_TEST(a_few_are_asked_about_at_a_time_the_oldest_first)
{
	struct loop *loop = begin(MANY);

	ck_assert_uint_eq(n_asked, 0); /* not in the turn of the reload */
	run_for(loop, 10);
	ck_assert_uint_eq(n_asked, REVIEW_AT_ONCE);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(entries[i].asked, i < REVIEW_AT_ONCE);
	review_end(&entries[3].review, REVIEW_ALLOWED);
	review_end(&entries[3].review, REVIEW_ALLOWED); /* harmless */
	review_end(&entries[9].review, REVIEW_LEFT);    /* it waits */
	run_for(loop, 10);
	ck_assert_uint_eq(n_asked, REVIEW_AT_ONCE + 1);
	ck_assert_uint_eq(entries[REVIEW_AT_ONCE].asked, 1);
	end_all(loop, MANY);
}
END_TEST

static unsigned turns;

static void count_turn(struct ev_loop *ev, ev_check *check, int events)
{
	(void)ev, (void)check, (void)events;
	turns++;
}

static bool all_asked(void *unused)
{
	(void)unused;
	return n_asked == MANY;
}

/* Verdicts that come at once do not keep the loop from its other work. */
START_TEST(a_turn_asks_for_a_few)
{
	struct loop *loop = begin(MANY);
	ev_check check;

	how = AT_ONCE;
	ev_check_init(&check, count_turn);
	ev_check_start(loop_ev(loop), &check);
	ck_assert(run_until(loop, all_asked, NULL));
	ck_assert_uint_ge(turns, MANY / REVIEW_AT_ONCE + 1);
	ev_check_stop(loop_ev(loop), &check);
	end_all(loop, MANY);
}
END_TEST

static bool asked_thrice(void *unused)
{
	(void)unused;
	return entries[0].asked == 3;
}

START_TEST(an_undecided_one_comes_back_after_a_longer_pause)
{
	struct loop *loop = begin(1);
	int64_t began_ms = clock_ms();

	how = IN_VAIN;
	ck_assert(run_until(loop, asked_thrice, NULL));
	/* At least 0.5 s and 1 s, at most 1 s and 2 s. */
	ck_assert_int_ge(clock_ms() - began_ms, 1490);
	ck_assert_uint_eq(queue.asked, 0);
	end_all(loop, 1);
}
END_TEST

static bool the_last_is_asked(void *unused)
{
	(void)unused;
	return entries[MANY - 1].asked > 0;
}

static bool is_asked_twice(void *unused)
{
	(void)unused;
	return entries[5].asked == 2;
}

/* Those that pause leave their places to others. */
START_TEST(a_pause_holds_nobody_up)
{
	struct loop *loop = begin(MANY);
	int64_t began_ms = clock_ms();

	how = IN_VAIN;
	ck_assert(run_until(loop, the_last_is_asked, NULL));
	if (clock_ms() - began_ms < 490) /* no pause is over */
		ck_assert_uint_eq(n_asked, MANY);
	/* A new reload does not wait for the pause. */
	review_end(&entries[5].review, REVIEW_LEFT);
	review_start(&entries[5].review, NULL);
	ck_assert(run_until(loop, is_asked_twice, NULL));
	end_all(loop, MANY);
}
END_TEST

SUITE("review", a_few_are_asked_about_at_a_time_the_oldest_first, a_turn_asks_for_a_few,
      an_undecided_one_comes_back_after_a_longer_pause, a_pause_holds_nobody_up)
