#include "quota/strangers.h"

#include "net/addr.h"
#include "quota/limits.h"
#include "suite.h"

enum { SHARE = 100 };

struct scene {
	struct source_table *table;
	struct limits limits;
	atomic_uint total;
	struct stranger_list list;
};

static void set_up(struct scene *scene, unsigned most)
{
	*scene = (struct scene){
		.table = source_table_new(),
		.limits = { .settings.max_unauthenticated_per_ip = SHARE, .strangers = most },
	};
	ck_assert_ptr_nonnull(scene->table);
	stranger_list_init(&scene->list, &scene->total);
}

static void tear_down(struct scene *scene)
{
	ck_assert_uint_eq(scene->list.count, 0);
	ck_assert_uint_eq(scene->list.top, 0);
	ck_assert_uint_eq(atomic_load(&scene->total), 0);
	for (unsigned i = 0; i < STRANGER_BUCKETS; i++)
		ck_assert_ptr_null(scene->list.buckets[i]);
	source_table_free(scene->table);
}

static struct source *get(struct scene *scene, const char *ip)
{
	struct source *source;
	spore_addr addr;

	ck_assert(addr_parse_ip(ip, &addr));
	source = source_get(scene->table, &addr);
	ck_assert_ptr_nonnull(source);
	return source;
}

/* Adds a stranger, and returns the one to close for it. */
static struct stranger *add(struct scene *scene, struct stranger_list *list,
                            struct stranger *stranger, const char *ip)
{
	struct source *source = get(scene, ip);
	struct limit_hit hit;

	stranger_init(stranger);
	ck_assert(stranger_add(list, stranger, source, source_enter(source)));
	return stranger_to_close(list, stranger, &scene->limits, false, &hit);
}

START_TEST(the_oldest_of_the_largest_crowd_goes_first)
{
	static const char *const ips[] = { "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3",
		                           "192.0.2.2" };
	struct stranger all[5], more[3];
	struct scene scene;

	set_up(&scene, 4);
	for (int i = 0; i < 5; i++)
		ck_assert_ptr_eq(add(&scene, &scene.list, &all[i], ips[i]),
		                 i == 4 ? &all[1] : NULL);
	stranger_remove(&scene.list, &all[1]);
	stranger_remove(&scene.list, &all[1]);
	ck_assert_uint_eq(scene.list.count, 4);
	ck_assert_ptr_eq(add(&scene, &scene.list, &more[0], "192.0.2.4"), &all[2]);
	stranger_remove(&scene.list, &all[2]);
	/* All crowds are equal: the one that has had its size for longest. */
	ck_assert_ptr_eq(add(&scene, &scene.list, &more[1], "192.0.2.5"), &all[0]);
	stranger_remove(&scene.list, &all[0]);
	ck_assert_ptr_eq(add(&scene, &scene.list, &more[2], "192.0.2.3"), &all[3]);
	stranger_remove(&scene.list, &all[3]);
	stranger_remove(&scene.list, &all[4]);
	for (int i = 0; i < 3; i++)
		stranger_remove(&scene.list, &more[i]);
	tear_down(&scene);
}
END_TEST

START_TEST(a_source_over_its_share_loses_its_own)
{
	struct stranger many[SHARE + 5], other;
	struct scene scene;

	set_up(&scene, 1000);
	ck_assert_ptr_null(add(&scene, &scene.list, &other, "192.0.2.2"));
	for (int i = 0; i < SHARE + 5; i++) {
		struct stranger *gone = add(&scene, &scene.list, &many[i], "192.0.2.1");

		ck_assert_ptr_eq(gone, i < SHARE ? NULL : &many[i - SHARE]);
		if (gone)
			stranger_remove(&scene.list, gone);
	}
	ck_assert_uint_eq(scene.list.count, SHARE + 1);
	for (int i = 0; i < SHARE + 5; i++)
		stranger_remove(&scene.list, &many[i]);
	stranger_remove(&scene.list, &other);
	tear_down(&scene);
}
END_TEST

START_TEST(expected_connections_are_not_counted)
{
	struct stranger asked[3], stranger;
	struct source *source;
	struct scene scene;

	set_up(&scene, 1);
	source = get(&scene, "192.0.2.1");
	for (int i = 0; i < 3; i++) {
		source_announce(source);
		ck_assert_ptr_null(add(&scene, &scene.list, &asked[i], "192.0.2.1"));
	}
	ck_assert_uint_eq(scene.list.count, 0);
	ck_assert_ptr_null(add(&scene, &scene.list, &stranger, "192.0.2.1"));
	ck_assert_uint_eq(scene.list.count, 1);
	for (int i = 0; i < 3; i++) {
		stranger_remove(&scene.list, &asked[i]);
		source_unannounce(source);
	}
	stranger_remove(&scene.list, &stranger);
	source_unref(source);
	tear_down(&scene);
}
END_TEST

/* Workers share the limit, but each closes only its own strangers, and keeps its last one. */
START_TEST(workers_share_the_limit)
{
	struct stranger first, second, third;
	struct stranger_list other;
	struct scene scene;

	set_up(&scene, 1);
	stranger_list_init(&other, &scene.total);
	ck_assert_ptr_null(add(&scene, &scene.list, &first, "192.0.2.1"));
	ck_assert_ptr_null(add(&scene, &other, &second, "192.0.2.2"));
	ck_assert_ptr_eq(add(&scene, &other, &third, "192.0.2.3"), &second);
	stranger_remove(&other, &second);
	stranger_remove(&other, &third);
	stranger_remove(&scene.list, &first);
	tear_down(&scene);
}
END_TEST

START_TEST(scarce_descriptors_override_the_limits)
{
	struct stranger light, heavy[2];
	struct limit_hit hit;
	struct scene scene;

	set_up(&scene, 1000);
	ck_assert_ptr_null(add(&scene, &scene.list, &light, "192.0.2.1"));
	ck_assert_ptr_null(stranger_to_close(&scene.list, &light, &scene.limits, true, &hit));
	ck_assert_ptr_null(add(&scene, &scene.list, &heavy[0], "192.0.2.2"));
	ck_assert_ptr_null(add(&scene, &scene.list, &heavy[1], "192.0.2.2"));
	ck_assert_ptr_eq(stranger_to_close(&scene.list, &light, &scene.limits, true, &hit),
	                 &heavy[0]);
	ck_assert_str_eq(hit.from, "descriptors");
	stranger_remove(&scene.list, &light);
	stranger_remove(&scene.list, &heavy[0]);
	stranger_remove(&scene.list, &heavy[1]);
	tear_down(&scene);
}
END_TEST

/* A crowd with more members than there are levels is still the largest. */
START_TEST(crowds_of_any_size)
{
	enum { HUGE = STRANGER_LEVELS + 100 };
	static struct stranger many[HUGE];
	struct stranger light;
	struct scene scene;

	set_up(&scene, HUGE);
	scene.limits.settings.max_unauthenticated_per_ip = 10 * HUGE;
	for (int i = 0; i < HUGE; i++)
		ck_assert_ptr_null(add(&scene, &scene.list, &many[i], "192.0.2.1"));
	ck_assert_ptr_eq(add(&scene, &scene.list, &light, "192.0.2.2"), &many[0]);
	for (int i = 0; i < HUGE; i++)
		stranger_remove(&scene.list, &many[i]);
	stranger_remove(&scene.list, &light);
	tear_down(&scene);
}
END_TEST

/* Whatever one address may have. */
START_TEST(a_proxy_has_half_of_all)
{
	struct stranger many[4], other;
	struct limit_hit hit;
	struct scene scene;
	spore_addr addr;

	set_up(&scene, 6);
	scene.limits.settings.max_unauthenticated_per_ip = 1;
	ck_assert(addr_parse_ip("192.0.2.1", &addr));
	ck_assert_ptr_null(add(&scene, &scene.list, &other, "192.0.2.1"));
	for (int i = 0; i < 4; i++) {
		struct source *proxy = source_get_proxy(scene.table, &addr);
		struct stranger *gone;

		stranger_init(&many[i]);
		ck_assert(stranger_add(&scene.list, &many[i], proxy, source_enter(proxy)));
		gone = stranger_to_close(&scene.list, &many[i], &scene.limits, false, &hit);
		ck_assert_ptr_eq(gone, i == 3 ? &many[0] : NULL);
	}
	ck_assert_int_eq(hit.most, 3);
	ck_assert_str_eq(hit.from, "descriptors");
	for (int i = 0; i < 4; i++)
		stranger_remove(&scene.list, &many[i]);
	stranger_remove(&scene.list, &other);
	tear_down(&scene);
}
END_TEST

SUITE("strangers", the_oldest_of_the_largest_crowd_goes_first,
      a_source_over_its_share_loses_its_own, expected_connections_are_not_counted,
      workers_share_the_limit, scarce_descriptors_override_the_limits, crowds_of_any_size,
      a_proxy_has_half_of_all)
