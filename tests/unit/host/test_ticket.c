#include "host/ticket.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "run_until.h"
#include "suite.h"

struct asker {
	spore_ticket ticket;
	unsigned n_done;
	int32_t status;
	char identity[32];
};

static void on_done(void *arg, struct ticket_result *result)
{
	struct asker *asker = arg;

	asker->n_done++;
	asker->status = result->status;
	if (result->grant)
		strcpy(asker->identity, result->grant->identity);
	grant_free(result->grant);
	ticket_close(asker->ticket); /* closed already: harmless */
}

static bool is_done(void *arg)
{
	return ((struct asker *)arg)->n_done > 0;
}

static struct loop *start(void)
{
	struct loop *loop = run_until_loop();

	ck_assert(ticket_tables_new(&loop, 1));
	return loop;
}

static void stop(struct loop *loop)
{
	loop_free(loop);
	ticket_tables_free();
}

static spore_ticket open_ticket(struct loop *loop, struct asker *asker)
{
	asker->ticket = ticket_open(loop, TICKET_VERIFY, on_done, asker);
	ck_assert_uint_ne(asker->ticket, 0);
	return asker->ticket;
}

/* Completes with a grant, so that the sanitizers see a leak or a double free. */
static spore_status complete(spore_ticket ticket, enum ticket_kind kind, int32_t status)
{
	spore_auth_result granted = { .struct_size = sizeof granted,
		                      .identity = spore_cstr("alice") };
	struct ticket_result result = { .status = status, .grant = grant_new(&granted) };

	return ticket_complete(ticket, kind, &result);
}

START_TEST(a_completion_is_delivered_later_once)
{
	struct loop *loop = start();
	struct asker asker = { 0 };
	spore_ticket ticket = open_ticket(loop, &asker);

	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_ALLOW), SPORE_OK);
	ck_assert_uint_eq(asker.n_done, 0);
	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_DENY), SPORE_ESTALE);
	ck_assert(run_until(loop, is_done, &asker));
	ck_assert_int_eq(asker.status, SPORE_ALLOW);
	ck_assert_str_eq(asker.identity, "alice");
	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_DENY), SPORE_ESTALE);
	run_for(loop, 10);
	ck_assert_uint_eq(asker.n_done, 1);
	stop(loop);
}
END_TEST

START_TEST(a_ticket_of_another_kind_stays_open)
{
	struct loop *loop = start();
	struct asker asker = { 0 };
	spore_ticket ticket = open_ticket(loop, &asker);

	ck_assert_int_eq(complete(ticket, TICKET_ANSWER, 0), SPORE_EINVAL);
	ck_assert_int_eq(complete(ticket, TICKET_HANDSHAKE, 0), SPORE_EINVAL);
	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_DENY), SPORE_OK);
	ck_assert_int_eq(complete(ticket, TICKET_ANSWER, 0), SPORE_EINVAL);
	ck_assert(run_until(loop, is_done, &asker));
	ck_assert_int_eq(asker.status, SPORE_DENY);
	stop(loop);
}
END_TEST

START_TEST(unknown_numbers_are_stale)
{
	struct loop *loop = start();
	struct asker asker = { 0 };
	spore_ticket ticket = open_ticket(loop, &asker);
	spore_ticket bad[] = { 0,
		               1,
		               UINT64_MAX,
		               ticket + 1,
		               ticket ^ UINT64_C(1) << 32,
		               ticket ^ UINT64_C(1) << 53,
		               ticket + (UINT64_C(1) << 54),
		               ticket & 0xFFFFFFFF,
		               UINT64_C(1) << 54 };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(complete(bad[i], TICKET_VERIFY, SPORE_ALLOW) == SPORE_ESTALE, "%zu",
		              i);
		ticket_close(bad[i]);
	}
	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_ALLOW), SPORE_OK);
	ck_assert(run_until(loop, is_done, &asker));
	stop(loop);
}
END_TEST

START_TEST(a_closed_ticket_gets_no_result)
{
	struct loop *loop = start();
	struct asker asker = { 0 }, next = { 0 };
	spore_ticket ticket = open_ticket(loop, &asker);

	ticket_close(ticket);
	ticket_close(ticket);
	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_ALLOW), SPORE_ESTALE);
	ck_assert_uint_ne(open_ticket(loop, &next), ticket); /* the same slot, another generation */
	ticket_close(ticket);
	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_DENY), SPORE_ESTALE);
	ck_assert_int_eq(complete(next.ticket, TICKET_VERIFY, SPORE_ALLOW), SPORE_OK);
	ck_assert(run_until(loop, is_done, &next));
	ck_assert_uint_eq(asker.n_done, 0);
	stop(loop);
}
END_TEST

START_TEST(closing_drops_an_undelivered_result)
{
	struct loop *loop = start();
	struct asker asker = { 0 }, next = { 0 };
	spore_ticket ticket = open_ticket(loop, &asker);

	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_ALLOW), SPORE_OK);
	ticket_close(ticket);
	open_ticket(loop, &next);
	run_for(loop, 20);
	ck_assert_uint_eq(asker.n_done, 0);
	ck_assert_uint_eq(next.n_done, 0);
	stop(loop);
}
END_TEST

START_TEST(results_that_were_never_delivered_are_freed)
{
	struct loop *loop = start();
	struct asker asker = { 0 };

	ck_assert_int_eq(complete(open_ticket(loop, &asker), TICKET_VERIFY, SPORE_ALLOW), SPORE_OK);
	ticket_close(asker.ticket);
	stop(loop);
	ck_assert_uint_eq(asker.n_done, 0);
}
END_TEST

/* ---- threads ---- */

enum { N = 2000, THREADS = 3 };

static struct {
	spore_ticket tickets[N];
	struct asker askers[N];
	atomic_uint n_ok, n_threads_left;
} many;

/* Each thread completes all tickets, in an order of its own. */
static void *complete_all(void *arg)
{
	size_t stride = *(size_t *)arg;

	for (size_t i = 0; i < N; i++) {
		spore_status status = complete(many.tickets[i * stride % N], TICKET_VERIFY,
		                               SPORE_ALLOW);

		ck_assert(status == SPORE_OK || status == SPORE_ESTALE);
		atomic_fetch_add(&many.n_ok, status == SPORE_OK);
	}
	atomic_fetch_sub(&many.n_threads_left, 1);
	return NULL;
}

static bool all_have_completed(void *unused)
{
	static unsigned at;

	(void)unused;
	/* Meanwhile the loop's own thread closes some of them. */
	for (int i = 0; i < 50 && at < N; i++, at += 3)
		ticket_close(many.tickets[at]);
	return many.n_threads_left == 0 && at >= N;
}

START_TEST(only_the_first_completion_counts)
{
	static size_t strides[THREADS] = { 1, 7, 1999 };
	struct loop *loop = start();
	pthread_t threads[THREADS];
	unsigned n_done = 0;

	for (size_t i = 0; i < N; i++)
		many.tickets[i] = open_ticket(loop, &many.askers[i]);
	many.n_threads_left = THREADS;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, complete_all, &strides[i]);
	ck_assert(run_until(loop, all_have_completed, NULL));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	run_for(loop, 20);
	for (size_t i = 0; i < N; i++) {
		ck_assert_uint_le(many.askers[i].n_done, 1);
		ck_assert(i % 3 == 0 || many.askers[i].n_done == 1);
		n_done += many.askers[i].n_done;
	}
	ck_assert_uint_le(n_done, many.n_ok);
	ck_assert_uint_le(many.n_ok, N);
	stop(loop);
}
END_TEST

START_TEST(tickets_name_their_worker)
{
	struct asker asker = { 0 };
	struct loop *loops[3];
	struct err err;

	for (unsigned i = 0; i < 3; i++)
		ck_assert_ptr_nonnull(loops[i] = loop_new(i, &err));
	ck_assert(ticket_tables_new(loops, 3));
	for (unsigned i = 0; i < 3; i++) {
		asker = (struct asker){ 0 };
		ck_assert_int_eq(
			complete(open_ticket(loops[i], &asker), TICKET_VERIFY, SPORE_ALLOW),
			SPORE_OK);
		ck_assert(run_until(loops[i], is_done, &asker));
	}
	for (unsigned i = 0; i < 3; i++)
		loop_free(loops[i]);
	ticket_tables_free();
	ck_assert_int_eq(complete(asker.ticket, TICKET_VERIFY, SPORE_ALLOW), SPORE_ESTALE);
}
END_TEST

START_TEST(a_result_on_its_way_goes_elsewhere)
{
	struct loop *loop = start();
	struct asker asker = { 0 }, other = { 0 };
	spore_ticket ticket = open_ticket(loop, &asker);

	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_ALLOW), SPORE_OK);
	ck_assert(ticket_redirect(ticket, on_done, &other));
	ck_assert(run_until(loop, is_done, &other));
	ck_assert_uint_eq(asker.n_done, 0);
	ck_assert_str_eq(other.identity, "alice");
	ck_assert(!ticket_redirect(ticket, on_done, &other));
	stop(loop);
}
END_TEST

START_TEST(without_a_result_redirecting_closes)
{
	struct loop *loop = start();
	struct asker asker = { 0 }, other = { 0 };
	spore_ticket ticket = open_ticket(loop, &asker);

	ck_assert(!ticket_redirect(ticket, on_done, &other));
	ck_assert(!ticket_is_open(ticket));
	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_ALLOW), SPORE_ESTALE);
	run_for(loop, 10);
	ck_assert_uint_eq(asker.n_done + other.n_done, 0);
	stop(loop);
}
END_TEST

START_TEST(a_watcher_knows_of_the_completion_at_once)
{
	struct loop *loop = start();
	struct asker asker = { 0 };
	spore_ticket ticket = open_ticket(loop, &asker);
	atomic_bool completed = false;

	ticket_watch(ticket, &completed);
	ck_assert_int_eq(complete(ticket, TICKET_ANSWER, 0), SPORE_EINVAL);
	ck_assert(!completed);
	ck_assert_int_eq(complete(ticket, TICKET_VERIFY, SPORE_DENY), SPORE_OK);
	ck_assert(completed);
	ck_assert(run_until(loop, is_done, &asker));
	/* The next user of the place has not asked for it. */
	completed = false;
	open_ticket(loop, &asker);
	ck_assert_int_eq(complete(asker.ticket, TICKET_VERIFY, SPORE_DENY), SPORE_OK);
	ck_assert(!completed);
	run_for(loop, 10);
	stop(loop);
}
END_TEST

SUITE("ticket", a_completion_is_delivered_later_once, a_ticket_of_another_kind_stays_open,
      unknown_numbers_are_stale, a_closed_ticket_gets_no_result,
      closing_drops_an_undelivered_result, results_that_were_never_delivered_are_freed,
      only_the_first_completion_counts, tickets_name_their_worker,
      a_result_on_its_way_goes_elsewhere, without_a_result_redirecting_closes,
      a_watcher_knows_of_the_completion_at_once)
