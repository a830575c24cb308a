#include "route/names.h"

#include <pthread.h>

#include "host/instance.h"
#include "quota/limits.h"
#include "scene/account_scene.h"
#include "suite.h"

/* Only their reference counts are used. */
static struct instance an_instance = { .refs = 1, .name = (char[]){ "one" } };

struct scene {
	struct account_scene accounts;
	struct names *names;
	struct names_claim *claim; /* the last one */
	struct names_clash clash;
};

static void open_scene(struct scene *scene)
{
	*scene = (struct scene){ .claim = NULL };
	account_scene_open(&scene->accounts);
	scene->names = names_new();
	ck_assert_ptr_nonnull(scene->names);
}

static void close_scene(struct scene *scene)
{
	names_free(scene->names);
	account_scene_close(&scene->accounts);
}

static struct account *open_account(struct scene *scene, struct instance *by, uint64_t session,
                                    const char *identity)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .session = session,
		                     .identity = spore_cstr(identity) };
	struct grant *grant = by ? grant_new(&result) : NULL;
	struct limit_hit hit;
	struct account *account = account_open(&scene->accounts.principals, scene->accounts.source,
	                                       &scene->accounts.limits, by, grant, &hit);

	ck_assert_ptr_nonnull(account);
	account->id = session + 100;
	return account;
}

static enum names_result claim(struct scene *scene, struct account *account, const char *a,
                               const char *b)
{
	const char *texts[] = { a, b };

	return names_claim(scene->names, account, texts, b ? 2 : 1, &scene->claim, &scene->clash);
}

static void expect_holder(struct scene *scene, const char *name, const struct account *holder)
{
	uint64_t key;
	struct account *found = names_find(scene->names, name, &key);

	ck_assert_msg(found == holder, "%s", name);
	if (found)
		account_unref(found);
}

START_TEST(a_name_has_a_holder_until_it_is_released)
{
	struct scene scene;
	struct account *alice;

	open_scene(&scene);
	alice = open_account(&scene, &an_instance, 1, "alice");
	expect_holder(&scene, "a.example", NULL);
	ck_assert_int_eq(claim(&scene, alice, "a.example", "b.example"), NAMES_CLAIMED);
	expect_holder(&scene, "a.example", alice);
	expect_holder(&scene, "b.example", alice);
	expect_holder(&scene, "x.a.example", NULL);
	expect_holder(&scene, "example", NULL);
	names_release(scene.claim);
	names_release(NULL);
	expect_holder(&scene, "a.example", NULL);
	account_close_tunnel(alice);
	close_scene(&scene);
}
END_TEST

START_TEST(the_exact_name_counts_before_the_longest_pattern)
{
	struct scene scene;
	struct account *alice, *bob, *carol;
	struct names_claim *claims[3];

	open_scene(&scene);
	alice = open_account(&scene, &an_instance, 1, "alice");
	bob = open_account(&scene, &an_instance, 2, "bob");
	carol = open_account(&scene, &an_instance, 3, "carol");
	ck_assert_int_eq(claim(&scene, alice, "*.example", NULL), NAMES_CLAIMED);
	claims[0] = scene.claim;
	ck_assert_int_eq(claim(&scene, bob, "*.b.example", NULL), NAMES_CLAIMED);
	claims[1] = scene.claim;
	ck_assert_int_eq(claim(&scene, carol, "c.b.example", NULL), NAMES_CLAIMED);
	claims[2] = scene.claim;
	expect_holder(&scene, "c.b.example", carol);
	expect_holder(&scene, "d.b.example", bob);
	expect_holder(&scene, "e.c.b.example", bob);
	expect_holder(&scene, "b.example", alice);
	expect_holder(&scene, "example", NULL);
	for (size_t i = 0; i < 3; i++)
		names_release(claims[i]);
	account_close_tunnel(alice);
	account_close_tunnel(bob);
	account_close_tunnel(carol);
	close_scene(&scene);
}
END_TEST

/* What has moved to another tunnel is not the first one's any more. */
START_TEST(what_a_tunnel_holds)
{
	struct names_claim *older, *newer;
	struct account *first, *second;
	struct names_number number;
	char list[NAMES_LIST_SIZE];
	struct scene scene;

	open_scene(&scene);
	first = open_account(&scene, &an_instance, 1, "alice");
	second = open_account(&scene, &an_instance, 1, "alice");
	ck_assert_uint_eq(names_claim_list(NULL, list), 0);
	ck_assert_str_eq(list, "");
	ck_assert_int_eq(claim(&scene, first, "a.example", "*.b.example"), NAMES_CLAIMED);
	older = scene.claim;
	ck_assert_uint_eq(names_claim_list(older, list), 2);
	ck_assert_mem_eq(list, "a.example\0*.b.example\0", 23);
	ck_assert_int_eq(claim(&scene, second, "a.example", NULL), NAMES_CLAIMED);
	newer = scene.claim;
	ck_assert_uint_eq(names_claim_list(older, list), 1);
	ck_assert_mem_eq(list, "*.b.example\0", 13);
	ck_assert_uint_eq(names_claim_list(newer, list), 1);
	number = names_count(scene.names);
	ck_assert_uint_eq(number.names, 2);
	ck_assert_uint_eq(number.tunnels, 2);
	names_release(older);
	number = names_count(scene.names);
	ck_assert_uint_eq(number.names, 1);
	ck_assert_uint_eq(number.tunnels, 1);
	names_release(newer);
	account_close_tunnel(first);
	account_close_tunnel(second);
	close_scene(&scene);
}
END_TEST

static void forget_share(struct share *share)
{
	(void)share;
}

/* Which of them gets a visitor is decided in the share. */
START_TEST(tunnels_of_one_share_have_a_name_together)
{
	static char a_share[1], another[1]; /* only compared */
	struct scene scene;
	struct account *alice[3];
	struct names_claim *claims[3];

	open_scene(&scene);
	for (size_t i = 0; i < 3; i++) {
		alice[i] = open_account(&scene, &an_instance, 1, "alice");
		account_set_share(alice[i], (struct share *)(i < 2 ? a_share : another), 0,
		                  forget_share);
		ck_assert_int_eq(claim(&scene, alice[i], "a.example", NULL), NAMES_CLAIMED);
		claims[i] = scene.claim;
		expect_holder(&scene, "a.example", alice[i]);
		if (i == 1) { /* the first one has it, too */
			names_release(claims[1]);
			expect_holder(&scene, "a.example", alice[0]);
			ck_assert_int_eq(claim(&scene, alice[1], "a.example", NULL), NAMES_CLAIMED);
			claims[1] = scene.claim;
		}
	}
	names_release(claims[2]); /* it had taken the name from both */
	expect_holder(&scene, "a.example", alice[1]);
	names_release(claims[0]);
	names_release(claims[1]);
	expect_holder(&scene, "a.example", NULL);
	for (size_t i = 0; i < 3; i++)
		account_close_tunnel(alice[i]);
	close_scene(&scene);
}
END_TEST

START_TEST(a_name_of_somebody_else_is_a_clash)
{
	struct scene scene;
	struct account *alice, *bob;
	struct names_claim *first;

	open_scene(&scene);
	alice = open_account(&scene, &an_instance, 1, "alice");
	bob = open_account(&scene, &an_instance, 2, "bob");
	ck_assert_int_eq(claim(&scene, alice, "a.example", NULL), NAMES_CLAIMED);
	first = scene.claim;
	ck_assert_int_eq(claim(&scene, bob, "b.example", "a.example"), NAMES_CLASH);
	ck_assert_ptr_null(scene.claim);
	ck_assert_str_eq(scene.clash.name, "a.example");
	ck_assert_str_eq(scene.clash.holder, "alice");
	ck_assert_uint_eq(scene.clash.tunnel, 101);
	expect_holder(&scene, "a.example", alice);
	expect_holder(&scene, "b.example", NULL); /* all or none */
	names_release(first);
	account_close_tunnel(alice);
	account_close_tunnel(bob);
	close_scene(&scene);
}
END_TEST

START_TEST(a_name_moves_to_the_newest_tunnel_of_its_owner)
{
	struct scene scene;
	struct account *old, *fresh;
	struct names_claim *first;

	open_scene(&scene);
	old = open_account(&scene, &an_instance, 1, "alice");
	fresh = open_account(&scene, &an_instance, 1, "alice");
	ck_assert_int_eq(claim(&scene, old, "a.example", "b.example"), NAMES_CLAIMED);
	first = scene.claim;
	ck_assert_int_eq(claim(&scene, fresh, "a.example", NULL), NAMES_CLAIMED);
	expect_holder(&scene, "a.example", fresh);
	expect_holder(&scene, "b.example", old);
	names_release(first);
	expect_holder(&scene, "a.example", fresh);
	expect_holder(&scene, "b.example", NULL);
	names_release(scene.claim);
	expect_holder(&scene, "a.example", NULL);
	account_close_tunnel(old);
	account_close_tunnel(fresh);
	close_scene(&scene);
}
END_TEST

/* Also if the table grows meanwhile. */
START_TEST(a_name_returns_when_the_tunnel_that_took_it_ends)
{
	static struct names_claim *fill[1000];
	struct scene scene;
	struct account *tunnels[3];
	struct names_claim *claims[3];
	char text[32];

	open_scene(&scene);
	for (size_t i = 0; i < 3; i++) {
		tunnels[i] = open_account(&scene, &an_instance, 1, "alice");
		tunnels[i]->id = 7 + i;
		ck_assert_int_eq(claim(&scene, tunnels[i], "a.example", NULL), NAMES_CLAIMED);
		claims[i] = scene.claim;
		ck_assert_uint_eq(names_claim_loser(claims[i], 0), i ? 6 + i : 0);
	}
	for (size_t i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "n%zu.example", i);
		ck_assert_int_eq(claim(&scene, tunnels[0], text, NULL), NAMES_CLAIMED);
		fill[i] = scene.claim;
	}
	expect_holder(&scene, "a.example", tunnels[2]);
	names_release(claims[1]); /* it waited */
	expect_holder(&scene, "a.example", tunnels[2]);
	names_release(claims[2]);
	expect_holder(&scene, "a.example", tunnels[0]);
	names_release(claims[0]);
	expect_holder(&scene, "a.example", NULL);
	for (size_t i = 0; i < 1000; i++)
		names_release(fill[i]);
	for (size_t i = 0; i < 3; i++)
		account_close_tunnel(tunnels[i]);
	close_scene(&scene);
}
END_TEST

START_TEST(without_authentication_no_name_moves)
{
	struct scene scene;
	struct account *a, *b;
	struct names_claim *first;

	open_scene(&scene);
	a = open_account(&scene, NULL, 0, "");
	b = open_account(&scene, NULL, 0, "");
	ck_assert_int_eq(claim(&scene, a, "a.example", "a.example"), NAMES_CLAIMED);
	first = scene.claim;
	ck_assert_int_eq(claim(&scene, b, "a.example", NULL), NAMES_CLASH);
	expect_holder(&scene, "a.example", a);
	names_release(first);
	expect_holder(&scene, "a.example", NULL);
	account_close_tunnel(a);
	account_close_tunnel(b);
	close_scene(&scene);
}
END_TEST

START_TEST(a_tunnel_may_get_another_account)
{
	struct scene scene;
	struct account *old, *fresh;

	open_scene(&scene);
	old = open_account(&scene, &an_instance, 1, "alice");
	fresh = open_account(&scene, &an_instance, 2, "alice");
	ck_assert_int_eq(claim(&scene, old, "a.example", NULL), NAMES_CLAIMED);
	names_claim_change(scene.claim, fresh);
	names_claim_change(NULL, fresh);
	expect_holder(&scene, "a.example", fresh);
	account_close_tunnel(old);
	names_release(scene.claim);
	account_close_tunnel(fresh);
	close_scene(&scene);
}
END_TEST

enum { MANY = 2000 };

START_TEST(many_names_are_found)
{
	static struct names_claim *claims[MANY];
	struct scene scene;
	struct account *alice;
	char text[32];

	open_scene(&scene);
	alice = open_account(&scene, &an_instance, 1, "alice");
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "n%d.example", i);
		ck_assert_int_eq(claim(&scene, alice, text, NULL), NAMES_CLAIMED);
		claims[i] = scene.claim;
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "n%d.example", i);
		expect_holder(&scene, text, alice);
		names_release(claims[i]);
		expect_holder(&scene, text, NULL);
	}
	account_close_tunnel(alice);
	close_scene(&scene);
}
END_TEST

static void *look_up(void *arg)
{
	struct scene *scene = arg;

	for (int i = 0; i < 20000; i++) {
		const char *name = i % 2 ? "a.example" : "x.b.example";
		uint64_t key;
		struct account *found = names_find(scene->names, name, &key);

		if (found)
			account_unref(found);
	}
	return NULL;
}

/* A test for the thread sanitizer. */
START_TEST(threads_look_up_while_names_come_and_go)
{
	struct scene scene;
	struct account *alice;
	pthread_t threads[2];

	open_scene(&scene);
	alice = open_account(&scene, &an_instance, 1, "alice");
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, look_up, &scene), 0);
	for (int i = 0; i < 2000; i++) {
		ck_assert_int_eq(claim(&scene, alice, "a.example", "*.b.example"), NAMES_CLAIMED);
		names_release(scene.claim);
	}
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	account_close_tunnel(alice);
	close_scene(&scene);
}
END_TEST

SUITE("names", what_a_tunnel_holds, tunnels_of_one_share_have_a_name_together,
      a_name_has_a_holder_until_it_is_released, the_exact_name_counts_before_the_longest_pattern,
      a_name_of_somebody_else_is_a_clash, a_name_moves_to_the_newest_tunnel_of_its_owner,
      a_name_returns_when_the_tunnel_that_took_it_ends, without_authentication_no_name_moves,
      a_tunnel_may_get_another_account, many_names_are_found,
      threads_look_up_while_names_come_and_go)
