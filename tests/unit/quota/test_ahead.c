#include "quota/ahead.h"

#include <pthread.h>

#include "net/addr.h"
#include "quota/account.h"
#include "quota/limits.h"
#include "quota/source.h"
#include "suite.h"

/* A pass lets in twice the promised number: see SLACK in ahead.c. */
enum { SLACK = 2 };

struct scene {
	struct limits limits;
	struct ahead_table table;
	struct source_table *sources;
	struct source *source;
	struct account account;
};

static struct source *get(struct scene *scene, const char *ip)
{
	struct source *source;
	spore_addr addr;

	ck_assert(addr_parse_ip(ip, &addr));
	source = source_get(scene->sources, &addr);
	ck_assert_ptr_nonnull(source);
	return source;
}

static void set_up(struct scene *scene, unsigned most)
{
	*scene = (struct scene){ .limits.ahead = most,
		                 .sources = source_table_new(),
		                 .account.refs = 1 };
	ck_assert_ptr_nonnull(scene->sources);
	ahead_table_init(&scene->table);
	scene->source = get(scene, "192.0.2.1");
}

static void tear_down(struct scene *scene)
{
	ck_assert_uint_eq(scene->table.waiting, 0);
	ck_assert_uint_eq(scene->account.refs, 1);
	for (int i = 0; i < AHEAD_BUCKETS; i++)
		ck_assert_ptr_null(scene->table.buckets[i]);
	ahead_table_fini(&scene->table);
	source_unref(scene->source);
	source_table_free(scene->sources);
}

static struct ahead_pass *issue(struct scene *scene, struct source *source, unsigned n)
{
	struct ahead_pass *pass = ahead_issue(
		&scene->table,
		&(struct ahead_terms){
			.source = source, .account = &scene->account, .n = n, .n_workers = 1 });

	ck_assert_ptr_nonnull(pass);
	ck_assert(!ahead_is_withdrawn(pass));
	return pass;
}

static struct ahead_pass *enter(struct scene *scene, const struct ahead_pass *pass)
{
	struct limit_hit hit;

	return ahead_enter(&scene->table, ahead_id(pass), &scene->limits, &hit);
}

START_TEST(a_pass_lets_connections_in)
{
	struct scene scene;
	struct ahead_pass *pass, *other;
	struct limit_hit hit;
	struct uuid unknown;

	set_up(&scene, 100);
	pass = issue(&scene, scene.source, 1);
	other = issue(&scene, scene.source, 1);
	ck_assert(!uuid_equal(ahead_id(pass), ahead_id(other)));
	ck_assert_ptr_eq(enter(&scene, pass), pass);
	ck_assert_ptr_eq(enter(&scene, other), other);
	ck_assert_uint_eq(scene.table.waiting, 2);
	ck_assert(uuid_random(&unknown));
	ck_assert_ptr_null(ahead_enter(&scene.table, &unknown, &scene.limits, &hit));
	ck_assert_ptr_null(hit.from);
	ck_assert_ptr_eq(enter(&scene, pass), pass); /* one more than promised, and no further */
	ck_assert_ptr_null(ahead_enter(&scene.table, ahead_id(pass), &scene.limits, &hit));
	ck_assert_str_eq(hit.from, "limits.max_ahead_per_tunnel");
	ck_assert_int_eq(hit.most, 1);
	ahead_leave(pass);
	ck_assert_uint_eq(scene.table.waiting, 2);
	ahead_leave(pass);
	ahead_leave(other);
	ahead_withdraw(pass);
	ahead_withdraw(other);
	tear_down(&scene);
}
END_TEST

START_TEST(passes_of_one_bucket_are_told_apart)
{
	enum { MANY = 3 * AHEAD_BUCKETS };
	struct ahead_pass *passes[MANY];
	struct scene scene;

	set_up(&scene, 100);
	for (int i = 0; i < MANY; i++)
		passes[i] = issue(&scene, scene.source, 1);
	for (int i = 0; i < MANY; i++) {
		ck_assert_ptr_eq(enter(&scene, passes[i]), passes[i]);
		ahead_leave(passes[i]);
	}
	for (int i = 0; i < MANY; i += 2)
		ahead_withdraw(passes[i]);
	for (int i = 1; i < MANY; i += 2) {
		ck_assert_ptr_eq(enter(&scene, passes[i]), passes[i]);
		ahead_leave(passes[i]);
		ahead_withdraw(passes[i]);
	}
	tear_down(&scene);
}
END_TEST

START_TEST(a_pass_is_bounded)
{
	struct scene scene;
	struct ahead_pass *pass;

	set_up(&scene, 100);
	pass = issue(&scene, scene.source, 3);
	for (int i = 0; i < 3 * SLACK; i++)
		ck_assert_ptr_eq(enter(&scene, pass), pass);
	ck_assert_ptr_null(enter(&scene, pass));
	ahead_leave(pass);
	ck_assert_ptr_eq(enter(&scene, pass), pass);
	ck_assert_ptr_null(enter(&scene, pass));
	for (int i = 0; i < 3 * SLACK; i++)
		ahead_leave(pass);
	ahead_withdraw(pass);
	tear_down(&scene);
}
END_TEST

START_TEST(a_source_has_half_of_all)
{
	struct scene scene;
	struct ahead_pass *one, *two, *other;
	struct source *source;

	set_up(&scene, 9);
	source = get(&scene, "192.0.2.2");
	one = issue(&scene, scene.source, 100);
	two = issue(&scene, scene.source, 100);
	other = issue(&scene, source, 100);
	for (int i = 0; i < 5; i++) /* half, rounded up */
		ck_assert_ptr_nonnull(enter(&scene, i % 2 ? one : two));
	ck_assert_ptr_null(enter(&scene, one));
	ck_assert_ptr_null(enter(&scene, two));
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_nonnull(enter(&scene, other));
	ck_assert_ptr_null(enter(&scene, other)); /* all are taken */
	ck_assert_uint_eq(scene.table.waiting, 9);
	ahead_leave(one);
	ck_assert_ptr_nonnull(enter(&scene, other));
	for (int i = 0; i < 5; i++)
		ahead_leave(other);
	ahead_leave(one);
	for (int i = 0; i < 3; i++)
		ahead_leave(two);
	ahead_withdraw(one);
	ahead_withdraw(two);
	ahead_withdraw(other);
	source_unref(source);
	tear_down(&scene);
}
END_TEST

/* A refusal leaves no count behind, whichever limit it met. */
START_TEST(a_refused_connection_is_not_counted)
{
	struct scene scene;
	struct ahead_pass *pass;

	set_up(&scene, 2);
	pass = issue(&scene, scene.source, 100);
	ck_assert_ptr_nonnull(enter(&scene, pass)); /* half of two */
	for (int i = 0; i < 1000; i++)
		ck_assert_ptr_null(enter(&scene, pass));
	ck_assert_uint_eq(scene.table.waiting, 1);
	scene.limits.ahead = 400;
	for (int i = 1; i < 100 * SLACK; i++)
		ck_assert_ptr_nonnull(enter(&scene, pass));
	ck_assert_ptr_null(enter(&scene, pass));
	ck_assert_uint_eq(scene.table.waiting, 100 * SLACK);
	scene.limits.ahead = 0;
	ahead_leave(pass);
	ck_assert_ptr_null(enter(&scene, pass));
	for (int i = 1; i < 100 * SLACK; i++)
		ahead_leave(pass);
	ahead_withdraw(pass);
	tear_down(&scene);
}
END_TEST

START_TEST(a_withdrawn_pass_opens_nothing)
{
	struct scene scene;
	struct ahead_pass *pass;
	struct limit_hit hit;
	struct uuid id;

	set_up(&scene, 100);
	pass = issue(&scene, scene.source, 2);
	id = *ahead_id(pass);
	ck_assert_ptr_eq(enter(&scene, pass), pass);
	ahead_withdraw(pass);
	ck_assert(ahead_is_withdrawn(pass)); /* the connection that waits still has it */
	ck_assert_ptr_null(ahead_enter(&scene.table, &id, &scene.limits, &hit));
	ck_assert_uint_eq(scene.table.waiting, 1);
	ahead_leave(pass);
	ahead_withdraw(NULL);
	tear_down(&scene);
}
END_TEST

START_TEST(a_pass_tells_whose_it_is)
{
	struct account other = { .refs = 1 };
	struct ahead_pass *pass;
	struct scene scene;
	struct uuid id;

	set_up(&scene, 100);
	pass = issue(&scene, scene.source, 1);
	id = *ahead_id(pass);
	ck_assert_uint_eq(scene.account.refs, 2);
	ck_assert_ptr_eq(ahead_account(&scene.table, &id), &scene.account);
	account_unref(&scene.account);
	ahead_change_account(pass, &other);
	ahead_change_account(NULL, &other);
	ck_assert_uint_eq(scene.account.refs, 1);
	ck_assert_ptr_eq(ahead_account(&scene.table, &id), &other);
	account_unref(&other);
	ahead_withdraw(pass);
	ck_assert_uint_eq(other.refs, 1);
	ck_assert_ptr_null(ahead_account(&scene.table, &id));
	tear_down(&scene);
}
END_TEST

enum { THREADS = 3, ROUNDS = 5000 };

static void *come_and_go(void *arg)
{
	struct scene *scene = arg;
	struct ahead_pass *own = issue(scene, scene->source, 1);

	for (int i = 0; i < ROUNDS; i++) {
		struct ahead_pass *pass = enter(scene, own);

		if (pass)
			ahead_leave(pass);
	}
	ahead_withdraw(own);
	return NULL;
}

START_TEST(counts_of_many_threads_come_out_even)
{
	pthread_t threads[THREADS];
	struct scene scene;

	set_up(&scene, 2);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, come_and_go, &scene);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	tear_down(&scene);
}
END_TEST

/* ---- the shelves ---- */

enum { SHELVES = 3 };

/* The shelves tell the workers apart by address alone. */
static char places[SHELVES];

static struct server_worker *worker_of(unsigned index)
{
	return (void *)&places[index];
}

static struct ahead_pass *issue_shelves(struct scene *scene)
{
	struct ahead_pass *pass = ahead_issue(&scene->table,
	                                      &(struct ahead_terms){ .source = scene->source,
	                                                             .account = &scene->account,
	                                                             .n = 1,
	                                                             .n_workers = SHELVES,
	                                                             .opens = true });

	ck_assert_ptr_nonnull(pass);
	return pass;
}

static void shelve(struct ahead_pass *pass, unsigned index, struct list *node)
{
	list_init(node);
	ahead_shelve(pass, index, worker_of(index), node);
}

START_TEST(a_pass_tells_whether_its_connections_are_handed_visitors)
{
	struct scene scene;
	struct ahead_pass *opens, *other;

	set_up(&scene, 100);
	opens = issue_shelves(&scene);
	other = issue(&scene, scene.source, 1);
	ck_assert(ahead_opens(opens));
	ck_assert(!ahead_opens(other));
	ck_assert_ptr_null(ahead_reserve(opens, 0)); /* none waits */
	ahead_withdraw(opens);
	ahead_withdraw(other);
	tear_down(&scene);
}
END_TEST

START_TEST(the_connection_that_was_used_last_is_picked_first)
{
	struct scene scene;
	struct ahead_pass *pass;
	struct list nodes[3];

	set_up(&scene, 100);
	pass = issue_shelves(&scene);
	for (int i = 0; i < 3; i++)
		shelve(pass, 1, &nodes[i]);
	for (int i = 2; i >= 0; i--) {
		ck_assert_ptr_eq(ahead_reserve(pass, 1), worker_of(1));
		ck_assert_ptr_eq(ahead_pick(pass, 1), &nodes[i]);
		ck_assert(list_is_empty(&nodes[i]));
		ahead_unshelve(pass, 1, &nodes[i]); /* it is off already */
	}
	ck_assert_ptr_null(ahead_reserve(pass, 1));
	ahead_withdraw(pass);
	tear_down(&scene);
}
END_TEST

START_TEST(a_visitor_stays_on_its_worker_if_one_is_free_there)
{
	struct scene scene;
	struct ahead_pass *pass;
	struct list nodes[SHELVES];

	set_up(&scene, 100);
	pass = issue_shelves(&scene);
	for (unsigned i = 0; i < SHELVES; i++)
		shelve(pass, i, &nodes[i]);
	for (unsigned i = 0; i < SHELVES; i++) { /* its own, and then the next ones */
		unsigned index = (1 + i) % SHELVES;

		ck_assert_ptr_eq(ahead_reserve(pass, 1), worker_of(index));
		ck_assert_ptr_eq(ahead_pick(pass, index), &nodes[index]);
	}
	ck_assert_ptr_null(ahead_reserve(pass, 1));
	ahead_withdraw(pass);
	tear_down(&scene);
}
END_TEST

START_TEST(each_connection_is_reserved_once)
{
	struct scene scene;
	struct ahead_pass *pass;
	struct list nodes[2];

	set_up(&scene, 100);
	pass = issue_shelves(&scene);
	for (int i = 0; i < 2; i++)
		shelve(pass, 0, &nodes[i]);
	for (int i = 0; i < 2; i++)
		ck_assert_ptr_eq(ahead_reserve(pass, 2), worker_of(0));
	ck_assert_ptr_null(ahead_reserve(pass, 2));
	ahead_return(pass, 0);
	ck_assert_ptr_eq(ahead_reserve(pass, 2), worker_of(0));
	for (int i = 0; i < 2; i++)
		ck_assert_ptr_nonnull(ahead_pick(pass, 0));
	ahead_withdraw(pass);
	tear_down(&scene);
}
END_TEST

/* The count stays right: the next connection can be reserved, and no other. */
START_TEST(a_reserved_connection_may_go)
{
	struct scene scene;
	struct ahead_pass *pass;
	struct list nodes[2];

	set_up(&scene, 100);
	pass = issue_shelves(&scene);
	shelve(pass, 0, &nodes[0]);
	ahead_unshelve(pass, 0, &nodes[0]);
	ck_assert_ptr_null(ahead_reserve(pass, 0)); /* it went before */
	shelve(pass, 0, &nodes[0]);
	ck_assert_ptr_eq(ahead_reserve(pass, 0), worker_of(0));
	ahead_unshelve(pass, 0, &nodes[0]);
	ck_assert_ptr_null(ahead_pick(pass, 0));
	ck_assert_ptr_null(ahead_reserve(pass, 0));
	for (int i = 0; i < 2; i++)
		shelve(pass, 0, &nodes[i]);
	ck_assert_ptr_eq(ahead_reserve(pass, 0), worker_of(0));
	ahead_unshelve(pass, 0, &nodes[1]);
	ck_assert_ptr_eq(ahead_pick(pass, 0), &nodes[0]);
	ck_assert_ptr_null(ahead_reserve(pass, 0));
	ahead_withdraw(pass);
	tear_down(&scene);
}
END_TEST

/* The tunnel may be gone when the visitor gets to the other worker. */
START_TEST(a_reservation_keeps_the_pass)
{
	struct scene scene;
	struct ahead_pass *pass;
	struct list node;

	set_up(&scene, 100);
	pass = issue_shelves(&scene);
	ck_assert_ptr_eq(enter(&scene, pass), pass);
	shelve(pass, 2, &node);
	ck_assert_ptr_eq(ahead_reserve(pass, 0), worker_of(2));
	ck_assert_ptr_null(ahead_reserve(pass, 0));
	ahead_withdraw(pass);
	ahead_unshelve(pass, 2, &node);
	ahead_leave(pass);
	ck_assert_ptr_null(ahead_pick(pass, 2)); /* the last reference */
	tear_down(&scene);
}
END_TEST

enum { PUT = 20000 };

static struct ahead_pass *shared_pass;
static struct list put[PUT];
static atomic_uint n_reserved, n_picked, n_put;

/* Reservations of the other worker, each of which the first one picks. */
static void *reserve_all(void *arg)
{
	(void)arg;
	while (atomic_load(&n_reserved) < PUT) {
		struct server_worker *worker = ahead_reserve(shared_pass, 1);

		if (!worker)
			continue;
		ck_assert_ptr_eq(worker, worker_of(0));
		atomic_fetch_add(&n_reserved, 1);
	}
	return NULL;
}

static void *shelve_and_pick_all(void *arg)
{
	(void)arg;
	while (atomic_load(&n_picked) < PUT) {
		if (n_put < PUT)
			shelve(shared_pass, 0, &put[n_put++]);
		if (atomic_load(&n_reserved) == n_picked)
			continue;
		ck_assert_ptr_nonnull(ahead_pick(shared_pass, 0));
		n_picked++;
	}
	return NULL;
}

START_TEST(one_thread_reserves_what_another_one_shelves)
{
	pthread_t threads[2];
	struct scene scene;

	set_up(&scene, 100);
	shared_pass = issue_shelves(&scene);
	pthread_create(&threads[0], NULL, reserve_all, NULL);
	pthread_create(&threads[1], NULL, shelve_and_pick_all, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ck_assert_ptr_null(ahead_reserve(shared_pass, 0));
	ahead_withdraw(shared_pass);
	tear_down(&scene);
}
END_TEST

SUITE("ahead", a_pass_lets_connections_in, passes_of_one_bucket_are_told_apart, a_pass_is_bounded,
      a_source_has_half_of_all, a_refused_connection_is_not_counted, a_withdrawn_pass_opens_nothing,
      a_pass_tells_whose_it_is, counts_of_many_threads_come_out_even,
      a_pass_tells_whether_its_connections_are_handed_visitors,
      the_connection_that_was_used_last_is_picked_first,
      a_visitor_stays_on_its_worker_if_one_is_free_there, each_connection_is_reserved_once,
      a_reserved_connection_may_go, a_reservation_keeps_the_pass,
      one_thread_reserves_what_another_one_shelves)
