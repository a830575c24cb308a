#include "chain/recheck.h"

#include "host/last_good.h"
#include "scene/host_scene.h"
#include "suite.h"

/* One recheck, on the worker. */
struct scene {
	struct host_scene host;
	struct plugin_set *set;
	struct instance *instance;
	spore_auth_request rq;
	bool allowed;
	char identity[32];
	int64_t age_ms;
};

static void open_scene(struct scene *scene)
{
	*scene = (struct scene){ .rq = { .struct_size = sizeof scene->rq,
		                         .purpose = SPORE_AUTH_CONTROL } };
	host_scene_open(&scene->host);
	scene->set = host_scene_server(
		&scene->host, "{\"auth\":[{\"use\":\"recall\",\"on_error\":\"last_good\"}]}");
	scene->instance = scene->set->chains[CHAIN_AUTH]->items[0];
}

static void close_scene(struct scene *scene)
{
	plugin_set_unref(scene->set);
	host_scene_close(&scene->host);
}

static void let_in(struct scene *scene, const char *identity, const char *answer, uint64_t session)
{
	const spore_auth_result result = { .struct_size = sizeof result,
		                           .identity = spore_cstr(identity),
		                           .session = session,
		                           .verifier = spore_cstr(answer) };
	struct grant *grant = grant_new(&result);
	struct last_good *store = scene->instance->last_good;
	struct revision_stamp asked = revisions_stamp(&scene->instance->revisions);

	last_good_release(store, last_good_put(store, grant, &asked, clock_ms()), clock_ms());
	grant_free(grant);
}

static void run_allows(void *arg)
{
	struct scene *scene = arg;
	struct recheck recheck = { scene->instance, scene->host.loops[0], &scene->rq };
	struct grant *grant;

	scene->allowed = recheck_allows(&recheck, 1, &grant, &scene->age_ms);
	ck_assert(scene->allowed == (grant != NULL));
	snprintf(scene->identity, sizeof scene->identity, "%s", grant ? grant->identity : "");
	grant_free(grant);
}

static void run_forget(void *arg)
{
	struct scene *scene = arg;

	recheck_forget(&(struct recheck){ scene->instance, scene->host.loops[0], &scene->rq });
}

/* The identity that this answer has; "": it is not accepted. */
static const char *who_is(struct scene *scene, const char *answer)
{
	scene->rq.answer = spore_cstr(answer);
	host_scene_call(&scene->host, run_allows, scene);
	return scene->identity;
}

static void forget(struct scene *scene, const char *answer)
{
	scene->rq.answer = spore_cstr(answer);
	host_scene_call(&scene->host, run_forget, scene);
}

START_TEST(the_accepted_verifier_says_who_it_is)
{
	struct scene scene;

	open_scene(&scene);
	ck_assert_str_eq(who_is(&scene, "a"), "");
	let_in(&scene, "alice", "a", 1);
	let_in(&scene, "bob", "b", 2);
	ck_assert_str_eq(who_is(&scene, "a"), "alice");
	ck_assert_int_ge(scene.age_ms, 0);
	ck_assert_str_eq(who_is(&scene, "b"), "bob");
	ck_assert_str_eq(who_is(&scene, "c"), "");
	close_scene(&scene);
}
END_TEST

START_TEST(data_connections_have_their_session)
{
	struct scene scene;

	open_scene(&scene);
	let_in(&scene, "alice", "a", 1);
	scene.rq.purpose = SPORE_AUTH_DATA;
	scene.rq.session = 2;
	ck_assert_str_eq(who_is(&scene, "a"), "");
	scene.rq.session = 1;
	ck_assert_str_eq(who_is(&scene, "a"), "alice");
	close_scene(&scene);
}
END_TEST

/* Only what accepts the denied answer. */
START_TEST(a_denial_forgets)
{
	struct scene scene;

	open_scene(&scene);
	forget(&scene, "a");
	let_in(&scene, "alice", "a", 1);
	let_in(&scene, "bob", "b", 2);
	forget(&scene, "c");
	forget(&scene, "a");
	ck_assert_str_eq(who_is(&scene, "a"), "");
	ck_assert_str_eq(who_is(&scene, "b"), "bob");
	close_scene(&scene);
}
END_TEST

/* A denial after a reload is about the client that the same instance let in. */
START_TEST(a_denied_renewal_forgets_the_identity)
{
	struct scene scene;

	open_scene(&scene);
	let_in(&scene, "alice", "a", 1);
	scene.rq.purpose = SPORE_AUTH_RENEW;
	scene.rq.identity = spore_cstr("alice");
	forget(&scene, "");
	ck_assert(!last_good_is_empty(scene.instance->last_good));
	scene.rq.same_instance = 1;
	forget(&scene, "");
	ck_assert(last_good_is_empty(scene.instance->last_good));
	close_scene(&scene);
}
END_TEST

START_TEST(a_component_may_lack_it)
{
	static const spore_auth_ops ops = { .struct_size = offsetof(spore_auth_ops, recheck) };
	spore_component component = { .kind = SPORE_KIND_AUTH, .ops = &ops };
	struct scene scene;

	open_scene(&scene);
	ck_assert(recheck_is_possible(scene.instance->component));
	ck_assert(!recheck_is_possible(&component));
	component.ops = scene.instance->component->ops;
	component.kind = SPORE_KIND_ACL;
	ck_assert(!recheck_is_possible(&component));
	close_scene(&scene);
}
END_TEST

SUITE("recheck", the_accepted_verifier_says_who_it_is, data_connections_have_their_session,
      a_denial_forgets, a_denied_renewal_forgets_the_identity, a_component_may_lack_it)
