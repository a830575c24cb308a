#include "tls_queue.h"

#include <stdlib.h>

#include "suite.h"

enum { STREAMS = 4 };

static struct tls_worker *worker;
static struct tls tls;
static struct tls_stream streams[STREAMS];
static unsigned n_woken;
static const spore_conn *woken;

static void conn_wake(spore_conn *conn)
{
	n_woken++;
	woken = conn;
}

static const spore_host host = { .struct_size = sizeof host, .conn_wake = conn_wake };

static void set_up(unsigned limit)
{
	tls = (struct tls){ .host = &host };
	worker = calloc(1, sizeof *worker);
	worker->tls = &tls;
	worker->max_shaking = limit;
	n_woken = 0;
	for (size_t i = 0; i < STREAMS; i++)
		streams[i] = (struct tls_stream){ .worker = worker,
			                          .conn = (spore_conn *)(void *)&streams[i] };
}

START_TEST(above_the_limit_the_oldest_goes)
{
	set_up(2);
	tls_queue_add(&streams[0]);
	tls_queue_add(&streams[1]);
	ck_assert_uint_eq(n_woken, 0);
	tls_queue_add(&streams[2]);
	ck_assert(streams[0].evicted);
	ck_assert(!streams[0].shaking);
	ck_assert_ptr_eq(woken, streams[0].conn);
	ck_assert(!streams[1].evicted);
	ck_assert_uint_eq(worker->n_shaking, 2);
	tls_queue_add(&streams[3]);
	ck_assert(streams[1].evicted);
	ck_assert_uint_eq(n_woken, 2);
	free(worker);
}
END_TEST

START_TEST(a_handshake_that_is_done_makes_room)
{
	set_up(2);
	tls_queue_add(&streams[0]);
	tls_queue_add(&streams[1]);
	tls_queue_remove(&streams[0]);
	tls_queue_remove(&streams[0]);
	ck_assert_uint_eq(worker->n_shaking, 1);
	tls_queue_add(&streams[2]);
	ck_assert_uint_eq(n_woken, 0);
	ck_assert_ptr_eq(worker->oldest, &streams[1]);
	ck_assert_ptr_eq(worker->newest, &streams[2]);
	free(worker);
}
END_TEST

START_TEST(any_may_leave)
{
	set_up(4);
	for (size_t i = 0; i < STREAMS; i++)
		tls_queue_add(&streams[i]);
	tls_queue_remove(&streams[1]); /* in the middle */
	ck_assert_ptr_eq(streams[0].newer, &streams[2]);
	ck_assert_ptr_eq(streams[2].older, &streams[0]);
	tls_queue_remove(&streams[3]); /* the newest */
	ck_assert_ptr_eq(worker->newest, &streams[2]);
	tls_queue_remove(&streams[0]); /* the oldest */
	ck_assert_ptr_eq(worker->oldest, &streams[2]);
	tls_queue_remove(&streams[2]);
	ck_assert_ptr_null(worker->oldest);
	ck_assert_ptr_null(worker->newest);
	ck_assert_uint_eq(worker->n_shaking, 0);
	free(worker);
}
END_TEST

SUITE("tls_queue", above_the_limit_the_oldest_goes, a_handshake_that_is_done_makes_room,
      any_may_leave)
