#include "quota/stats.h"

#include <math.h>
#include <string.h>

#include "loop/loop.h"
#include "metrics/metrics.h"
#include "run_until.h"
#include "suite.h"
#include "usage/usage.h"

struct scene {
	struct loop *loop;
	struct metrics *metrics;
	struct stats stats;
};

/* Selects series: the family's name, and the value of a label or NULL. */
struct question {
	const char *name, *label;
	bool asked;
	unsigned found;
	double value; /* the sum of a distribution */
	uint64_t count;
};

static void on_begin(void *arg, const spore_metric_spec *spec)
{
	struct question *q = arg;

	q->asked = strcmp(spec->name, q->name) == 0;
}

static bool is_meant(const struct question *q, const spore_kv *labels, size_t n)
{
	bool meant = !q->label;

	for (size_t i = 0; i < n; i++)
		meant = meant || (labels[i].value.len == strlen(q->label) &&
		                  memcmp(labels[i].value.ptr, q->label, labels[i].value.len) == 0);
	return q->asked && meant;
}

static void on_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	struct question *q = arg;

	if (is_meant(q, labels, n)) {
		q->found++;
		q->value += value;
	}
}

static void on_histogram(void *arg, const spore_kv *labels, size_t n, const double *bounds,
                         const uint64_t *cumulative, size_t n_bounds, uint64_t count, double sum)
{
	struct question *q = arg;

	(void)bounds;
	(void)cumulative;
	(void)n_bounds;
	on_value(arg, labels, n, sum);
	if (is_meant(q, labels, n))
		q->count += count;
}

static void on_end(void *arg)
{
	((struct question *)arg)->asked = false;
}

static struct question look(const struct scene *scene, const char *name, const char *label)
{
	static const spore_metric_visitor visitor = { sizeof visitor, 0,     on_begin, on_value,
		                                      on_histogram,   on_end };
	struct question q = { .name = name, .label = label };

	metrics_visit(scene->metrics, &visitor, &q);
	return q;
}

static struct question ask(const struct scene *scene, const char *name, const char *label)
{
	struct question q = look(scene, name, label);

	ck_assert_msg(q.found > 0, "%s{%s} is not there", name, label ? label : "");
	return q;
}

static void open_scene(struct scene *scene)
{
	scene->loop = run_until_loop();
	scene->metrics = metrics_new(1);
	stats_init(&scene->stats, scene->metrics);
}

static void close_scene(struct scene *scene)
{
	metrics_free(scene->metrics);
	loop_free(scene->loop);
}

START_TEST(a_refusal_counts_where_it_happened)
{
	struct scene scene;

	open_scene(&scene);
	for (int i = 0; i < REFUSED_COUNT; i++) {
		struct question q = look(&scene, "spore_refusals_total", refusal_name(i));

		ck_assert_int_eq(q.found > 0, refusal_happens_at(i, REFUSED_AT_CONTROL) ||
		                                      refusal_happens_at(i, REFUSED_AT_PUBLIC));
		ck_assert_double_eq(q.value, 0);
	}
	stats_refuse(&scene.stats, scene.loop, REFUSED_AT_CONTROL, REFUSED_ACCESS_LIST);
	stats_refuse(&scene.stats, scene.loop, REFUSED_AT_PUBLIC, REFUSED_ACCESS_LIST);
	stats_refuse(&scene.stats, scene.loop, REFUSED_AT_CONTROL, REFUSED_WRONG_SECRET);
	ck_assert_double_eq(ask(&scene, "spore_refusals_total", "wrong_secret").value, 1);
	ck_assert_double_eq(ask(&scene, "spore_refusals_total", "access_list").value, 2);
	ck_assert_double_eq(ask(&scene, "spore_refusals_total", "control").value, 2);
	ck_assert_double_eq(ask(&scene, "spore_refusals_total", "public").value, 1);
	close_scene(&scene);
}
END_TEST

/* The same time counts in two units. */
START_TEST(two_texts_may_have_one_counter)
{
	struct scene scene;

	open_scene(&scene);
	stats_refuse(&scene.stats, scene.loop, REFUSED_AT_CONTROL, REFUSED_PORT_NOT_BOUND);
	stats_refuse(&scene.stats, scene.loop, REFUSED_AT_CONTROL, REFUSED_PORT_PERMISSION);
	ck_assert_double_eq(ask(&scene, "spore_refusals_total", "port_not_bound").value, 2);
	close_scene(&scene);
}
END_TEST

/* The end of a tunnel that was open is not the refusal of a connection. */
START_TEST(a_reason_counts_only_where_it_happens)
{
	struct scene scene;

	open_scene(&scene);
	for (int i = 0; i < REFUSED_COUNT; i++) {
		for (int at = 0; at < REFUSED_AT_COUNT; at++) {
			if (!refusal_happens_at(i, at))
				stats_refuse(&scene.stats, scene.loop, at, i);
		}
	}
	ck_assert_double_eq(ask(&scene, "spore_refusals_total", NULL).value, 0);
	close_scene(&scene);
}
END_TEST

START_TEST(an_acceptance_is_timed)
{
	struct scene scene;
	struct question ms, s;

	open_scene(&scene);
	stats_accepted(&scene.stats, scene.loop, 1500000);
	stats_accepted(&scene.stats, scene.loop, 500000);
	ms = ask(&scene, "spore_accept_latency_ms", NULL);
	s = ask(&scene, "spore_connection_setup_seconds", NULL);
	ck_assert_double_eq(ask(&scene, "spore_connections_accepted_total", NULL).value, 2);
	ck_assert_uint_eq(ms.count, 2);
	ck_assert_double_eq(ms.value, 2);
	ck_assert_uint_eq(s.count, 2);
	ck_assert(fabs(s.value - 0.002) < 1e-12);
	close_scene(&scene);
}
END_TEST

START_TEST(bytes_count_for_all_and_for_their_identity)
{
	struct stats_identity alice, nobody;
	struct scene scene;

	open_scene(&scene);
	alice = stats_of_identity(&scene.stats, "alice");
	nobody = stats_of_identity(&scene.stats, "");
	stats_carried(&scene.stats, scene.loop, &alice, 5, 7);
	stats_carried(&scene.stats, scene.loop, &nobody, 100, 0);
	stats_carried(&scene.stats, scene.loop, &alice, 1, 0);
	ck_assert_double_eq(ask(&scene, "spore_bytes_proxied_total", NULL).value, 113);
	ck_assert_double_eq(ask(&scene, "spore_tunnel_up_bytes_total", "alice").value, 6);
	ck_assert_double_eq(ask(&scene, "spore_tunnel_down_bytes_total", "alice").value, 7);
	ck_assert_double_eq(ask(&scene, "spore_tunnel_up_bytes_total", "").value, 100);
	close_scene(&scene);
}
END_TEST

static double read_three(void *arg)
{
	(void)arg;
	return 3;
}

START_TEST(the_gauge_of_waiting_visitors_is_read)
{
	struct scene scene;

	open_scene(&scene);
	stats_watch_pending(&scene.stats, read_three, NULL);
	ck_assert_double_eq(ask(&scene, "spore_connections_pending", NULL).value, 3);
	stats_watch_pending(&scene.stats, NULL, NULL);
	ck_assert_double_eq(ask(&scene, "spore_connections_pending", NULL).value, 0);
	close_scene(&scene);
}
END_TEST

static double value_of(const struct scene *scene, const char *name, const char *label)
{
	struct question q = look(scene, name, label);

	return q.found ? q.value : -1;
}

START_TEST(limits_on_use_are_shown_while_they_hold)
{
	struct scene scene;
	struct usage_table table;
	struct usage *usage;
	struct use_claim *claim = NULL;

	open_scene(&scene);
	usage_table_init(&table, 1, 0);
	usage = usage_get(&table, "alice");
	stats_show_use(&scene.stats, usage);
	ck_assert(value_of(&scene, "spore_identity_allowed_bytes", NULL) < 0);
	ck_assert(usage_limit(
		&table, usage, &claim,
		&(struct use_terms){ .rates = { 500, 0 }, .bytes = { 90, USE_UNLIMITED } }));
	usage_carry(&table, usage, 7);
	stats_show_use(&scene.stats, usage);
	ck_assert(value_of(&scene, "spore_identity_used_bytes", "day") == 7);
	ck_assert(value_of(&scene, "spore_identity_allowed_bytes", "day") == 90);
	ck_assert(value_of(&scene, "spore_identity_used_bytes", "month") < 0);
	ck_assert(value_of(&scene, "spore_identity_rate_limit_bytes", "up") == 500);
	ck_assert(value_of(&scene, "spore_identity_rate_limit_bytes", "down") < 0);
	usage_drop(&table, usage, &claim);
	usage_put(&table, usage);
	stats_show_use(&scene.stats, usage);
	ck_assert(value_of(&scene, "spore_identity_used_bytes", "day") < 0);
	usage_table_fini(&table);
	close_scene(&scene);
}
END_TEST

SUITE("stats", limits_on_use_are_shown_while_they_hold, a_refusal_counts_where_it_happened,
      two_texts_may_have_one_counter, a_reason_counts_only_where_it_happens, an_acceptance_is_timed,
      bytes_count_for_all_and_for_their_identity, the_gauge_of_waiting_visitors_is_read)
