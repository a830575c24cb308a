#include "host/host.h"

#include <spore/metrics.h>
#include <sys/mman.h>

#include "host/readiness.h"
#include "host/ticket.h"
#include "net/addr.h"
#include "scene/component_scene.h"
#include "scene/option_scene.h"
#include "suite.h"
#include "thread/guest.h"

static spore_status create(const spore_create_args *args, void **instance_out)
{
	*instance_out = args->ctx;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	(void)instance;
}

static const spore_component component = {
	.struct_size = offsetof(spore_component, worker_start),
	.kind = SPORE_KIND_METRICS,
	.name = "thing",
	.create = create,
	.destroy = destroy,
};

static spore_ctx *ctx_of(const struct component_scene *scene)
{
	return scene->instance->self;
}

/* ---- log, time, randomness ---- */

START_TEST(a_plugin_logs_under_its_name_with_clean_keys)
{
	const spore_kv fields[] = { { spore_cstr("a-b c"), spore_cstr("x y") },
		                    { spore_cstr("n1"), spore_cstr("2") } };
	struct component_scene scene;
	int fd = memfd_create("log", MFD_CLOEXEC);
	char line[512] = "";

	component_scene_open(&scene, &component);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	host_table()->log(ctx_of(&scene), SPORE_LOG_WARN, spore_cstr("hello"), fields, 2);
	host_table()->log(ctx_of(&scene), SPORE_LOG_TRACE, spore_cstr("hidden"), NULL, 0);
	ck_assert_int_gt(pread(fd, line, sizeof line - 1, 0), 0);
	ck_assert_msg(strstr(line, "warn  hello plugin=it a_b_c=\"x y\" n1=2\n") != NULL, "%s",
	              line);
	ck_assert_ptr_null(strstr(line, "hidden"));
	ck_assert(host_table()->log_enabled(ctx_of(&scene), SPORE_LOG_ERROR));
	ck_assert(!host_table()->log_enabled(ctx_of(&scene), SPORE_LOG_TRACE));
	component_scene_close(&scene);
}
END_TEST

START_TEST(time_goes_on_and_random_bytes_differ)
{
	uint8_t one[16], other[16];
	int64_t now_ms = host_table()->now_ms();

	ck_assert_int_le(clock_ms() - now_ms, 1000);
	ck_assert_int_eq(host_table()->random(one, sizeof one), SPORE_OK);
	ck_assert_int_eq(host_table()->random(other, sizeof other), SPORE_OK);
	ck_assert_mem_ne(one, other, sizeof one);
}
END_TEST

/* ---- completions ---- */

/* Numbers that are not verdicts, and answers that do not fit a frame, are errors. */
START_TEST(completions_check_what_they_get)
{
	const spore_host *host = host_table();
	struct component_scene scene;
	char text[SPORE_AUTH_ANSWER_MAX + 1] = "";

	component_scene_open(&scene, &component);
	ck_assert_int_eq(host->complete_verify(1, 0, NULL), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_verify(1, 1, NULL), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_verify(1, SPORE_EPENDING, NULL), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_verify(1, SPORE_ALLOW, NULL), SPORE_ESTALE);
	ck_assert_int_eq(host->complete_verify(1, SPORE_EBACKEND, NULL), SPORE_ESTALE);
	ck_assert_int_eq(host->complete_answer(1, SPORE_ALLOW, spore_cstr("x")), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_answer(1, SPORE_OK, (spore_str){ NULL, 0 }), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_answer(1, SPORE_OK, (spore_str){ text, 1 }), SPORE_EINVAL);
	memset(text, 'x', sizeof text);
	ck_assert_int_eq(host->complete_answer(1, SPORE_OK, (spore_str){ text, sizeof text }),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->complete_answer(1, SPORE_OK, (spore_str){ text, sizeof text - 1 }),
	                 SPORE_ESTALE);
	ck_assert_int_eq(host->complete_handshake(1, SPORE_OK), SPORE_ESTALE);
	ck_assert_int_eq(host->complete_handshake(1, SPORE_EPENDING), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_handshake(1, 1), SPORE_EINVAL);
	component_scene_close(&scene);
}
END_TEST

static void note_result(void *arg, struct ticket_result *result)
{
	*(int32_t *)arg = result->status;
	grant_free(result->grant);
}

/* Completes a ticket of this kind wrongly on the worker. */
struct wrong {
	struct component_scene scene;
	enum ticket_kind kind;
	int32_t result;
};

static void complete_wrongly(void *arg)
{
	const spore_auth_result bad = { .struct_size = 0 };
	const spore_host *host = host_table();
	struct wrong *wrong = arg;
	spore_ticket ticket = ticket_open(wrong->scene.host.loops[0], wrong->kind, note_result,
	                                  &wrong->result);

	if (wrong->kind == TICKET_VERIFY) {
		ck_assert_int_eq(host->complete_handshake(ticket, SPORE_OK), SPORE_EINVAL);
		ck_assert(ticket_is_open(ticket)); /* it is of another kind */
		ck_assert_int_eq(host->complete_verify(ticket, SPORE_ALLOW, &bad), SPORE_EINVAL);
	} else if (wrong->kind == TICKET_ANSWER) {
		ck_assert_int_eq(host->complete_answer(ticket, SPORE_OK, (spore_str){ NULL, 3 }),
		                 SPORE_EINVAL);
	} else if (wrong->kind == TICKET_HANDSHAKE) {
		ck_assert_int_eq(host->complete_handshake(ticket, SPORE_EAGAIN), SPORE_EINVAL);
	} else {
		ck_assert_int_eq(host->complete_start(ticket, 1), SPORE_EINVAL);
	}
	ck_assert(!ticket_is_open(ticket));
	ck_assert_int_eq(host->complete_verify(ticket, SPORE_ALLOW, NULL),
	                 wrong->kind == TICKET_VERIFY ? SPORE_ESTALE : SPORE_EINVAL);
}

/* It ends at once and fails closed, instead of with the deadline. */
START_TEST(a_wrong_completion_ends_the_operation)
{
	for (int kind = TICKET_VERIFY; kind <= TICKET_START; kind++) {
		struct wrong wrong = { .kind = (enum ticket_kind)kind };

		component_scene_open(&wrong.scene, &component);
		host_scene_call(&wrong.scene.host, complete_wrongly, &wrong);
		component_scene_close(&wrong.scene);
		ck_assert_int_eq(wrong.result, SPORE_EINVAL);
	}
}
END_TEST

START_TEST(a_client_cannot_revalidate)
{
	const spore_host *host = host_table();
	struct component_scene scene;

	component_scene_open(&scene, &component);
	ck_assert_int_eq(host->auth_revalidate(ctx_of(&scene), spore_cstr("a"), SPORE_NEXT, NULL),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->auth_revalidate(NULL, spore_cstr("a"), SPORE_DENY, NULL),
	                 SPORE_EINVAL);
	ck_assert_int_eq(
		host->auth_revalidate(ctx_of(&scene), (spore_str){ NULL, 1 }, SPORE_DENY, NULL),
		SPORE_EINVAL);
	ck_assert_int_eq(host->auth_revalidate(ctx_of(&scene), spore_cstr("a"), SPORE_ALLOW,
	                                       &(spore_auth_result){ .fields = 0 }),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->auth_revalidate(ctx_of(&scene), spore_cstr("a"), SPORE_DENY, NULL),
	                 SPORE_EUNSUPPORTED);
	ck_assert_int_eq(
		host->auth_revalidate_session(ctx_of(&scene), spore_cstr("a"), 1, SPORE_NEXT, NULL),
		SPORE_EINVAL);
	ck_assert_int_eq(
		host->auth_revalidate_session(ctx_of(&scene), spore_cstr("a"), 1, SPORE_DENY, NULL),
		SPORE_EUNSUPPORTED);
	component_scene_close(&scene);
}
END_TEST

/* ---- connections and listeners ---- */

START_TEST(the_peer_can_be_set_until_the_handshake_is_over)
{
	spore_conn conn = { .secure = false };
	spore_addr one, other;

	ck_assert(addr_parse("10.0.0.1:1", &one) && addr_parse("10.0.0.2:2", &other));
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, &one), SPORE_OK);
	ck_assert_mem_eq(&conn.peer, &one, sizeof one);
	ck_assert_int_eq(host_table()->conn_set_peer(NULL, &other), SPORE_EINVAL);
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, NULL), SPORE_EINVAL);
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, &(spore_addr){ .family = 4 }),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, &(spore_addr){ .family = 1 }),
	                 SPORE_EINVAL);
	ck_assert(!conn.is_of_proxy);
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, &(spore_addr){ .family = 0 }),
	                 SPORE_OK);
	ck_assert(conn.is_of_proxy);
	conn.peer_is_final = true;
	ck_assert_int_eq(host_table()->conn_set_peer(&conn, &other), SPORE_ESTALE);
	ck_assert_mem_eq(&conn.peer, &one, sizeof one);
	host_table()->conn_wake(NULL);
	host_table()->conn_wake(&conn); /* nobody to wake: harmless */
}
END_TEST

START_TEST(a_listener_is_given_back_with_its_instance)
{
	struct component_scene scene;
	spore_addr address;
	int fd = -1;

	ck_assert(addr_parse("127.0.0.1:1", &address));
	component_scene_open(&scene, &component);
	scene.host.services.binds_nothing = true;
	host_fini();
	ck_assert(host_init(&scene.host.services));
	ck_assert_int_eq(host_table()->listener_get(ctx_of(&scene), &address, &fd), SPORE_EINVAL);
	guest_enter(scene.instance->name, "create");
	ck_assert_int_eq(host_table()->listener_get(NULL, &address, &fd), SPORE_EINVAL);
	ck_assert_int_eq(host_table()->listener_get(ctx_of(&scene), NULL, &fd), SPORE_EINVAL);
	ck_assert_int_eq(host_table()->listener_get(ctx_of(&scene), &address, NULL), SPORE_EINVAL);
	ck_assert_int_eq(
		host_table()->listener_get(ctx_of(&scene), &(spore_addr){ .family = 9 }, &fd),
		SPORE_EINVAL);
	ck_assert_uint_eq(scene.instance->listeners.bits, 0);
	ck_assert_int_eq(host_table()->listener_get(ctx_of(&scene), &address, &fd), SPORE_OK);
	guest_leave();
	ck_assert_uint_ne(scene.instance->listeners.bits, 0);
	component_scene_close(&scene);
	ck_assert_int_eq(close(fd), -1);
}
END_TEST

/* ---- the configuration as a tree ---- */

START_TEST(a_tree_is_read_by_type)
{
	const spore_host *host = host_table();
	struct option_scene scene;
	const spore_cfg *root, *list;
	const char *key;

	option_scene_open(&scene, "{\"s\":\"x\",\"n\":2.5,\"b\":true,\"l\":[1,null],\"o\":{}}");
	root = (const spore_cfg *)(const void *)scene.root;
	ck_assert_uint_eq(host->cfg_type(root), SPORE_CFG_OBJECT);
	ck_assert_uint_eq(host->cfg_count(root), 5);
	ck_assert_str_eq(host->cfg_string(host->cfg_get(root, "s")), "x");
	ck_assert_double_eq(host->cfg_number(host->cfg_get(root, "n")), 2.5);
	ck_assert_uint_eq(host->cfg_bool(host->cfg_get(root, "b")), 1);
	list = host->cfg_at(root, 3, &key);
	ck_assert_str_eq(key, "l");
	ck_assert_uint_eq(host->cfg_type(list), SPORE_CFG_ARRAY);
	ck_assert_uint_eq(host->cfg_type(host->cfg_at(list, 1, NULL)), SPORE_CFG_NULL);
	ck_assert_ptr_null(host->cfg_at(list, 2, NULL));
	option_scene_close(&scene);
}
END_TEST

START_TEST(another_type_or_nothing_is_empty)
{
	const spore_host *host = host_table();
	struct option_scene scene;
	const spore_cfg *text;

	option_scene_open(&scene, "\"x\"");
	text = (const spore_cfg *)(const void *)scene.root;
	ck_assert_double_eq(host->cfg_number(text), 0);
	ck_assert_uint_eq(host->cfg_bool(text), 0);
	ck_assert_ptr_null(host->cfg_get(text, "a"));
	ck_assert_uint_eq(host->cfg_type(NULL), SPORE_CFG_NULL);
	ck_assert_ptr_null(host->cfg_get(NULL, "a"));
	ck_assert_ptr_null(host->cfg_get(text, NULL));
	ck_assert_double_eq(host->cfg_number(NULL), 0);
	ck_assert_uint_eq(host->cfg_bool(NULL), 0);
	ck_assert_ptr_null(host->cfg_at(NULL, 0, NULL));
	ck_assert_uint_eq(host->cfg_count(NULL), 0);
	ck_assert_ptr_null(host->cfg_string(NULL));
	option_scene_close(&scene);
}
END_TEST

START_TEST(a_reply_is_parsed_and_freed)
{
	const spore_host *host = host_table();
	struct component_scene scene;
	struct option_scene conf;
	spore_cfg *tree;
	char error[64] = "";

	component_scene_open(&scene, &component);
	ck_assert_int_eq(host->cfg_parse(ctx_of(&scene), spore_cstr("[1,{\"a\":true}]"), &tree,
	                                 error, sizeof error),
	                 SPORE_OK);
	ck_assert_uint_eq(host->cfg_count(tree), 2);
	ck_assert_uint_eq(host->cfg_bool(host->cfg_get(host->cfg_at(tree, 1, NULL), "a")), 1);
	host->cfg_free(tree);
	host->cfg_free(NULL);
	ck_assert_int_eq(
		host->cfg_parse(ctx_of(&scene), spore_cstr("[1,"), &tree, error, sizeof error),
		SPORE_EINVAL);
	ck_assert_ptr_null(tree);
	ck_assert_str_eq(error, "line 1, column 4: expected a value");
	ck_assert_int_eq(host->cfg_parse(ctx_of(&scene), spore_cstr("["), &tree, NULL, 10),
	                 SPORE_EINVAL);
	option_scene_open(&conf, "{\"not\":\"its own\"}");
	host->cfg_free((spore_cfg *)(void *)conf.root); /* logged, and nothing happens */
	ck_assert_uint_eq(host->cfg_count((const spore_cfg *)(const void *)conf.root), 1);
	option_scene_close(&conf);
	component_scene_close(&scene);
}
END_TEST

START_TEST(files_are_named_only_in_create)
{
	const spore_host *host = host_table();
	struct component_scene scene;
	struct json_doc *doc = json_doc_new();

	component_scene_open(&scene, &component);
	scene.instance->doc = doc;
	ck_assert_int_eq(host->file_watch(ctx_of(&scene), "/etc/passwd"), SPORE_EINVAL);
	guest_enter(scene.instance->name, "create");
	ck_assert_int_eq(host->file_watch(NULL, "/etc/passwd"), SPORE_EINVAL);
	ck_assert_int_eq(host->file_watch(ctx_of(&scene), NULL), SPORE_EINVAL);
	ck_assert_int_eq(host->file_watch(ctx_of(&scene), ""), SPORE_EINVAL);
	ck_assert_uint_eq(scene.instance->files.n, 0);
	ck_assert_int_eq(host->file_watch(ctx_of(&scene), "/etc/passwd"), SPORE_OK);
	ck_assert_int_eq(host->file_watch(ctx_of(&scene), "/nonexistent"), SPORE_OK);
	guest_leave();
	ck_assert_uint_eq(scene.instance->files.n, 2);
	ck_assert_str_eq(scene.instance->files.items[1].path, "/nonexistent");
	component_scene_close(&scene);
	json_doc_free(doc);
}
END_TEST

START_TEST(an_instance_shows_one_line)
{
	const spore_host *host = host_table();
	char long_text[2 * SPORE_STATE_MAX], text[SPORE_STATE_MAX + 1];
	struct component_scene scene;

	component_scene_open(&scene, &component);
	instance_read_state(scene.instance, text);
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(host->state_show(NULL, spore_cstr("x")), SPORE_EINVAL);
	ck_assert_int_eq(host->state_show(ctx_of(&scene), (spore_str){ NULL, 1 }), SPORE_EINVAL);
	ck_assert_int_eq(host->state_show(ctx_of(&scene), (spore_str){ "ready!", 5 }), SPORE_OK);
	instance_read_state(scene.instance, text);
	ck_assert_str_eq(text, "ready");
	memset(long_text, 'x', sizeof long_text);
	host->state_show(ctx_of(&scene), (spore_str){ long_text, sizeof long_text });
	instance_read_state(scene.instance, text);
	ck_assert_uint_eq(strlen(text), SPORE_STATE_MAX);
	host->state_show(ctx_of(&scene), (spore_str){ NULL, 0 });
	instance_read_state(scene.instance, text);
	ck_assert_str_eq(text, "");
	component_scene_close(&scene);
}
END_TEST

START_TEST(state_is_read_only_in_create)
{
	const spore_host *host = host_table();
	struct component_scene scene;
	spore_str out = spore_cstr("x");

	component_scene_open(&scene, &component);
	ck_assert_int_eq(host->state_put(ctx_of(&scene), "a", spore_cstr("1")), SPORE_OK);
	ck_assert_uint_eq(host->state_get(ctx_of(&scene), "a", &out), 0);
	ck_assert_uint_eq(out.len, 0);
	component_scene_close(&scene);
}
END_TEST

/* ---- digests ---- */

START_TEST(digests_are_those_of_the_standards)
{
	const spore_host *host = host_table();
	uint8_t digest[32], mac[32];

	ck_assert_int_eq(host->sha256("abc", 3, digest), SPORE_OK);
	ck_assert_uint_eq(digest[0], 0xba);
	ck_assert_uint_eq(digest[31], 0xad);
	ck_assert_int_eq(host->hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, mac),
	                 SPORE_OK);
	ck_assert_uint_eq(mac[0], 0x5b);
	ck_assert_uint_eq(mac[31], 0x43);
	ck_assert_uint_eq(host->equal(digest, mac, 32), 0);
	ck_assert_uint_eq(host->equal(mac, mac, 32), 1);
	memset(mac, 0, sizeof mac);
	ck_assert_int_eq(host->hmac_sha256("x", SIZE_MAX, "", 0, mac), SPORE_ESYS);
	ck_assert_mem_ne(mac, (uint8_t[32]){ 0 }, sizeof mac);
	ck_assert_int_gt(host->wall_ms(), 1600000000000);
}
END_TEST

/* ---- metrics and extensions ---- */

START_TEST(a_metric_has_the_prefix_of_its_component)
{
	const spore_metric_spec spec = { .struct_size = sizeof spec,
		                         .type = SPORE_METRIC_COUNTER,
		                         .name = "things_total",
		                         .help = "Things." };
	const spore_metric_spec nameless = { .struct_size = sizeof nameless,
		                             .type = SPORE_METRIC_COUNTER,
		                             .name = "!",
		                             .help = "x" };
	const spore_host *host = host_table();
	struct component_scene scene;
	uint32_t family, series;

	component_scene_open(&scene, &component);
	family = host->metric_family(ctx_of(&scene), &spec);
	ck_assert_uint_ne(family, 0);
	series = host->metric_series(family, NULL, 0);
	host->metric_add(&scene.instance->workers[0], series, 2);
	ck_assert_double_eq(host_scene_metric(&scene.host, "spore_thing_things_total", ""), 2);
	host->metric_add(NULL, series, 3);
	ck_assert_double_eq(host_scene_metric(&scene.host, "spore_thing_things_total", ""), 5);
	ck_assert_uint_eq(host->metric_family(ctx_of(&scene), &nameless), 0);
	component_scene_close(&scene);
}
END_TEST

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

static void check_family(const struct component_scene *scene, spore_metric_spec spec)
{
	spec.struct_size = sizeof spec;
	ck_assert_uint_eq(host_table()->metric_family(ctx_of(scene), &spec), 0);
}

START_TEST(metrics_take_no_nonsense)
{
	static const char *const labels[] = { "who" };
	const spore_metric_spec good = { .struct_size = sizeof good,
		                         .type = SPORE_METRIC_GAUGE,
		                         .name = "level",
		                         .labels = labels,
		                         .n_labels = 1 };
	spore_str none = { NULL, 4 }, two[] = { spore_cstr("a"), spore_cstr("b") };
	const spore_host *host = host_table();
	static char long_text[2000];
	struct component_scene scene;
	uint32_t family, series;
	spore_worker *worker;

	memset(long_text, 'x', sizeof long_text - 1);
	component_scene_open(&scene, &component);
	worker = &scene.instance->workers[0];
	ck_assert_uint_eq(host->metric_family(ctx_of(&scene), NULL), 0);
	ck_assert_uint_eq(host->metric_family(NULL, &good), 0);
	check_family(&scene, (spore_metric_spec){ .type = SPORE_METRIC_GAUGE });
	check_family(&scene, (spore_metric_spec){ .type = SPORE_METRIC_GAUGE, .name = long_text });
	check_family(&scene, (spore_metric_spec){ .type = 77, .name = "x" });
	check_family(&scene,
	             (spore_metric_spec){ .type = SPORE_METRIC_GAUGE, .name = "x", .n_labels = 1 });
	check_family(&scene, (spore_metric_spec){
				     .type = SPORE_METRIC_HISTOGRAM, .name = "x", .n_bounds = 1 });
	family = host->metric_family(ctx_of(&scene), &good);
	ck_assert_uint_ne(family, 0);
	ck_assert_uint_eq(host->metric_series(family, NULL, 1), 0);
	ck_assert_uint_eq(host->metric_series(family, &none, 1), 0);
	ck_assert_uint_eq(host->metric_series(family, two, 2), 0);
	ck_assert_uint_eq(host->metric_series(family + 1000, two, 1), 0);
	ck_assert_uint_eq(host->metric_series(family, &(spore_str){ long_text, 1025 }, 1), 0);
	series = host->metric_series(family, two, 1);
	ck_assert_uint_ne(series, 0);
	host->metric_observe(worker, series, 1); /* of another type */
	host->metric_add(worker, series + 100000, 1);
	host->metric_set(worker, UINT32_MAX, 1);
	host->metric_set(NULL, 12345, 1);
	host->metric_add(worker, 0, 1);
	ck_assert_double_eq(host_scene_metric(&scene.host, "spore_thing_level", "who=a"), 0);
	component_scene_close(&scene);
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

	component_scene_open(&scene, &component);
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
	ck_assert_int_eq(host->cfg_parse(ctx_of(&scene), (spore_str){ NULL, 3 }, &tree, NULL, 0),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->cfg_parse(ctx_of(&scene), spore_cstr("1"), NULL, NULL, 0),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->state_put(NULL, "x", spore_cstr("y")), SPORE_EINVAL);
	ck_assert_int_eq(host->state_put(ctx_of(&scene), NULL, spore_cstr("y")), SPORE_EINVAL);
	ck_assert_int_eq(host->state_put(ctx_of(&scene), "x", (spore_str){ NULL, 1 }),
	                 SPORE_EINVAL);
	ck_assert_uint_eq(host->state_get(NULL, "x", &value), 0);
	ck_assert_uint_eq(host->state_get(ctx_of(&scene), NULL, &value), 0);
	ck_assert_uint_eq(host->state_get(ctx_of(&scene), "x", NULL), 0);
	ck_assert(!host->log_enabled(NULL, INT32_MIN) && host->log_enabled(NULL, INT32_MAX));
	host->log(NULL, SPORE_LOG_WARN, spore_cstr("x"), NULL, 0);
	host->log(ctx_of(&scene), INT32_MAX, (spore_str){ NULL, 5 }, &half, 1);
	host->log(ctx_of(&scene), SPORE_LOG_WARN, spore_cstr("x"), NULL, 5);
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

SUITE("host", a_plugin_logs_under_its_name_with_clean_keys, time_goes_on_and_random_bytes_differ,
      completions_check_what_they_get, a_wrong_completion_ends_the_operation,
      metrics_take_no_nonsense, nothing_else_crashes_either, a_client_cannot_revalidate,
      the_peer_can_be_set_until_the_handshake_is_over, a_listener_is_given_back_with_its_instance,
      a_tree_is_read_by_type, another_type_or_nothing_is_empty, a_reply_is_parsed_and_freed,
      files_are_named_only_in_create, an_instance_shows_one_line, state_is_read_only_in_create,
      digests_are_those_of_the_standards, a_metric_has_the_prefix_of_its_component,
      extensions_are_found_by_id, the_table_is_full)
