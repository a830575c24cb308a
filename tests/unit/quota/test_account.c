#include "quota/account.h"

#include <pthread.h>

#include "host/instance.h"
#include "scene/account_scene.h"
#include "suite.h"

/* Only their reference counts are used. */
static struct instance an_instance = { .refs = 1, .name = (char[]){ "one" } },
		       another_instance = { .refs = 1 };

static struct grant *make_grant(uint64_t session, uint32_t fields, uint32_t max_tunnels,
                                uint32_t max_conns)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = fields,
		                     .session = session,
		                     .identity = spore_cstr("alice"),
		                     .max_tunnels = max_tunnels,
		                     .max_conns = max_conns };
	struct grant *grant = grant_new(&result);

	ck_assert_ptr_nonnull(grant);
	return grant;
}

static struct account *open_one(struct account_scene *scene, struct instance *by,
                                struct grant *grant)
{
	struct limit_hit hit;
	struct account *account = account_open(&scene->principals, scene->source, &scene->limits,
	                                       by, grant, &hit);

	ck_assert_msg(account != NULL, "%s", refusal_text(hit.why));
	return account;
}

START_TEST(the_owner_is_an_instance_and_its_session)
{
	struct account_scene scene;
	struct account *a, *b, *c;

	account_scene_open(&scene);
	a = open_one(&scene, &an_instance, make_grant(7, 0, 0, 0));
	b = open_one(&scene, &an_instance, make_grant(7, 0, 0, 0));
	c = open_one(&scene, &another_instance, make_grant(7, 0, 0, 0));
	ck_assert_ptr_eq(a->principal, b->principal);
	ck_assert_ptr_ne(a->principal, c->principal);
	ck_assert(account_belongs_to(a, &an_instance, 7));
	ck_assert(!account_belongs_to(a, &an_instance, 8));
	ck_assert(!account_belongs_to(a, &another_instance, 7));
	ck_assert(!account_belongs_to(a, NULL, 7));
	ck_assert_str_eq(account_identity(a), "alice");
	account_close_tunnel(a);
	account_close_tunnel(c);
	account_close_tunnel(b);
	account_scene_close(&scene);
}
END_TEST

START_TEST(without_authentication_there_is_no_name)
{
	struct account_scene scene;
	struct account *account;

	account_scene_open(&scene);
	account = open_one(&scene, NULL, NULL);
	ck_assert_str_eq(account_identity(account), "");
	ck_assert(account_belongs_to(account, NULL, 0));
	for (int i = 0; i < 100; i++)
		ck_assert(account_scene_enter(&scene, account));
	for (int i = 0; i < 100; i++)
		account_leave(account, NULL);
	account_close_tunnel(account);
	account_scene_close(&scene);
}
END_TEST

static void check_hit(const struct limit_hit *hit, enum refusal why, int64_t most, const char *from)
{
	ck_assert_int_eq(hit->why, why);
	ck_assert_int_eq(hit->most, most);
	ck_assert_str_eq(hit->from, from);
}

START_TEST(tunnels_are_bounded_over_a_session)
{
	struct grant *too_many = make_grant(1, SPORE_AUTH_F_MAX_TUNNELS, 2, 0);
	struct account_scene scene;
	struct account *a, *b;
	struct limit_hit hit;

	account_scene_open(&scene);
	a = open_one(&scene, &an_instance, make_grant(1, SPORE_AUTH_F_MAX_TUNNELS, 2, 0));
	b = open_one(&scene, &an_instance, make_grant(1, SPORE_AUTH_F_MAX_TUNNELS, 2, 0));
	ck_assert_ptr_null(account_open(&scene.principals, scene.source, &scene.limits,
	                                &an_instance, too_many, &hit));
	check_hit(&hit, REFUSED_TOO_MANY_TUNNELS, 2, "max_tunnels of the identity");
	ck_assert_str_eq(hit.plugin, an_instance.name);
	account_ref(a);
	account_close_tunnel(a); /* its visitors stay, but its place is free */
	account_close_tunnel(open_one(&scene, &an_instance, too_many));
	account_unref(a);
	account_close_tunnel(b);
	account_scene_close(&scene);
}
END_TEST

START_TEST(no_tunnel_at_all_may_be_granted)
{
	struct grant *none = make_grant(1, SPORE_AUTH_F_MAX_TUNNELS, 0, 0);
	struct account_scene scene;
	struct limit_hit hit;

	account_scene_open(&scene);
	ck_assert_ptr_null(account_open(&scene.principals, scene.source, &scene.limits,
	                                &an_instance, none, &hit));
	grant_free(none);
	account_scene_close(&scene);
}
END_TEST

START_TEST(visitors_are_bounded_over_a_session)
{
	struct account_scene scene;
	struct account *a, *b;

	account_scene_open(&scene);
	a = open_one(&scene, &an_instance, make_grant(1, SPORE_AUTH_F_MAX_CONNS, 0, 2));
	b = open_one(&scene, &an_instance, make_grant(1, SPORE_AUTH_F_MAX_CONNS, 0, 2));
	ck_assert(account_scene_enter(&scene, a));
	ck_assert(account_scene_enter(&scene, b));
	ck_assert(!account_scene_enter(&scene, a));
	ck_assert(!account_scene_enter(&scene, b));
	account_leave(b, NULL);
	ck_assert(account_scene_enter(&scene, a));
	ck_assert_uint_eq(a->visitors, 2);
	ck_assert_uint_eq(b->visitors, 1);
	account_leave(a, NULL);
	account_leave(a, NULL);
	account_close_tunnel(a);
	account_close_tunnel(b);
	account_scene_close(&scene);
}
END_TEST

START_TEST(tunnels_are_bounded_over_all)
{
	struct account_scene scene;
	struct account *all[ACCOUNT_SCENE_TUNNELS];
	struct limit_hit hit;

	account_scene_open(&scene);
	for (int i = 0; i < ACCOUNT_SCENE_TUNNELS; i++)
		all[i] = open_one(&scene, &an_instance, make_grant((uint64_t)i, 0, 0, 0));
	ck_assert_ptr_null(
		account_open(&scene.principals, scene.source, &scene.limits, NULL, NULL, &hit));
	check_hit(&hit, REFUSED_TOO_MANY_TUNNELS, ACCOUNT_SCENE_TUNNELS, "limits.max_tunnels");
	ck_assert_ptr_null(hit.plugin);
	account_close_tunnel(all[0]);
	all[0] = open_one(&scene, &an_instance, make_grant(0, 0, 0, 0));
	scene.limits.settings.max_conns_per_ip = ACCOUNT_SCENE_TUNNELS;
	ck_assert_ptr_null(
		account_open(&scene.principals, scene.source, &scene.limits, NULL, NULL, &hit));
	check_hit(&hit, REFUSED_SOURCE_TUNNELS, ACCOUNT_SCENE_TUNNELS, "limits.max_conns_per_ip");
	for (int i = 0; i < ACCOUNT_SCENE_TUNNELS; i++)
		account_close_tunnel(all[i]);
	account_scene_close(&scene);
}
END_TEST

START_TEST(renewing_changes_rights_but_not_the_owner)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .session = 99,
		                     .identity = spore_cstr("mallory"),
		                     .fields = SPORE_AUTH_F_MAX_CONNS,
		                     .max_conns = 0 };
	struct account_scene scene;
	struct account *account;

	account_scene_open(&scene);
	account = open_one(&scene, &an_instance, make_grant(1, 0, 0, 0));
	ck_assert(account_scene_enter(&scene, account));
	account_renew(account, &scene.limits, grant_new(&result));
	ck_assert_str_eq(account_identity(account), "alice");
	ck_assert(account_belongs_to(account, &an_instance, 1));
	ck_assert(!account_scene_enter(&scene, account));
	account_leave(account, NULL);
	account_close_tunnel(account);
	account_scene_close(&scene);
}
END_TEST

START_TEST(the_limits_on_use_are_the_grants_or_the_servers)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .identity = spore_cstr("alice"),
		                     .session = 1,
		                     .fields = SPORE_AUTH_F_RATE_UP | SPORE_AUTH_F_BYTES_PER_DAY,
		                     .rate_up = 5000,
		                     .bytes_per_day = 100 };
	struct account_scene scene;
	struct account *account;
	enum refusal why;

	account_scene_open(&scene);
	scene.limits.settings.rate_up = scene.limits.settings.rate_down = 7000;
	scene.limits.settings.visitors_per_second = 1;
	account = open_one(&scene, &an_instance, make_grant(1, 0, 0, 0));
	ck_assert_uint_eq(bucket_rate(&account->usage->buckets[USE_UP]), 7000);
	ck_assert(account_scene_enter(&scene, account));
	ck_assert(!account_enter(account, NULL, &scene.limits, &why));
	ck_assert_int_eq(why, REFUSED_CLIENT_PACE);
	ck_assert_str_eq(account_limit(account, &scene.limits, why).from,
	                 "limits.visitors_per_second");
	ck_assert(account_carry(account, 60, 50)); /* without a limit */
	account_renew(account, &scene.limits, grant_new(&result));
	ck_assert_uint_eq(bucket_rate(&account->usage->buckets[USE_UP]), 5000);
	ck_assert_uint_eq(bucket_rate(&account->usage->buckets[USE_DOWN]), 7000);
	ck_assert(!account_carry(account, 0, 1));
	ck_assert(!account_enter(account, NULL, &scene.limits, &why));
	ck_assert_int_eq(why, REFUSED_USED_UP);
	ck_assert_int_eq(account_limit(account, &scene.limits, why).most, 100);
	ck_assert_str_eq(account_limit(account, &scene.limits, why).from,
	                 "bytes_per_day of the identity");
	scene.limits.settings.rate_down = 0;
	account_limit_use(account, &scene.limits);
	ck_assert_uint_eq(bucket_rate(&account->usage->buckets[USE_DOWN]), 0);
	account_leave(account, NULL);
	account_close_tunnel(account);
	account_scene_close(&scene);
}
END_TEST

static struct grant *make_grant_of_bytes(uint64_t session, uint64_t bytes_per_day)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .identity = spore_cstr("alice"),
		                     .session = session,
		                     .fields = bytes_per_day ? SPORE_AUTH_F_BYTES_PER_DAY : 0,
		                     .bytes_per_day = bytes_per_day };
	struct grant *grant = grant_new(&result);

	ck_assert_ptr_nonnull(grant);
	return grant;
}

static void check_use(struct account_scene *scene, struct account *account, int64_t most,
                      const char *from)
{
	struct limit_hit hit;
	enum refusal why;

	ck_assert(!account_enter(account, NULL, &scene->limits, &why));
	hit = account_limit(account, &scene->limits, why);
	check_hit(&hit, REFUSED_USED_UP, most, from);
}

START_TEST(no_client_lifts_the_limits_of_another_one)
{
	struct account_scene scene;
	struct account *a, *b;

	account_scene_open(&scene);
	a = open_one(&scene, &an_instance, make_grant_of_bytes(1, 100));
	ck_assert(!account_carry(a, 100, 0));
	b = open_one(&scene, &another_instance, make_grant_of_bytes(1, 0));
	check_use(&scene, a, 100, "bytes_per_day of the identity");
	check_use(&scene, b, 100, "bytes_per_day of another client of the identity");
	account_renew(b, &scene.limits, make_grant_of_bytes(1, 5000));
	check_use(&scene, a, 100, "bytes_per_day of the identity");
	/* The limits hold for the relays of a closed tunnel, too. */
	account_ref(a);
	account_close_tunnel(a);
	check_use(&scene, b, 100, "bytes_per_day of another client of the identity");
	account_unref(a);
	ck_assert(account_scene_enter(&scene, b));
	account_leave(b, NULL);
	account_close_tunnel(b);
	account_scene_close(&scene);
}
END_TEST

START_TEST(another_owner_of_the_tunnel_brings_its_own_limits)
{
	struct account_scene scene;
	struct account *former, *account;
	struct limit_hit hit;

	account_scene_open(&scene);
	former = account_ref(open_one(&scene, &an_instance, make_grant_of_bytes(1, 100)));
	ck_assert(!account_carry(former, 100, 0));
	account = account_succeed(former, &scene.limits, &another_instance,
	                          make_grant_of_bytes(1, 5000), &hit);
	ck_assert_ptr_nonnull(account);
	ck_assert(account_carry(former, 1, 0)); /* its relays go on */
	ck_assert(account_scene_enter(&scene, account));
	account_leave(account, NULL);
	account_unref(former);
	account_close_tunnel(account);
	account_scene_close(&scene);
}
END_TEST

/* All principals share the places. */
START_TEST(visitors_are_bounded_over_all)
{
	struct account_scene scene;
	struct account *a, *b;
	enum refusal why[2];

	account_scene_open(&scene);
	scene.limits.places = 2 + 2; /* two tunnels need as many as two visitors */
	a = open_one(&scene, &an_instance, make_grant(1, SPORE_AUTH_F_MAX_CONNS, 0, 1));
	b = open_one(&scene, &another_instance, NULL);
	ck_assert(account_enter(a, NULL, &scene.limits, &why[0]));
	ck_assert(!account_enter(a, NULL, &scene.limits, &why[0]));
	ck_assert(account_enter(b, NULL, &scene.limits, &why[1]));
	ck_assert(!account_enter(b, NULL, &scene.limits, &why[1]));
	ck_assert_int_eq(why[0], REFUSED_CLIENT_FULL);
	ck_assert_int_eq(why[1], REFUSED_DESCRIPTORS);
	account_leave(a, NULL);
	ck_assert(account_enter(b, NULL, &scene.limits, &why[1]));
	ck_assert(!account_enter(b, NULL, &scene.limits, &why[1]));
	account_close_tunnel(a);
	ck_assert(account_enter(b, NULL, &scene.limits, &why[1]));
	for (int i = 0; i < 3; i++)
		account_leave(b, NULL);
	account_close_tunnel(b);
	account_scene_close(&scene);
}
END_TEST

/* Whoever is refused can be told which limit it was. */
START_TEST(a_limit_says_what_sets_it)
{
	struct account_scene scene;
	struct limit_hit limit;
	struct account *account;

	account_scene_open(&scene);
	account = open_one(&scene, &an_instance, make_grant(1, SPORE_AUTH_F_MAX_CONNS, 0, 3));
	limit = account_limit(account, &scene.limits, REFUSED_CLIENT_FULL);
	ck_assert_uint_eq(limit.most, 3);
	ck_assert_str_eq(limit.from, "max_conns of the identity");
	limit = account_limit(account, &scene.limits, REFUSED_SERVER_FULL);
	ck_assert_int_eq(limit.why, REFUSED_SERVER_FULL);
	ck_assert_uint_eq(limit.most, ACCOUNT_SCENE_VISITORS);
	ck_assert_str_eq(limit.from, "limits.max_relays");
	scene.limits.places = 5;
	limit = account_limit_in_all(&scene.principals, &scene.limits);
	ck_assert_int_eq(limit.why, REFUSED_DESCRIPTORS);
	ck_assert_uint_eq(limit.most, 4); /* the tunnel has a place, too */
	ck_assert_str_eq(limit.from, "descriptors");
	scene.limits.settings.max_visitors_per_ip = 7;
	limit = account_limit(account, &scene.limits, REFUSED_SOURCE_FULL);
	ck_assert_uint_eq(limit.most, 7);
	ck_assert_str_eq(limit.from, "limits.max_visitors_per_ip");
	scene.limits.settings.visitor_rate = 9;
	limit = account_limit(account, &scene.limits, REFUSED_SOURCE_PACE);
	ck_assert_uint_eq(limit.most, 9);
	ck_assert_ptr_null(account_limit(account, &scene.limits, REFUSED_ACCESS_LIST).from);
	account_close_tunnel(account);
	account_scene_close(&scene);
}
END_TEST

static void *enter_and_leave(void *arg)
{
	const struct limits limits = account_scene_limits();
	struct account *account = arg;
	enum refusal why;

	for (int i = 0; i < 10000; i++) {
		account_ref(account);
		if (account_enter(account, NULL, &limits, &why))
			account_leave(account, NULL);
		account_unref(account);
	}
	account_unref(account);
	return NULL;
}

START_TEST(counts_of_many_threads_come_out_even)
{
	struct account_scene scene;
	struct account *account;
	struct principal *principal;
	pthread_t threads[3];

	account_scene_open(&scene);
	account = open_one(&scene, &an_instance, make_grant(1, SPORE_AUTH_F_MAX_CONNS, 0, 2));
	principal = account->principal;
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, enter_and_leave, account_ref(account));
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(principal->conns, 0);
	ck_assert_uint_eq(account->refs, 1);
	account_close_tunnel(account);
	account_scene_close(&scene);
}
END_TEST

START_TEST(a_port_is_found_by_its_principal_alone)
{
	struct account_scene scene;
	struct server_worker *home = (void *)&scene, *other = (void *)&home;
	struct account *a, *b;

	account_scene_open(&scene);
	a = open_one(&scene, &an_instance, make_grant(7, 0, 0, 0));
	b = open_one(&scene, &an_instance, make_grant(7, 0, 0, 0));
	ck_assert_ptr_null(account_holder(&scene.principals, &an_instance, 7, 0));
	account_stand(a, home, 20000);
	account_stand(b, other, 20001);
	ck_assert_ptr_eq(account_holder(&scene.principals, &an_instance, 7, 20000), home);
	ck_assert_ptr_eq(account_holder(&scene.principals, &an_instance, 7, 20001), other);
	ck_assert_ptr_null(account_holder(&scene.principals, &an_instance, 7, 20002));
	ck_assert(account_port_is_held(&scene.principals, 20001));
	ck_assert(!account_port_is_held(&scene.principals, 20002));
	ck_assert_ptr_null(account_holder(&scene.principals, &an_instance, 8, 20000));
	ck_assert_ptr_null(account_holder(&scene.principals, &another_instance, 7, 20000));
	account_ref(a); /* a relay that still runs */
	account_close_tunnel(a);
	ck_assert_ptr_null(account_holder(&scene.principals, &an_instance, 7, 20000));
	account_unref(a);
	account_close_tunnel(b);
	account_scene_close(&scene);
}
END_TEST

struct refused {
	struct account *account;
	atomic_bool over;
	unsigned entered;
};

static void *be_refused(void *arg)
{
	const struct limits limits = account_scene_limits();
	struct refused *refused = arg;
	enum refusal why;

	for (int i = 0; i < 200000; i++)
		refused->entered += account_enter(refused->account, NULL, &limits, &why);
	refused->over = true;
	return NULL;
}

/* One of two places is taken. An account that may have only one is always refused. It never takes
 * the second place, not even for a moment. */
START_TEST(a_refused_visitor_is_not_counted)
{
	struct refused other = { .entered = 0 };
	struct account_scene scene;
	struct account *account;
	unsigned in_the_way = 0;
	pthread_t thread;
	enum refusal why;

	account_scene_open(&scene);
	account = open_one(&scene, &an_instance, make_grant(1, SPORE_AUTH_F_MAX_CONNS, 0, 2));
	other.account = open_one(&scene, &an_instance, make_grant(1, SPORE_AUTH_F_MAX_CONNS, 0, 1));
	ck_assert(account_scene_enter(&scene, account));
	pthread_create(&thread, NULL, be_refused, &other);
	while (!other.over) {
		if (account_enter(account, NULL, &scene.limits, &why))
			account_leave(account, NULL);
		else
			in_the_way++;
	}
	pthread_join(thread, NULL);
	ck_assert_uint_eq(other.entered, 0);
	ck_assert_uint_eq(in_the_way, 0);
	account_leave(account, NULL);
	account_close_tunnel(account);
	account_close_tunnel(other.account);
	account_scene_close(&scene);
}
END_TEST

START_TEST(an_owner_may_be_succeeded)
{
	struct account_scene scene;
	struct server_worker *home = (void *)&scene;
	struct account *old, *new;
	struct limit_hit hit;

	account_scene_open(&scene);
	scene.limits.settings.max_conns_per_ip = scene.limits.settings.max_tunnels = 1;
	old = open_one(&scene, &an_instance, make_grant(7, SPORE_AUTH_F_MAX_TUNNELS, 1, 0));
	account_stand(old, home, 20000);
	ck_assert(account_scene_enter(&scene, old));
	account_ref(old); /* the visitor's */
	new = account_succeed(old, &scene.limits, &another_instance,
	                      make_grant(8, SPORE_AUTH_F_MAX_TUNNELS, 1, 0), &hit);
	ck_assert_ptr_nonnull(new);
	ck_assert_ptr_null(account_holder(&scene.principals, &an_instance, 7, 20000));
	ck_assert_ptr_eq(account_holder(&scene.principals, &another_instance, 8, 20000), home);
	ck_assert(account_belongs_to(old, &an_instance, 7)); /* visitors keep the old owner */
	ck_assert_uint_eq(an_instance.refs, 2);
	ck_assert_uint_eq(scene.principals.tunnels, 1);
	account_leave(old, NULL);
	account_unref(old);
	ck_assert_uint_eq(an_instance.refs, 1);
	account_close_tunnel(new);
	ck_assert_uint_eq(another_instance.refs, 1);
	account_scene_close(&scene);
}
END_TEST

START_TEST(a_client_that_is_lost_or_barred_is_known_to_all_accounts_of_its_tunnel)
{
	struct server_worker *home = (void *)&(int){ 0 };
	struct account *old, *new, *other;
	struct account_scene scene;
	struct limit_hit hit;

	account_scene_open(&scene);
	old = open_one(&scene, &an_instance, make_grant(7, 0, 0, 0));
	other = open_one(&scene, &an_instance, make_grant(7, 0, 0, 0));
	account_stand(old, home, 20000);
	account_ref(old); /* a visitor's */
	new = account_succeed(old, &scene.limits, &another_instance, make_grant(8, 0, 0, 0), &hit);
	ck_assert_ptr_nonnull(new);
	ck_assert_uint_eq(scene.principals.losses, 0);
	ck_assert(!account_has_lost_client(old) && !account_has_lost_client(new));
	account_lose_client(new);
	ck_assert_uint_eq(scene.principals.losses, 1);
	ck_assert(!account_has_barred_client(old));
	account_bar_client(new);
	account_close_tunnel(new);
	ck_assert(account_has_lost_client(old) && account_has_barred_client(old));
	ck_assert(!account_has_lost_client(other) && !account_has_barred_client(other));
	account_unref(old);
	account_close_tunnel(other);
	account_scene_close(&scene);
}
END_TEST

START_TEST(a_refused_successor_changes_nothing)
{
	struct grant *grant = make_grant(8, SPORE_AUTH_F_MAX_TUNNELS, 0, 0);
	struct account_scene scene;
	struct account *account;
	struct limit_hit hit;

	account_scene_open(&scene);
	account = open_one(&scene, &an_instance, make_grant(7, 0, 0, 0));
	account_stand(account, (void *)&scene, 20000);
	ck_assert_ptr_null(account_succeed(account, &scene.limits, &another_instance, grant, &hit));
	ck_assert_int_eq(hit.why, REFUSED_TOO_MANY_TUNNELS);
	ck_assert_ptr_nonnull(account_holder(&scene.principals, &an_instance, 7, 20000));
	grant_free(grant);
	account_close_tunnel(account);
	account_scene_close(&scene);
}
END_TEST

/* The tunnel that moves does not count against itself; others do. */
START_TEST(an_owner_may_succeed_itself_at_its_limit)
{
	struct grant *grant = make_grant(7, SPORE_AUTH_F_MAX_TUNNELS, 1, 0);
	struct account *account, *other;
	struct account_scene scene;
	struct limit_hit hit;

	account_scene_open(&scene);
	account = open_one(&scene, &an_instance, make_grant(7, SPORE_AUTH_F_MAX_TUNNELS, 1, 0));
	account_stand(account, (void *)&scene, 20000);
	account = account_succeed(account, &scene.limits, &an_instance, grant, &hit);
	ck_assert_ptr_nonnull(account);
	ck_assert_uint_eq(scene.principals.tunnels, 1);
	other = open_one(&scene, &an_instance, make_grant(7, SPORE_AUTH_F_MAX_TUNNELS, 2, 0));
	account_stand(other, (void *)&scene, 20001);
	grant = make_grant(7, SPORE_AUTH_F_MAX_TUNNELS, 1, 0);
	ck_assert_ptr_null(account_succeed(account, &scene.limits, &an_instance, grant, &hit));
	ck_assert_int_eq(hit.why, REFUSED_TOO_MANY_TUNNELS);
	grant_free(grant);
	account_close_tunnel(account);
	account_close_tunnel(other);
	account_scene_close(&scene);
}
END_TEST

START_TEST(a_visitor_moves_to_the_next_owner)
{
	struct account_scene scene;
	struct account *before, *after;
	struct limit_hit hit;
	enum refusal why;

	account_scene_open(&scene);
	before = open_one(&scene, &an_instance, make_grant(1, 0, 0, 0));
	ck_assert(account_scene_enter(&scene, before));
	ck_assert(account_scene_enter(&scene, before));
	account_ref(before);
	after = account_succeed(before, &scene.limits, &an_instance,
	                        make_grant(2, SPORE_AUTH_F_MAX_CONNS, 0, 1), &hit);
	ck_assert_ptr_nonnull(after);
	ck_assert(account_adopt(after, before, &why));
	ck_assert_uint_eq(after->inside, 1);
	ck_assert_uint_eq(after->visitors, 1);
	ck_assert_uint_eq(after->principal->conns, 1);
	ck_assert(!account_adopt(after, before, &why));
	ck_assert_int_eq(why, REFUSED_CLIENT_FULL);
	ck_assert_uint_eq(before->inside, 1);
	ck_assert_uint_eq(before->visitors, 1);
	ck_assert_uint_eq(before->principal->conns, 1);
	ck_assert_uint_eq(scene.principals.visitors, 2);
	ck_assert_uint_eq(account_total(after).visitors, 2);
	account_leave(before, NULL);
	account_leave(after, NULL);
	ck_assert_uint_eq(scene.principals.visitors, 0);
	account_unref(before);
	account_close_tunnel(after);
	account_scene_close(&scene);
}
END_TEST

SUITE("account", a_visitor_moves_to_the_next_owner, no_client_lifts_the_limits_of_another_one,
      another_owner_of_the_tunnel_brings_its_own_limits,
      the_limits_on_use_are_the_grants_or_the_servers, a_limit_says_what_sets_it,
      an_owner_may_succeed_itself_at_its_limit, an_owner_may_be_succeeded,
      a_client_that_is_lost_or_barred_is_known_to_all_accounts_of_its_tunnel,
      a_refused_successor_changes_nothing, tunnels_are_bounded_over_all,
      a_port_is_found_by_its_principal_alone, the_owner_is_an_instance_and_its_session,
      without_authentication_there_is_no_name, tunnels_are_bounded_over_a_session,
      no_tunnel_at_all_may_be_granted, visitors_are_bounded_over_a_session,
      visitors_are_bounded_over_all, renewing_changes_rights_but_not_the_owner,
      counts_of_many_threads_come_out_even, a_refused_visitor_is_not_counted,
      a_visitor_moves_to_the_next_owner)
