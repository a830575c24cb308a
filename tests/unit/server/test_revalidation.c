#include "server/revalidation.h"

#include "scene/server_scene.h"
#include "session/tunnel.h"
#include "session/tunnel_session.h"
#include "suite.h"

static int open_tunnel(const char *name)
{
	int fd = scene_log_in(name);

	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	return fd;
}

static void post_text(spore_str identity, const uint64_t *session, const struct grant *grant)
{
	const struct instance *by = scene.set->chains[CHAIN_AUTH]->items[0];

	revalidation_post(&scene.workers[0], &(struct revision){ by, identity, session, grant });
}

static void post(const char *identity, const struct grant *grant)
{
	post_text(spore_cstr(identity), NULL, grant);
}

START_TEST(a_denial_ends_the_tunnels_of_the_identity)
{
	int alice, bob;

	scene_open(SCENE_NAMES);
	alice = open_tunnel("alice");
	bob = open_tunnel("bob");
	post("alice", NULL);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 2); /* soon */
	scene_run();
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 1);
	scene_expect_error(alice, REFUSED_REVOKED);
	scene_expect_nothing(bob);
	close(bob);
	scene_close();
}
END_TEST

START_TEST(a_renewal_copies_the_grant)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = SPORE_AUTH_F_MAX_CONNS,
		                     .max_conns = 4 };
	struct grant *grant = grant_new(&result);
	const struct account *account;
	int fd;

	scene_open(SCENE_NAMES);
	fd = open_tunnel("alice");
	account = tunnel_account(tunnel_session_tunnel(scene_last(LIST_TUNNELS)));
	ck_assert_uint_eq(account->grant->fields & SPORE_AUTH_F_MAX_CONNS, 0);
	post("alice", grant);
	grant_free(grant);
	scene_run();
	ck_assert_uint_eq(account->grant->fields & SPORE_AUTH_F_MAX_CONNS, SPORE_AUTH_F_MAX_CONNS);
	ck_assert_uint_eq(account->grant->max_conns, 4);
	ck_assert_str_eq(account_identity(account), "alice");
	close(fd);
	scene_close();
}
END_TEST

START_TEST(an_identity_is_a_text_with_a_length)
{
	int fd;

	scene_open(SCENE_NAMES);
	fd = open_tunnel("alice");
	post("", NULL);
	post_text((spore_str){ "alice", 4 }, NULL, NULL);
	scene_run();
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 1);
	post_text((spore_str){ "alicex", 5 }, NULL, NULL);
	scene_run();
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 0);
	close(fd);
	scene_close();
}
END_TEST

/* An identity may have several sessions, such as one for each of its keys. */
START_TEST(one_session_of_an_identity_may_be_meant)
{
	uint64_t session;
	int fd;

	scene_open(SCENE_NAMES);
	fd = open_tunnel("alice");
	session = tunnel_account(tunnel_session_tunnel(scene_last(LIST_TUNNELS)))
	                  ->principal->session +
	          1;
	post_text(spore_cstr("alice"), &session, NULL);
	scene_run();
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 1);
	session--;
	post_text(spore_cstr("alice"), &session, NULL);
	session = 0; /* the copy counts */
	scene_run();
	scene_expect_error(fd, REFUSED_REVOKED);
	scene_close();
}
END_TEST

SUITE("revalidation", one_session_of_an_identity_may_be_meant,
      a_denial_ends_the_tunnels_of_the_identity, a_renewal_copies_the_grant,
      an_identity_is_a_text_with_a_length)
