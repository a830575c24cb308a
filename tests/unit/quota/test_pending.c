#include "quota/pending.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "quota/gate.h"
#include "scene/account_scene.h"
#include "suite.h"

static struct account_scene owner;
static struct gate gate;

static struct account *open_account(void)
{
	struct account *account;
	struct limit_hit hit;

	account_scene_open(&owner);
	gate_init(&gate);
	account = account_open(&owner.principals, owner.source, &owner.limits, NULL, NULL, &hit);
	ck_assert_ptr_nonnull(account);
	return account;
}

static void close_account(struct account *account)
{
	ck_assert_uint_eq(account->refs, 1);
	ck_assert_uint_eq(account->pending, 0);
	ck_assert_uint_eq(gate.inside, 0);
	account_close_tunnel(account);
	account_scene_close(&owner);
	gate_fini(&gate);
}

static struct visitor make_visitor(struct account *account, int fd, int64_t deadline_ms)
{
	struct visitor visitor = { .fd = fd,
		                   .account = account_ref(account),
		                   .deadline_ms = deadline_ms };

	ck_assert(uuid_random(&visitor.id));
	ck_assert(account_scene_enter(&owner, account));
	return visitor;
}

static void drop_visitor(struct visitor *visitor)
{
	account_leave(visitor->account, NULL);
	account_unref(visitor->account);
}

START_TEST(an_id_works_once)
{
	struct account *account = open_account();
	struct pending *pending = pending_new(&gate);
	struct visitor visitor = make_visitor(account, 1234, 10), taken;

	ck_assert(!pending_take(pending, &visitor.id, &owner.limits, &taken));
	ck_assert(pending_add(pending, &visitor));
	ck_assert(!pending_is_empty(pending));
	ck_assert_uint_eq(pending_count(pending), 1);
	ck_assert(pending_take(pending, &visitor.id, &owner.limits, &taken));
	ck_assert_int_eq(taken.fd, 1234);
	ck_assert_ptr_eq(taken.account, account);
	ck_assert(uuid_equal(&taken.id, &visitor.id));
	ck_assert(pending_is_empty(pending));
	ck_assert_uint_eq(pending_count(pending), 0);
	ck_assert(!pending_take(pending, &visitor.id, &owner.limits, &taken));
	drop_visitor(&visitor);
	pending_free(pending);
	close_account(account);
}
END_TEST

START_TEST(ids_of_one_bucket_are_told_apart)
{
	struct account *account = open_account();
	struct pending *pending = pending_new(&gate);
	struct visitor taken;
	struct uuid ids[64];

	for (int i = 0; i < 64; i++) {
		struct visitor visitor = make_visitor(account, i, 10);

		visitor.id.bytes[0] = visitor.id.bytes[1] = 7;
		visitor.id.bytes[15] = (uint8_t)i;
		ids[i] = visitor.id;
		ck_assert(pending_add(pending, &visitor));
	}
	for (int i = 0; i < 64; i++) {
		int at = i * 37 % 64;

		ck_assert(pending_take(pending, &ids[at], &owner.limits, &taken));
		ck_assert_int_eq(taken.fd, at);
		ck_assert(!pending_take(pending, &ids[at], &owner.limits, &taken));
		drop_visitor(&taken);
	}
	pending_free(pending);
	close_account(account);
}
END_TEST

START_TEST(only_the_owner_takes_its_visitor)
{
	struct account
		*account = open_account(); /* without authentication: no instance, session 0 */
	struct pending *pending = pending_new(&gate);
	struct visitor visitor = make_visitor(account, 1, 10), taken;
	const struct instance *other = (const void *)&owner;
	const struct limits *limits = &owner.limits;

	ck_assert_int_eq(pending_take_own(pending, &visitor.id, NULL, 0, limits, &taken),
	                 PENDING_UNKNOWN);
	ck_assert(pending_add(pending, &visitor));
	ck_assert_int_eq(pending_take_own(pending, &visitor.id, NULL, 1, limits, &taken),
	                 PENDING_FOREIGN);
	ck_assert_int_eq(pending_take_own(pending, &visitor.id, other, 0, limits, &taken),
	                 PENDING_FOREIGN);
	ck_assert_uint_eq(pending_count(pending), 1);
	ck_assert_int_eq(pending_take_own(pending, &visitor.id, NULL, 0, limits, &taken),
	                 PENDING_TAKEN);
	ck_assert_int_eq(taken.fd, 1);
	ck_assert_uint_eq(pending_count(pending), 0);
	ck_assert_int_eq(pending_take_own(pending, &visitor.id, NULL, 0, limits, &taken),
	                 PENDING_UNKNOWN);
	drop_visitor(&taken);
	pending_free(pending);
	close_account(account);
}
END_TEST

/* ---- finds ---- */

START_TEST(a_find_keeps_the_account_but_not_the_visitor)
{
	struct account *account = open_account();
	struct pending *pending = pending_new(&gate);
	struct visitor visitor = make_visitor(account, 1, 10), taken;
	struct pending_entry *entry;
	struct uuid other;

	ck_assert(uuid_random(&other));
	ck_assert(pending_add(pending, &visitor));
	ck_assert_ptr_null(pending_find(pending, &other));
	ck_assert_uint_eq(account->refs, 2);
	entry = pending_find(pending, &visitor.id);
	ck_assert_ptr_nonnull(entry);
	ck_assert_ptr_eq(pending_entry_account(entry), account);
	ck_assert_uint_eq(account->refs, 3);
	/* Somebody else takes the visitor meanwhile, and gives its account back. */
	ck_assert(pending_take(pending, &visitor.id, &owner.limits, &taken));
	ck_assert_ptr_null(pending_find(pending, &visitor.id));
	drop_visitor(&taken);
	ck_assert_ptr_eq(pending_entry_account(entry), account);
	ck_assert_uint_eq(account->refs, 2);
	ck_assert(!pending_claim(pending, entry, &owner.limits, &taken));
	pending_free(pending);
	close_account(account);
}
END_TEST

START_TEST(a_forgotten_visitor_waits_on)
{
	struct account *account = open_account();
	struct pending *pending = pending_new(&gate);
	struct visitor visitor = make_visitor(account, 1, 10), taken;

	ck_assert(pending_add(pending, &visitor));
	pending_forget(pending, pending_find(pending, &visitor.id));
	pending_forget(pending, NULL);
	ck_assert_uint_eq(account->refs, 2);
	ck_assert_uint_eq(pending_count(pending), 1);
	ck_assert(
		pending_claim(pending, pending_find(pending, &visitor.id), &owner.limits, &taken));
	ck_assert_int_eq(taken.fd, 1);
	ck_assert_uint_eq(pending_count(pending), 0);
	ck_assert_uint_eq(account->refs, 2);
	drop_visitor(&taken);
	pending_free(pending);
	close_account(account);
}
END_TEST

START_TEST(the_first_of_two_claims_gets_the_visitor)
{
	struct account *account = open_account();
	struct pending *pending = pending_new(&gate);
	struct visitor visitor = make_visitor(account, 1, 10), taken;
	struct pending_entry *one, *two, *three;

	ck_assert(pending_add(pending, &visitor));
	one = pending_find(pending, &visitor.id);
	two = pending_find(pending, &visitor.id);
	three = pending_find(pending, &visitor.id);
	ck_assert(pending_claim(pending, two, &owner.limits, &taken));
	ck_assert(!pending_claim(pending, one, &owner.limits, &taken));
	pending_forget(pending, three);
	drop_visitor(&taken);
	pending_free(pending);
	close_account(account);
}
END_TEST

START_TEST(a_visitor_that_was_found_expires_all_the_same)
{
	struct account *account = open_account();
	struct pending *pending = pending_new(&gate);
	struct visitor visitor = make_visitor(account, 1, 10), taken;
	struct pending_entry *entry;

	ck_assert(pending_add(pending, &visitor));
	entry = pending_find(pending, &visitor.id);
	ck_assert(pending_take_expired(pending, 10, &owner.limits, &taken));
	ck_assert(pending_is_empty(pending));
	drop_visitor(&taken);
	ck_assert(!pending_claim(pending, entry, &owner.limits, &taken));
	pending_free(pending);
	close_account(account);
}
END_TEST

START_TEST(only_the_expired_are_taken_by_time)
{
	struct account *account = open_account();
	struct pending *pending = pending_new(&gate);
	struct visitor taken;
	unsigned n = 0;

	for (int i = 0; i < 100; i++) {
		struct visitor visitor = make_visitor(account, i, 1000 + i);

		ck_assert(pending_add(pending, &visitor));
	}
	ck_assert(!pending_take_expired(pending, 999, &owner.limits, &taken));
	while (pending_take_expired(pending, 1049, &owner.limits, &taken)) {
		ck_assert_int_le(taken.deadline_ms, 1049);
		drop_visitor(&taken);
		n++;
	}
	ck_assert_uint_eq(n, 50);
	ck_assert(!pending_is_empty(pending));
	while (pending_take_expired(pending, INT64_MAX, &owner.limits, &taken))
		drop_visitor(&taken);
	ck_assert(pending_is_empty(pending));
	pending_free(pending);
	close_account(account);
}
END_TEST

START_TEST(freeing_closes_waiting_visitors)
{
	struct account *account = open_account();
	struct pending *pending = pending_new(&gate);
	int fds[2 * 20];

	for (int i = 0; i < 20; i++) {
		struct visitor visitor;

		ck_assert_int_eq(pipe(&fds[2 * i]), 0);
		visitor = make_visitor(account, fds[2 * i], 10);
		ck_assert(pending_add(pending, &visitor));
	}
	pending_free(pending);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(fcntl(fds[2 * i], F_GETFD), -1);
		close(fds[2 * i + 1]);
	}
	pending_free(NULL);
	close_account(account);
}
END_TEST

/* ---- threads ---- */

enum { TAKERS = 3, VISITORS = 6000 };

static struct {
	struct pending *pending;
	struct account *account;
	struct uuid ids[VISITORS];
	atomic_int added;
	atomic_uchar taken[VISITORS];
	atomic_uint by_id, by_time;
	pthread_barrier_t start;
} race;

static void took(struct visitor *visitor, atomic_uint *count)
{
	ck_assert_int_ge(visitor->fd, 0);
	ck_assert_int_lt(visitor->fd, VISITORS);
	ck_assert_uint_eq(atomic_fetch_add(&race.taken[visitor->fd], 1), 0);
	atomic_fetch_add(count, 1);
	drop_visitor(visitor);
}

static void *add_all(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&race.start);
	for (int i = 0; i < VISITORS; i++) {
		struct visitor visitor = make_visitor(race.account, i, i % 2 ? 1000000 : i);

		visitor.id = race.ids[i];
		ck_assert(pending_add(race.pending, &visitor));
		atomic_store(&race.added, i + 1);
	}
	return NULL;
}

/* Each taker tries to take every visitor, in one of three ways. */
static void *take_all(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&race.start);
	for (int i = 0; i < VISITORS; i++) {
		struct pending_entry *entry;
		struct visitor visitor;
		bool taken;

		while (atomic_load(&race.added) <= i)
			sched_yield();
		entry = pending_find(race.pending, &race.ids[i]);
		if (entry && i % 3 == 0)
			taken = pending_claim(race.pending, entry, &owner.limits, &visitor);
		else if (i % 3 == 1)
			taken = pending_take(race.pending, &race.ids[i], &owner.limits, &visitor);
		else
			taken = pending_take_own(race.pending, &race.ids[i], NULL, 0, &owner.limits,
			                         &visitor) == PENDING_TAKEN;
		if (i % 3 != 0)
			pending_forget(race.pending, entry);
		if (taken)
			took(&visitor, &race.by_id);
	}
	return NULL;
}

static void *expire_all(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&race.start);
	while (atomic_load(&race.added) < VISITORS) {
		struct visitor visitor;

		while (pending_take_expired(race.pending, atomic_load(&race.added), &owner.limits,
		                            &visitor))
			took(&visitor, &race.by_time);
	}
	return NULL;
}

START_TEST(every_visitor_is_taken_exactly_once)
{
	pthread_t threads[TAKERS + 2];

	race.account = open_account();
	race.pending = pending_new(&gate);
	for (int i = 0; i < VISITORS; i++)
		ck_assert(uuid_random(&race.ids[i]));
	pthread_barrier_init(&race.start, NULL, TAKERS + 2);
	pthread_create(&threads[0], NULL, add_all, NULL);
	pthread_create(&threads[1], NULL, expire_all, NULL);
	for (int i = 0; i < TAKERS; i++)
		pthread_create(&threads[2 + i], NULL, take_all, NULL);
	for (int i = 0; i < TAKERS + 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(race.by_id + race.by_time, VISITORS);
	ck_assert_uint_ge(race.by_id, VISITORS / 2); /* the odd ones never expire */
	ck_assert(pending_is_empty(race.pending));
	ck_assert_uint_eq(pending_count(race.pending), 0);
	ck_assert_uint_eq(race.account->principal->conns, 0);
	pthread_barrier_destroy(&race.start);
	pending_free(race.pending);
	close_account(race.account);
}
END_TEST

/* ---- visitors that were handed over before ---- */

static struct visitor add(struct pending *pending, struct account *account, enum offer_state offer)
{
	struct visitor visitor = make_visitor(account, 1, 10);

	visitor.offer = offer;
	ck_assert(pending_add(pending, &visitor));
	return visitor;
}

START_TEST(only_a_visitor_whose_offer_is_lost_is_taken_as_lost)
{
	static const enum offer_state states[] = { OFFER_NONE, OFFER_OPEN, OFFER_LOST };
	struct account *account = open_account();
	struct pending *pending = pending_new(&gate);
	const struct limits *limits = &owner.limits;
	struct visitor taken;

	for (size_t i = 0; i < 3; i++) {
		struct visitor visitor = add(pending, account, states[i]);
		bool is_lost = states[i] == OFFER_LOST;

		ck_assert_int_eq(pending_take_lost(pending, &visitor.id, NULL, 1, limits, &taken),
		                 PENDING_FOREIGN);
		ck_assert_int_eq(pending_take_lost(pending, &visitor.id, NULL, 0, limits, &taken),
		                 is_lost ? PENDING_TAKEN : PENDING_UNKNOWN);
		ck_assert_uint_eq(pending_count(pending), !is_lost);
		ck_assert_int_eq(pending_take_own(pending, &visitor.id, NULL, 0, limits, &taken),
		                 is_lost ? PENDING_UNKNOWN : PENDING_TAKEN);
		drop_visitor(&visitor);
	}
	pending_free(pending);
	close_account(account);
}
END_TEST

START_TEST(an_offer_is_lost_while_its_visitor_waits)
{
	struct account *account = open_account();
	struct pending *pending = pending_new(&gate);
	struct visitor visitor = add(pending, account, OFFER_OPEN), taken;

	ck_assert(pending_lose_offer(pending, &visitor.id));
	ck_assert_int_eq(pending_take_lost(pending, &visitor.id, NULL, 0, &owner.limits, &taken),
	                 PENDING_TAKEN);
	ck_assert_int_eq(taken.offer, OFFER_LOST);
	ck_assert(!pending_lose_offer(pending, &visitor.id));
	drop_visitor(&taken);
	pending_free(pending);
	close_account(account);
}
END_TEST

/* Its client may have taken it, and would serve it twice. */
START_TEST(a_visitor_that_was_offered_is_no_stray)
{
	static const enum offer_state states[] = { OFFER_OPEN, OFFER_NONE, OFFER_LOST };
	struct account *before = open_account(), *now;
	struct pending *pending = pending_new(&gate);
	struct pending_stray strays[4];
	struct visitor visitors[3];
	struct limit_hit hit;

	now = account_open(&owner.principals, owner.source, &owner.limits, NULL, NULL, &hit);
	ck_assert_ptr_nonnull(now);
	ck_assert_ptr_eq(before->principal, now->principal);
	before->port = now->port = 4000;
	for (int i = 0; i < 3; i++)
		visitors[i] = add(pending, before, states[i]);
	ck_assert_uint_eq(pending_find_strays(pending, now, strays, 4), 1);
	ck_assert(uuid_equal(&strays[0].id, &visitors[1].id));
	for (int i = 0; i < 3; i++) {
		struct visitor taken;

		ck_assert(pending_take(pending, &visitors[i].id, &owner.limits, &taken));
		drop_visitor(&taken);
	}
	pending_free(pending);
	account_close_tunnel(now);
	close_account(before);
}
END_TEST

SUITE("pending", an_id_works_once, ids_of_one_bucket_are_told_apart,
      only_the_owner_takes_its_visitor, a_find_keeps_the_account_but_not_the_visitor,
      a_forgotten_visitor_waits_on, the_first_of_two_claims_gets_the_visitor,
      a_visitor_that_was_found_expires_all_the_same, only_the_expired_are_taken_by_time,
      freeing_closes_waiting_visitors, every_visitor_is_taken_exactly_once,
      only_a_visitor_whose_offer_is_lost_is_taken_as_lost, an_offer_is_lost_while_its_visitor_waits,
      a_visitor_that_was_offered_is_no_stray)
