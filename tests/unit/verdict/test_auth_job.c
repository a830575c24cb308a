#include "verdict/auth_job.h"

#include "suite.h"
#include "verdict/asker.h"

START_TEST(a_blocking_instance_answers_from_its_pool)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(&asker, &scene, ROLE_SERVER,
	           "{\"auth\":[{\"use\":\"blocking\",\"answer\":\"yes\",\"sleep\":\"5ms\"}]}");
	ck_assert_int_eq(asker_judge(&asker, "yes"), SPORE_ALLOW);
	ck_assert_uint_eq(atomic_load(&asker.n_verdicts), 1);
	ck_assert_int_eq(asker_judge(&asker, "no"), SPORE_DENY);
	asker_close(&asker);
}
END_TEST

START_TEST(only_a_blocking_instance_needs_a_job)
{
	struct host_scene scene;
	struct asker asker;

	asker_open(&asker, &scene, ROLE_SERVER,
	           "{\"auth\":[{\"use\":\"blocking\",\"answer\":\"yes\",\"sleep\":\"5ms\"},"
	           "{\"use\":\"policy\",\"names\":[\"alice\"]}]}");
	ck_assert(auth_job_is_needed(asker.set->chains[CHAIN_AUTH]->items[0]));
	ck_assert(!auth_job_is_needed(asker.set->chains[CHAIN_AUTH]->items[1]));
	asker_close(&asker);
}
END_TEST

SUITE("auth_job", a_blocking_instance_answers_from_its_pool, only_a_blocking_instance_needs_a_job)
