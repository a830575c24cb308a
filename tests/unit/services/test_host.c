#include "services/host.h"

#include <spore/metrics.h>

#include "host/readiness.h"
#include "scene/thing_scene.h"
#include "suite.h"

START_TEST(extensions_are_found_by_id)
{
	const spore_ext_ready *ready = host_get_extension(SPORE_EXT_READY);
	const spore_ext_metrics *metrics = host_get_extension(SPORE_EXT_METRICS);

	ck_assert(SPORE_CAN(metrics, visit) && SPORE_CAN(ready, is_ready));
	ck_assert_ptr_null(host_get_extension("spore.none/1"));
	ck_assert_uint_eq(ready->is_ready(), 0);
	readiness_set(true);
	ck_assert_uint_eq(ready->is_ready(), 1);
	readiness_set(false);
	ck_assert_uint_eq(ready->is_ready(), 0);
}
END_TEST

START_TEST(nothing_else_crashes_either)
{
	const spore_kv half = { { NULL, 3 }, { NULL, 3 } };
	const spore_host *host = host_table();
	struct component_scene scene;
	spore_conn conn = { .secure = false };
	uint8_t digest[32];
	spore_str value;
	spore_cfg *tree;

	component_scene_open(&scene, &thing_scene);
	ck_assert_uint_eq(host->worker_index(NULL), UINT32_MAX);
	ck_assert_int_eq(host->random(NULL, 4), SPORE_EINVAL);
	ck_assert_int_eq(host->random(&value, SIZE_MAX), SPORE_EINVAL);
	ck_assert_int_eq(host->random(NULL, 0), SPORE_OK);
	ck_assert_ptr_null(host->get_extension(NULL));
	ck_assert_int_eq(host->sha256(NULL, 1, digest), SPORE_EINVAL);
	ck_assert_int_eq(host->sha256("x", 1, NULL), SPORE_EINVAL);
	ck_assert_int_eq(host->sha256(NULL, 0, digest), SPORE_OK);
	ck_assert_int_eq(host->hmac_sha256(NULL, 1, "x", 1, digest), SPORE_EINVAL);
	ck_assert_int_eq(host->hmac_sha256("k", 1, NULL, 1, digest), SPORE_EINVAL);
	ck_assert_int_eq(host->hmac_sha256("k", 1, "x", 1, NULL), SPORE_EINVAL);
	ck_assert(!host->equal(NULL, "x", 1) && host->equal(NULL, NULL, 0));
	ck_assert_int_eq(host->cfg_parse(NULL, spore_cstr("1"), &tree, NULL, 0), SPORE_EINVAL);
	ck_assert_int_eq(
		host->cfg_parse(thing_scene_ctx_of(&scene), (spore_str){ NULL, 3 }, &tree, NULL, 0),
		SPORE_EINVAL);
	ck_assert_int_eq(
		host->cfg_parse(thing_scene_ctx_of(&scene), spore_cstr("1"), NULL, NULL, 0),
		SPORE_EINVAL);
	ck_assert_int_eq(host->state_put(NULL, "x", spore_cstr("y")), SPORE_EINVAL);
	ck_assert_int_eq(host->state_put(thing_scene_ctx_of(&scene), NULL, spore_cstr("y")),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->state_put(thing_scene_ctx_of(&scene), "x", (spore_str){ NULL, 1 }),
	                 SPORE_EINVAL);
	ck_assert_uint_eq(host->state_get(NULL, "x", &value), 0);
	ck_assert_uint_eq(host->state_get(thing_scene_ctx_of(&scene), NULL, &value), 0);
	ck_assert_uint_eq(host->state_get(thing_scene_ctx_of(&scene), "x", NULL), 0);
	ck_assert(!host->log_enabled(NULL, INT32_MIN) && host->log_enabled(NULL, INT32_MAX));
	host->log(NULL, SPORE_LOG_WARN, spore_cstr("x"), NULL, 0);
	host->log(thing_scene_ctx_of(&scene), INT32_MAX, (spore_str){ NULL, 5 }, &half, 1);
	host->log(thing_scene_ctx_of(&scene), SPORE_LOG_WARN, spore_cstr("x"), NULL, 5);
	ck_assert_uint_eq(host->conn_attr(NULL, "x", 0, &value), 0);
	ck_assert_uint_eq(host->conn_attr(&conn, NULL, 0, &value), 0);
	ck_assert_uint_eq(host->conn_attr(&conn, "x", 0, NULL), 0);
	ck_assert_uint_eq(host->conn_attr(&conn, "x", SIZE_MAX, &value), 0);
	component_scene_close(&scene);
}
END_TEST

/* A slot that is NULL would crash the plugin that calls it. */
START_TEST(the_table_is_full)
{
	const spore_host *host = host_table();
	void (*const *slots)(void) = (void (*const *)(void))(
		const void *)((const char *)host + offsetof(spore_host, get_extension));
	size_t n = (sizeof *host - offsetof(spore_host, get_extension)) / sizeof *slots;

	ck_assert_uint_eq(host->struct_size, sizeof *host);
	ck_assert_uint_eq(host->abi_major, SPORE_ABI_MAJOR);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(slots[i] != NULL, "slot %zu", i);
}
END_TEST

SUITE("host", extensions_are_found_by_id, nothing_else_crashes_either, the_table_is_full)
