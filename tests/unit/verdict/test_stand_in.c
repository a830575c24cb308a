#include "verdict/stand_in.h"

#include "net/addr.h"
#include "net/stream.h"
#include "scene/host_scene.h"
#include "suite.h"
#include "verdict/auth_request.h"

/* Two ends of one connection, on the worker. */
struct ends {
	struct host_scene *scene;
	struct stand_in_facts facts;
	struct stand_in server, client;
	spore_str bindings[2];
};

static void open_ends(void *arg)
{
	struct ends *ends = arg;

	ck_assert(stand_in_open(&ends->server, ends->scene->loops[0], &ends->facts));
	ck_assert(stand_in_open(&ends->client, ends->scene->loops[0], &ends->facts));
	ends->bindings[0] = auth_request_binding(stream_conn(ends->server.stream));
	ends->bindings[1] = auth_request_binding(stream_conn(ends->client.stream));
}

static void close_ends(void *arg)
{
	struct ends *ends = arg;

	stand_in_close(&ends->server);
	stand_in_close(&ends->server); /* harmless */
	stand_in_close(&ends->client);
}

START_TEST(a_secure_one_has_a_binding_at_both_ends)
{
	struct host_scene scene;
	struct ends ends = { .scene = &scene, .facts.secure = true };
	uint8_t first[CRYPTO_SHA256_SIZE];

	host_scene_open(&scene);
	ck_assert(addr_parse("192.0.2.1:7", &ends.facts.peer));
	for (int i = 0; i < 2; i++) {
		ck_assert(uuid_random(&ends.facts.challenge));
		host_scene_call(&scene, open_ends, &ends);
		ck_assert(stream_conn(ends.server.stream)->secure);
		ck_assert(addr_equal(&stream_conn(ends.server.stream)->peer, &ends.facts.peer));
		ck_assert_uint_eq(ends.bindings[0].len, sizeof first);
		ck_assert_uint_eq(ends.bindings[1].len, sizeof first);
		ck_assert_mem_eq(ends.bindings[0].ptr, ends.bindings[1].ptr, sizeof first);
		if (i == 1)
			ck_assert_mem_ne(ends.bindings[0].ptr, first, sizeof first);
		memcpy(first, ends.bindings[0].ptr, sizeof first);
		host_scene_call(&scene, close_ends, &ends);
	}
	host_scene_close(&scene);
}
END_TEST

START_TEST(another_one_has_none)
{
	struct host_scene scene;
	struct ends ends = { .scene = &scene };

	host_scene_open(&scene);
	host_scene_call(&scene, open_ends, &ends);
	ck_assert(!stream_conn(ends.server.stream)->secure);
	ck_assert_uint_eq(ends.bindings[0].len, 0);
	host_scene_call(&scene, close_ends, &ends);
	host_scene_close(&scene);
}
END_TEST

START_TEST(a_challenge_offers_what_the_server_would_offer)
{
	struct host_scene scene;
	struct uuid challenge;
	struct plugin_set *set;

	host_scene_open(&scene);
	set = host_scene_server(&scene, "{\"auth\":[{\"use\":\"told\",\"accepts\":12}]}");
	ck_assert(stand_in_challenge(set, false, &challenge));
	ck_assert_uint_eq(spore_challenge_offers(challenge.bytes),
	                  SPORE_OFFER_ABOUT | SPORE_OFFER_SIGNATURES);
	ck_assert(stand_in_challenge(set, true, &challenge));
	ck_assert_uint_eq(spore_challenge_offers(challenge.bytes),
	                  SPORE_OFFER_ABOUT | SPORE_OFFER_SIGNATURES | SPORE_OFFER_PASSWORDS);
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

SUITE("stand_in", a_secure_one_has_a_binding_at_both_ends, another_one_has_none,
      a_challenge_offers_what_the_server_would_offer)
