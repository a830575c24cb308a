#include "route/hosts.h"

#include <string.h>

#include "capture.h"
#include "host/instance.h"
#include "quota/limits.h"
#include "scene/account_scene.h"
#include "suite.h"
#include "wire/about.h"

static struct instance an_instance = { .refs = 1, .name = (char[]){ "people" } };

struct scene {
	struct account_scene accounts;
	struct names *names;
	struct about about;
	struct names_claim *claim;
	struct limit_hit hit;
};

static uint64_t key; /* not looked at */

static void open_scene(struct scene *scene, const char *first, const char *second)
{
	*scene = (struct scene){ .claim = NULL };
	account_scene_open(&scene->accounts);
	scene->names = names_new();
	ck_assert_ptr_nonnull(scene->names);
	ck_assert_int_eq(about_add(&scene->about, first), ABOUT_TAKEN);
	ck_assert_int_eq(about_add(&scene->about, second), ABOUT_TAKEN);
}

static void close_scene(struct scene *scene)
{
	about_fini(&scene->about);
	names_free(scene->names);
	account_scene_close(&scene->accounts);
}

/* An account whose policy allows this name; NULL: it does not speak of names. */
static struct account *open_account(struct scene *scene, uint64_t session, const char *host)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = host ? SPORE_AUTH_F_HOSTS : 0,
		                     .session = session,
		                     .identity = spore_cstr(session == 1 ? "alice" : "bob"),
		                     .hosts = &host,
		                     .n_hosts = host ? 1 : 0 };
	struct account *account = account_open(&scene->accounts.principals, scene->accounts.source,
	                                       &scene->accounts.limits, &an_instance,
	                                       grant_new(&result), &scene->hit);

	ck_assert_ptr_nonnull(account);
	return account;
}

static bool claim(struct scene *scene, struct account *account)
{
	return hosts_claim(scene->names, account, &scene->about, &an_instance, &scene->claim,
	                   &scene->hit);
}

START_TEST(allowed_names_are_claimed_in_lower_case)
{
	struct scene scene;
	struct account *alice, *found;

	open_scene(&scene, "host=A.Example", "host=*.b.example");
	alice = open_account(&scene, 1, "*");
	ck_assert(claim(&scene, alice) && scene.claim);
	found = names_find(scene.names, "a.example", &key);
	ck_assert_ptr_eq(found, alice);
	account_unref(found);
	ck_assert(hosts_are_allowed(alice, &scene.about));
	names_release(scene.claim);
	account_close_tunnel(alice);
	close_scene(&scene);
}
END_TEST

START_TEST(a_name_outside_of_the_policy_is_refused)
{
	struct scene scene;
	struct account *alice;

	open_scene(&scene, "host=x.a.example", "host=b.example");
	alice = open_account(&scene, 1, "*.a.example");
	ck_assert(!claim(&scene, alice) && !scene.claim);
	ck_assert_int_eq(scene.hit.why, REFUSED_HOST_NOT_ALLOWED);
	ck_assert_str_eq(scene.hit.host, "b.example");
	ck_assert_str_eq(scene.hit.range, "*.a.example");
	ck_assert_str_eq(scene.hit.plugin, "people");
	ck_assert(!hosts_are_allowed(alice, &scene.about));
	ck_assert_ptr_null(names_find(scene.names, "x.a.example", &key));
	account_close_tunnel(alice);
	close_scene(&scene);
}
END_TEST

START_TEST(a_clash_tells_the_holder)
{
	struct scene scene;
	struct account *alice, *bob;
	struct names_claim *first;

	open_scene(&scene, "host=a.example", "name=web");
	alice = open_account(&scene, 1, "*");
	bob = open_account(&scene, 2, "*");
	ck_assert(claim(&scene, alice));
	first = scene.claim;
	ck_assert(!claim(&scene, bob) && !scene.claim);
	ck_assert_int_eq(scene.hit.why, REFUSED_HOST_TAKEN);
	ck_assert_str_eq(scene.hit.host, "a.example");
	ck_assert_str_eq(scene.hit.holder, "alice");
	names_release(first);
	account_close_tunnel(alice);
	account_close_tunnel(bob);
	close_scene(&scene);
}
END_TEST

START_TEST(a_policy_without_names_allows_none)
{
	struct scene scene;
	struct account *alice;

	open_scene(&scene, "host=a.example", "name=web");
	alice = open_account(&scene, 1, NULL);
	ck_assert(!claim(&scene, alice) && !scene.claim);
	ck_assert_int_eq(scene.hit.why, REFUSED_HOST_NOT_ALLOWED);
	ck_assert_str_eq(scene.hit.host, "a.example");
	ck_assert_str_eq(scene.hit.range, "none");
	ck_assert_str_eq(scene.hit.from, "hosts");
	ck_assert_ptr_null(names_find(scene.names, "a.example", &key));
	account_close_tunnel(alice);
	close_scene(&scene);
}
END_TEST

START_TEST(who_asks_for_no_name_needs_no_policy)
{
	struct scene scene;
	struct account *alice;

	open_scene(&scene, "tag=a=b", "name=web");
	alice = open_account(&scene, 1, NULL);
	ck_assert(claim(&scene, alice) && !scene.claim);
	account_close_tunnel(alice);
	close_scene(&scene);
}
END_TEST

START_TEST(without_an_identity_a_warning_says_that_nothing_is_claimed)
{
	struct scene scene;
	struct account *account;
	static struct capture capture;

	open_scene(&scene, "host=a.example", "name=web");
	account = account_open(&scene.accounts.principals, scene.accounts.source,
	                       &scene.accounts.limits, NULL, NULL, &scene.hit);
	ck_assert_ptr_nonnull(account);
	capture_begin(&capture);
	ck_assert(claim(&scene, account) && !scene.claim);
	capture_end(&capture);
	ck_assert_contains(capture_err(&capture), "the client asks for host names");
	ck_assert_contains(capture_err(&capture), "host=a.example");
	ck_assert_ptr_null(names_find(scene.names, "a.example", &key));
	account_close_tunnel(account);
	close_scene(&scene);
}
END_TEST

SUITE("hosts", allowed_names_are_claimed_in_lower_case, a_name_outside_of_the_policy_is_refused,
      a_clash_tells_the_holder, a_policy_without_names_allows_none,
      who_asks_for_no_name_needs_no_policy,
      without_an_identity_a_warning_says_that_nothing_is_claimed)
