#include "verdict/auth_request.h"

#include "scene/host_scene.h"
#include "suite.h"
#include "verdict/allowance.h"

static struct host_scene scene;
static struct plugin_set *set;

static void open_set(void)
{
	host_scene_open(&scene);
	set = host_scene_set(&scene, ROLE_SERVER,
	                     "{\"auth\":[{\"use\":\"told\",\"name\":\"one\"},"
	                     "{\"use\":\"told\",\"name\":\"two\"}]}",
	                     NULL);
	ck_assert_msg(set != NULL, "%s", scene.printed);
}

static void close_set(void)
{
	plugin_set_unref(set);
	host_scene_close(&scene);
}

static struct instance *instance_at(size_t i)
{
	return set->chains[CHAIN_AUTH]->items[i];
}

START_TEST(a_question_becomes_a_request)
{
	spore_conn conn = { .peer = { .port = 5 }, .secure = true };
	const struct auth_question question = { .purpose = SPORE_AUTH_DATA,
		                                .challenge = { 1, 2 },
		                                .answer = "yes",
		                                .session = 7,
		                                .deadline_ms = 9 };
	struct about_view view;
	struct auth_origin origin;
	spore_auth_request rq;

	open_set();
	origin = auth_request_origin(&question, instance_at(0));
	rq = auth_request_verify(&question, &origin, &conn, &view);
	ck_assert_uint_eq(rq.struct_size, sizeof rq);
	ck_assert_uint_eq(rq.purpose, SPORE_AUTH_DATA);
	ck_assert_uint_eq(rq.challenge[1], 2);
	ck_assert(rq.answer.len == 3 && memcmp(rq.answer.ptr, "yes", 3) == 0);
	ck_assert(rq.session == 7 && rq.deadline_ms == 9 && rq.secure == 1);
	ck_assert(rq.peer->port == 5 && rq.conn == &conn && rq.channel_binding.len == 0);
	ck_assert(!rq.same_instance && rq.identity.len == 0 && rq.allowed_by.len == 0);
	ck_assert(rq.client && rq.client->known == 0 && rq.age_ms == 0);
	close_set();
}
END_TEST

/* Only the instance of this name, code and component has chosen the client's identity. */
START_TEST(a_renewal_names_its_origin)
{
	struct grant *grant = grant_new(&(spore_auth_result){
		.struct_size = sizeof(spore_auth_result), .identity = spore_cstr("alice") });
	struct allowance allowance = { .grant = grant };
	const struct auth_question question = { .purpose = SPORE_AUTH_RENEW,
		                                .renews = &allowance,
		                                .age_ms = 1500 };
	struct about_view view;
	struct auth_origin origin;
	spore_auth_request rq;
	spore_conn conn = { .secure = false };

	open_set();
	allowance.by = instance_at(0);
	origin = auth_request_origin(&question, instance_at(1));
	ck_assert(!origin.is_same);
	origin = auth_request_origin(&question, instance_at(0));
	ck_assert(origin.is_same);
	rq = auth_request_verify(&question, &origin, &conn, &view);
	ck_assert_uint_eq(rq.same_instance, 1);
	ck_assert_int_eq(rq.age_ms, 1500);
	ck_assert(rq.identity.len == 5 && memcmp(rq.identity.ptr, "alice", 5) == 0);
	ck_assert(rq.allowed_by.len == 3 && memcmp(rq.allowed_by.ptr, "one", 3) == 0);
	close_set();
	grant_free(grant);
}
END_TEST

START_TEST(a_client_is_asked_for_its_answer)
{
	spore_conn conn = { .peer = { .port = 5 } };
	const struct auth_question question = { .purpose = SPORE_AUTH_CONTROL,
		                                .challenge = { 3 },
		                                .server_name = "example",
		                                .deadline_ms = 4 };
	spore_answer_request rq = auth_request_answer(&question, &conn);

	ck_assert_uint_eq(rq.struct_size, sizeof rq);
	ck_assert_uint_eq(rq.challenge[0], 3);
	ck_assert_str_eq(rq.server_name, "example");
	ck_assert(rq.server->port == 5 && rq.deadline_ms == 4 && rq.secure == 0);
	ck_assert_uint_eq(auth_request_binding(&conn).len, 0);
}
END_TEST

SUITE("auth_request", a_question_becomes_a_request, a_renewal_names_its_origin,
      a_client_is_asked_for_its_answer)
