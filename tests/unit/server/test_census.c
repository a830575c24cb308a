#include "server/census.h"

#include "scene/server_scene.h"
#include "suite.h"

enum { TUNNELS = 3 };

static int clients[TUNNELS], visitors[TUNNELS];
static uint16_t ports[TUNNELS];

/* Tunnels with a visitor that waits, of alice. */
static void open_tunnels(void)
{
	scene_open(SCENE_NAMES);
	for (int i = 0; i < TUNNELS; i++) {
		clients[i] = scene_log_in("alice");
		scene_hello(clients[i], 0);
		ports[i] = scene_expect_tunnel(clients[i]);
		visitors[i] = scene_visit(ports[i]);
	}
}

static void end_all(void)
{
	for (int i = 0; i < TUNNELS; i++) {
		close(clients[i]);
		close(visitors[i]);
	}
	scene_close();
}

static struct census *take(unsigned what, size_t most, uint64_t kick)
{
	struct census_question question = { .what = what, .most = most, .kick.id = kick };
	struct census *census = census_take(&scene.workers[0], &question);

	ck_assert_ptr_nonnull(census);
	return census;
}

/* Ends what `kick` means. */
static struct kicked end_these(struct kick kick)
{
	struct census_question question = { .kick = kick };
	struct census *census = census_take(&scene.workers[0], &question);
	struct kicked kicked;

	ck_assert_ptr_nonnull(census);
	kicked = census->kicked;
	census_free(census);
	scene_run();
	return kicked;
}

/* The client takes the visitor of its tunnel. */
static int join(int i)
{
	struct uuid id = scene_expect(clients[i], MESSAGE_CONNECTION).id;
	int data = scene_log_in("alice");

	scene_accept(data, &id);
	ck_assert_uint_eq(scene.workers[0].relays.count, 1);
	return data;
}

START_TEST(tunnels_are_listed_in_order)
{
	struct census *census;

	open_tunnels();
	census = take(CENSUS_TUNNELS, 10, 0);
	ck_assert_uint_eq(census->n_tunnels, TUNNELS);
	ck_assert_uint_eq(census->tunnels_shown, TUNNELS);
	ck_assert_uint_eq(census->relays_shown, 0);
	for (int i = 0; i < TUNNELS; i++) {
		const struct census_tunnel *tunnel = &census->tunnels[i];

		ck_assert_uint_eq(tunnel->port, ports[i]);
		ck_assert_str_eq(tunnel->identity, "alice");
		ck_assert_uint_eq(tunnel->pending, 1);
		ck_assert_uint_eq(tunnel->visitors, 1);
		ck_assert_uint_eq(tunnel->visitors_all, 1);
		ck_assert(!tunnel->beats);
		ck_assert_int_lt(tunnel->age_ms, 10000);
		ck_assert(i == 0 || tunnel->id > census->tunnels[i - 1].id);
	}
	census_free(census);
	end_all();
}
END_TEST

START_TEST(a_census_has_what_clients_say)
{
	struct census *census;
	int client;

	scene_open(SCENE_NAMES);
	client = scene_log_in("alice");
	scene_about(client, "name=web");
	scene_about(client, "tag=env=test");
	scene_hello(client, 0);
	scene_expect_tunnel(client);
	census = take(CENSUS_TUNNELS, 10, 0);
	close(client);
	scene_run();
	ck_assert_uint_eq(census->tunnels_shown, 1);
	ck_assert_str_eq(about_name(&census->tunnels[0].about), "web");
	census_free(census);
	scene_close();
}
END_TEST

START_TEST(a_list_is_cut_but_counts_are_whole)
{
	struct census *census;
	int stranger;

	open_tunnels();
	stranger = scene_connect_from(0, "192.0.2.1"); /* no visitor was announced to it */
	census = take(CENSUS_TUNNELS | CENSUS_RELAYS, 2, 0);
	ck_assert_uint_eq(census->n_tunnels, TUNNELS);
	ck_assert_uint_eq(census->tunnels_shown, 2);
	ck_assert_uint_eq(census->n_strangers, 1);
	ck_assert_uint_gt(census->vitals.turns, 0);
	census_free(census);
	census = take(0, 2, 0);
	ck_assert_uint_eq(census->n_tunnels, TUNNELS);
	ck_assert_uint_eq(census->tunnels_shown, 0);
	census_free(census);
	close(stranger);
	end_all();
}
END_TEST

START_TEST(a_relay_names_its_tunnel)
{
	struct census *census;
	int data;

	open_tunnels();
	data = join(1);
	scene_send(visitors[1], "abc", 3);
	census = take(CENSUS_TUNNELS | CENSUS_RELAYS, 10, 0);
	ck_assert_uint_eq(census->n_relays, 1);
	ck_assert_uint_eq(census->relays_shown, 1);
	ck_assert_uint_eq(census->relays[0].port, ports[1]);
	ck_assert_uint_eq(census->relays[0].tunnel, census->tunnels[1].id);
	ck_assert_uint_eq(census->relays[0].bytes_up, 3);
	ck_assert_uint_eq(census->relays[0].bytes_down, 0);
	ck_assert_uint_eq(census->tunnels[1].pending, 0);
	ck_assert_uint_eq(census->tunnels[1].visitors, 1);
	census_free(census);
	close(data);
	end_all();
}
END_TEST

START_TEST(a_kick_ends_a_tunnel_and_its_relays)
{
	struct census *census;
	uint64_t id;
	int data;

	open_tunnels();
	data = join(0);
	census = take(CENSUS_TUNNELS, 10, 0);
	id = census->tunnels[0].id;
	census_free(census);
	census = take(CENSUS_TUNNELS, 10, id);
	ck_assert_uint_eq(census->tunnels_shown, TUNNELS); /* as it was before */
	ck_assert_uint_eq(census->kicked.tunnels, 1);
	ck_assert_uint_eq(census->kicked.relays, 1);
	ck_assert_uint_eq(census->kicked.port, ports[0]);
	ck_assert_str_eq(census->kicked.identity, "alice");
	census_free(census);
	scene_run();
	scene_expect_error(clients[0], REFUSED_KICKED);
	clients[0] = dup(0);
	census = take(0, 10, id);
	ck_assert_uint_eq(census->n_tunnels, TUNNELS - 1);
	ck_assert_uint_eq(census->kicked.tunnels, 0);
	ck_assert_uint_eq(census->kicked.relays, 0);
	census_free(census);
	close(data);
	end_all();
}
END_TEST

START_TEST(a_kick_may_mean_one_relay)
{
	struct census *census;
	uint64_t id;
	int data;

	open_tunnels();
	data = join(2);
	census = take(CENSUS_RELAYS, 10, 0);
	id = census->relays[0].id;
	census_free(census);
	census = take(0, 0, id);
	ck_assert_uint_eq(census->kicked.tunnels, 0);
	ck_assert_uint_eq(census->kicked.relays, 1);
	census_free(census);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, TUNNELS);
	close(data);
	end_all();
}
END_TEST

START_TEST(a_kick_may_mean_a_port)
{
	struct kicked kicked;
	int data;

	open_tunnels();
	data = join(1);
	kicked = end_these((struct kick){ .port = ports[1] });
	ck_assert_uint_eq(kicked.tunnels, 1);
	ck_assert_uint_eq(kicked.relays, 1);
	ck_assert_uint_eq(kicked.port, ports[1]);
	ck_assert_str_eq(kicked.identity, "alice");
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, TUNNELS - 1);
	ck_assert_uint_eq(end_these((struct kick){ .port = ports[1] }).tunnels, 0);
	close(data);
	end_all();
}
END_TEST

START_TEST(a_kick_may_mean_an_identity)
{
	struct kicked kicked;

	open_tunnels();
	ck_assert_uint_eq(end_these((struct kick){ .identity = "bob" }).tunnels, 0);
	kicked = end_these((struct kick){ .identity = "alice" });
	ck_assert_uint_eq(kicked.tunnels, TUNNELS);
	ck_assert_uint_eq(kicked.port, 0); /* they have several */
	ck_assert_str_eq(kicked.identity, "alice");
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 0);
	end_all();
}
END_TEST

SUITE("census", a_census_has_what_clients_say, tunnels_are_listed_in_order,
      a_list_is_cut_but_counts_are_whole, a_relay_names_its_tunnel,
      a_kick_ends_a_tunnel_and_its_relays, a_kick_may_mean_one_relay, a_kick_may_mean_a_port,
      a_kick_may_mean_an_identity)
