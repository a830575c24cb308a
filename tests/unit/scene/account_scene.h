/* account_scene - the objects that an account needs: limits, principals, and its client's
 * source. */
#ifndef UNIT_ACCOUNT_SCENE_H
#define UNIT_ACCOUNT_SCENE_H

#include <check.h>

#include "net/addr.h"
#include "quota/account.h"
#include "quota/limits.h"
#include "quota/source.h"

enum { ACCOUNT_SCENE_TUNNELS = 8, ACCOUNT_SCENE_VISITORS = 10000 };

struct account_scene {
	struct limits limits;
	struct principal_table principals;
	struct source_table *sources;
	struct source *source;
};

static inline struct limits account_scene_limits(void)
{
	return (struct limits){ .settings = { .max_unauthenticated_per_ip = 8,
		                              .secret_burst = 1,
		                              .max_tunnels = ACCOUNT_SCENE_TUNNELS,
		                              .max_relays = ACCOUNT_SCENE_VISITORS },
		                .places = ACCOUNT_SCENE_VISITORS + ACCOUNT_SCENE_TUNNELS };
}

static inline bool account_scene_enter(const struct account_scene *scene, struct account *account)
{
	enum refusal why = REFUSED_COUNT;
	bool entered = account_enter(account, NULL, &scene->limits, &why);

	ck_assert(entered || why < REFUSED_COUNT);
	return entered;
}

static inline void account_scene_open(struct account_scene *scene)
{
	spore_addr addr;

	*scene = (struct account_scene){ .limits = account_scene_limits() };
	ck_assert(addr_parse_ip("192.0.2.1", &addr));
	principal_table_init(&scene->principals, 1);
	scene->sources = source_table_new();
	ck_assert_ptr_nonnull(scene->sources);
	scene->source = source_get(scene->sources, &addr);
	ck_assert_ptr_nonnull(scene->source);
}

/* All accounts must be closed, which frees their principals. */
static inline void account_scene_close(struct account_scene *scene)
{
	ck_assert_ptr_null(scene->principals.first);
	ck_assert_uint_eq(scene->principals.visitors, 0);
	ck_assert_uint_eq(scene->principals.tunnels, 0);
	source_unref(scene->source);
	source_table_free(scene->sources);
	principal_table_fini(&scene->principals);
}

#endif
