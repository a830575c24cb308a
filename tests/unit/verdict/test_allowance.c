#include "verdict/allowance.h"

#include "../sdk/plugins/ledger.h"
#include "base/container.h"
#include "scene/host_scene.h"
#include "suite.h"

/* An ALLOW of the only auth instance of a scene. The ledger has no record of these, so it counts
 * each end as a wrong one as well. */
static struct host_scene scene;
static struct plugin_set *set;
static struct instance *by;
static const struct ledger_counts *counts;
static struct allowance *allowance;

static void make(void *unused)
{
	(void)unused;
	allowance = allowance_new(by, scene.loops[0], 7);
	ck_assert_ptr_nonnull(allowance);
}

static void begin(void)
{
	host_scene_open(&scene);
	set = host_scene_server(&scene, "{\"auth\":[{\"use\":\"ledger\"}]}");
	by = set->chains[CHAIN_AUTH]->items[0];
	counts = by->self;
	host_scene_call(&scene, make, NULL);
}

static void close_all(void)
{
	plugin_set_unref(set);
	host_scene_close(&scene);
}

static void give(void *unused)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .identity = spore_cstr("alice"),
		                     .session = 5 };

	(void)unused;
	ck_assert(allowance_give(allowance, grant_new(&result), ticks_own()));
}

static void end(void *unused)
{
	(void)unused;
	allowance_end(allowance, SPORE_END_EXPIRED, &(spore_session_end){ .port = 80 });
}

static void hold(void *unused)
{
	(void)unused;
	allowance_hold(allowance);
}

/* A call on the pool returns. */
static void settle(struct allowance *held, bool allowed)
{
	ck_assert(instance_enter(&by->workers[0]));
	allowance_settle(held, allowed, &by->workers[0]);
}

static void do_nothing(void *unused)
{
	(void)unused;
}

START_TEST(what_was_given_ends_once)
{
	begin();
	host_scene_call(&scene, give, NULL);
	ck_assert_ptr_eq(allowance_by(allowance), by);
	ck_assert_uint_eq(allowance_session(allowance), 5);
	ck_assert_str_eq(allowance->grant->identity, "alice");
	ck_assert_uint_eq(counts->ends, 0);
	host_scene_call(&scene, end, NULL);
	ck_assert_uint_eq(counts->ends, 1);
	ck_assert_uint_eq(counts->by[SPORE_END_EXPIRED], 1);
	close_all();
}
END_TEST

START_TEST(what_was_not_given_has_no_end)
{
	begin();
	host_scene_call(&scene, end, NULL);
	ck_assert_uint_eq(counts->ends, 0);
	allowance_end(NULL, SPORE_END_CLOSED, NULL);
	ck_assert_ptr_null(allowance_by(NULL));
	ck_assert_uint_eq(allowance_session(NULL), 0);
	close_all();
}
END_TEST

START_TEST(an_allow_without_a_result_has_session_0)
{
	begin();
	ck_assert(allowance_give(allowance, NULL, ticks_own()));
	ck_assert_uint_eq(allowance_session(allowance), 0);
	ck_assert_str_eq(allowance->grant->identity, "");
	host_scene_call(&scene, end, NULL);
	ck_assert_uint_eq(counts->ends, 1);
	close_all();
}
END_TEST

/* The instance cannot stop before its last ALLOW has ended. */
START_TEST(it_keeps_its_instance)
{
	unsigned refs;

	begin();
	refs = atomic_load(&by->refs);
	host_scene_call(&scene, end, NULL);
	ck_assert_uint_eq(atomic_load(&by->refs), refs - 1);
	close_all();
}
END_TEST

/* A call on the pool says ALLOW when nobody waits for it. */
START_TEST(a_late_return_ends_too)
{
	begin();
	host_scene_call(&scene, hold, NULL);
	host_scene_call(&scene, end, NULL);
	ck_assert_uint_eq(counts->ends, 0);
	settle(allowance, true);
	host_scene_call(&scene, do_nothing, NULL);
	ck_assert_uint_eq(counts->ends, 1);
	ck_assert_uint_eq(counts->by[SPORE_END_EXPIRED], 1); /* as the asker left */
	close_all();
}
END_TEST

START_TEST(another_return_leaves_nothing_behind)
{
	for (int allowed = 0; allowed < 2; allowed++) {
		begin();
		host_scene_call(&scene, hold, NULL);
		/* An ALLOW that the ticket has got is the owner's. */
		atomic_store(&allowance->completed, allowed == 1);
		settle(allowance, allowed == 1);
		host_scene_call(&scene, end, NULL);
		ck_assert_uint_eq(counts->ends, 0);
		settle(NULL, true);
		close_all();
	}
}
END_TEST

SUITE("allowance", what_was_given_ends_once, what_was_not_given_has_no_end,
      an_allow_without_a_result_has_session_0, it_keeps_its_instance, a_late_return_ends_too,
      another_return_leaves_nothing_behind)
