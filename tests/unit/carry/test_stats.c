#include "carry/stats.h"

#include "run_until.h"
#include "scene/client_scene.h"
#include "suite.h"

struct family_name {
	int stat;
	const char *name, *label;
};

static const struct family_name stats_names[] = {
	{ CLIENT_STAT_TUNNELS, "spore_tunnels", NULL },
	{ CLIENT_STAT_RELAYS, "spore_relays", NULL },
	{ CLIENT_STAT_AHEAD, "spore_connections_ahead", NULL },
	{ CLIENT_STAT_VISITORS, "spore_client_visitors_total", NULL },
	{ CLIENT_STAT_LOSSES, "spore_client_losses_total", NULL },
};

static const struct family_name failure_names[] = {
	{ CLIENT_FAILURE_SERVER, "spore_client_failures_total", "server" },
	{ CLIENT_FAILURE_SERVICE, "spore_client_failures_total", "service" },
	{ CLIENT_FAILURE_QUEUE, "spore_client_failures_total", "queue" },
	{ CLIENT_FAILURE_DESCRIPTORS, "spore_client_failures_total", "descriptors" },
	{ CLIENT_FAILURE_MEMORY, "spore_client_failures_total", "no_memory" },
};

/* All series are there from the start, and each counts for itself. */
START_TEST(each_count_has_a_series_of_its_own)
{
	struct metrics *metrics = metrics_new(2);
	struct loop *loop = run_until_loop();
	struct client_stats stats;

	ck_assert_uint_eq(sizeof stats_names / sizeof *stats_names, CLIENT_STAT_COUNT);
	ck_assert_uint_eq(sizeof failure_names / sizeof *failure_names, CLIENT_FAILURE_COUNT);
	client_stats_init(&stats, metrics);
	for (int i = 0; i < CLIENT_STAT_COUNT; i++)
		client_stats_add(&stats, loop, stats_names[i].stat, i + 1);
	for (int i = 0; i < CLIENT_FAILURE_COUNT; i++) {
		for (int n = 0; n <= i; n++)
			client_stats_fail(&stats, loop, failure_names[i].stat);
	}
	for (int i = 0; i < CLIENT_STAT_COUNT; i++)
		ck_assert(client_scene_metric(metrics, stats_names[i].name, NULL) == i + 1);
	for (int i = 0; i < CLIENT_FAILURE_COUNT; i++)
		ck_assert(client_scene_metric(metrics, failure_names[i].name,
		                              failure_names[i].label) == i + 1);
	loop_free(loop);
	metrics_free(metrics);
}
END_TEST

START_TEST(gauges_of_all_workers_add_up_and_go_down)
{
	struct metrics *metrics = metrics_new(2);
	struct err err;
	struct loop *loops[] = { loop_new(0, &err), loop_new(1, &err) };
	struct client_stats stats;

	client_stats_init(&stats, metrics);
	client_stats_add(&stats, loops[0], CLIENT_STAT_TUNNELS, 3);
	client_stats_add(&stats, loops[1], CLIENT_STAT_TUNNELS, 2);
	ck_assert(client_scene_metric(metrics, "spore_tunnels", NULL) == 5);
	client_stats_add(&stats, loops[0], CLIENT_STAT_TUNNELS, -3);
	ck_assert(client_scene_metric(metrics, "spore_tunnels", NULL) == 2);
	for (int i = 0; i < 2; i++)
		loop_free(loops[i]);
	metrics_free(metrics);
}
END_TEST

SUITE("client stats", each_count_has_a_series_of_its_own, gauges_of_all_workers_add_up_and_go_down)
