#include "way/servers.h"

#include "loop/loop.h"
#include "run_until.h"
#include "suite.h"

static const struct client_server items[] = {
	{ "a", 1, "a:1" },
	{ "b", 2, "b:2" },
	{ "c", 3, "c:3" },
};

static unsigned n_looks, most_looks;

static bool on_look(void *arg)
{
	ck_assert_ptr_eq(arg, &n_looks);
	return ++n_looks < most_looks;
}

static void open_servers(struct servers *servers, struct loop *loop, bool prefer_first)
{
	const struct client_settings settings = { .servers = items,
		                                  .n_servers = 3,
		                                  .prefer_first = prefer_first };

	n_looks = 0;
	servers_init(servers, &settings, loop, on_look, &n_looks);
}

START_TEST(a_failure_moves_on_once_and_round)
{
	struct loop *loop = run_until_loop();
	struct servers servers;

	open_servers(&servers, loop, false);
	ck_assert_str_eq(servers_at(&servers, 2)->name, "c:3");
	ck_assert(servers_move_on(&servers, 0));
	ck_assert(!servers_move_on(&servers, 0)); /* another tunnel, which tried the same server */
	ck_assert_uint_eq(servers.current, 1);
	ck_assert(servers_move_on(&servers, 1) && servers_move_on(&servers, 2));
	ck_assert_uint_eq(servers.current, 0);
	servers_stay(&servers, 2);
	ck_assert_uint_eq(servers.current, 2);
	ck_assert(!ev_is_active(&servers.look));
	loop_free(loop);
}
END_TEST

START_TEST(the_only_server_stays)
{
	const struct client_settings settings = { .servers = items, .n_servers = 1 };
	struct loop *loop = run_until_loop();
	struct servers servers;

	servers_init(&servers, &settings, loop, NULL, NULL);
	ck_assert(!servers_move_on(&servers, 0));
	ck_assert_uint_eq(servers.current, 0);
	loop_free(loop);
}
END_TEST

static void look(struct servers *servers)
{
	ck_assert(ev_is_active(&servers->look));
	ev_timer_stop(loop_ev(servers->loop), &servers->look);
	ev_invoke(loop_ev(servers->loop), &servers->look, EV_TIMER);
}

START_TEST(the_first_is_looked_for_until_no_tunnel_needs_it)
{
	struct loop *loop = run_until_loop();
	struct servers servers;

	open_servers(&servers, loop, true);
	servers_stay(&servers, 0);
	ck_assert(!ev_is_active(&servers.look));
	servers_stay(&servers, 1);
	most_looks = 2;
	look(&servers);
	look(&servers);
	ck_assert_uint_eq(n_looks, 2);
	ck_assert(!ev_is_active(&servers.look));
	servers_stay(&servers, 1);
	servers_stop(&servers);
	servers_stop(&servers);
	ck_assert(!ev_is_active(&servers.look));
	loop_free(loop);
}
END_TEST

START_TEST(a_place_is_a_server_at_an_address)
{
	struct server_place a = { .index = 1, .addr = { .family = 4, .port = 5 } }, b = a;

	ck_assert(server_place_equal(&a, &b));
	b.index = 0;
	ck_assert(!server_place_equal(&a, &b));
	b = a;
	b.addr.port++;
	ck_assert(!server_place_equal(&a, &b));
}
END_TEST

SUITE("servers", a_failure_moves_on_once_and_round, the_only_server_stays,
      the_first_is_looked_for_until_no_tunnel_needs_it, a_place_is_a_server_at_an_address)
