#include "client/order.h"

#include "scene/client_scene.h"
#include "suite.h"

static struct client_scene scene;

static void on_news(struct session *session)
{
	(void)session;
}

static void on_over(struct session *session, enum client_exit status)
{
	(void)session;
	(void)status;
}

/* The way from `now` to the one tunnel, "t", of the scene's configuration. */
static struct order *plan(const spore_list *now, struct client_tunnel *const *tunnels)
{
	const struct client_tunnel_spec spec = {
		.workers = scene.workers, .n_workers = 1, .on_news = on_news, .on_over = on_over
	};
	struct order *order = order_plan(&(struct order_terms){
		.set = scene.runtime.plugins.set, .now = now, .tunnels = tunnels, .spec = &spec });

	ck_assert_ptr_nonnull(order);
	ck_assert_uint_eq(atomic_load(&order->refs), 2);
	ck_assert_ptr_eq(order->set, scene.runtime.plugins.set);
	return order;
}

/* A client that has taken an order with the scene's tunnel. */
static struct client_tunnel *open_scene(void)
{
	struct order *order;
	struct client_tunnel *tunnel;

	client_scene_open(&scene, &(struct client_scene_options){ 0 });
	order = plan(&(spore_list){ .count = 0 }, NULL);
	ck_assert_uint_eq(order->n, 1);
	ck_assert_int_eq(order->steps[0].kind, STEP_JOIN);
	ck_assert_ptr_null(order->steps[0].before);
	tunnel = order->steps[0].tunnel;
	order_release(order);
	order_release(order); /* the last one */
	return tunnel;
}

static void close_scene(struct client_tunnel *tunnel)
{
	client_tunnel_free(tunnel);
	client_scene_close(&scene);
}

START_TEST(a_tunnel_that_stays_the_same_is_used)
{
	struct client_tunnel *tunnel = open_scene();
	const spore_list *now = &scene.config->settings.tunnels;
	struct order *order = plan(now, &tunnel);

	ck_assert_uint_eq(order->n, 1);
	ck_assert_int_eq(order->steps[0].kind, STEP_USE);
	ck_assert_ptr_eq(order->steps[0].tunnel, tunnel);
	ck_assert(!order->steps[0].is_renamed);
	order_drop(order); /* leaves the tunnel, which it has not made */
	close_scene(tunnel);
}
END_TEST

START_TEST(a_tunnel_may_have_another_name)
{
	struct client_tunnel *tunnel = open_scene();
	const struct tunnel_settings *items = scene.config->settings.tunnels.items;
	struct tunnel_settings before = items[0];
	struct order *order;

	before.name = "before";
	order = plan(&(spore_list){ .items = &before, .count = 1 }, &tunnel);
	ck_assert_uint_eq(order->n, 1);
	ck_assert_int_eq(order->steps[0].kind, STEP_USE);
	ck_assert(order->steps[0].is_renamed);
	order_drop(order);
	close_scene(tunnel);
}
END_TEST

START_TEST(a_tunnel_that_has_ended_is_opened_again)
{
	struct client_tunnel *tunnel = open_scene();
	struct order *order;

	atomic_store(&tunnel->has_ended, true);
	order = plan(&scene.config->settings.tunnels, &tunnel);
	ck_assert_uint_eq(order->n, 2);
	ck_assert_int_eq(order->steps[0].kind, STEP_LEAVE);
	ck_assert_ptr_eq(order->steps[0].tunnel, tunnel);
	ck_assert_int_eq(order->steps[1].kind, STEP_JOIN);
	ck_assert_ptr_eq(order->steps[1].before, tunnel);
	ck_assert_ptr_ne(order->steps[1].tunnel, tunnel);
	order_drop(order);
	close_scene(tunnel);
}
END_TEST

START_TEST(a_tunnel_that_is_gone_ends_before_others_begin)
{
	struct client_tunnel *tunnel = open_scene();
	struct tunnel_settings gone = {
		.name = "gone", .local_host = "localhost", .local_port = 1, .port = 1
	};
	struct order *order = plan(&(spore_list){ .items = &gone, .count = 1 }, &tunnel);

	ck_assert_uint_eq(order->n, 2);
	ck_assert_int_eq(order->steps[0].kind, STEP_LEAVE);
	ck_assert_int_eq(order->steps[1].kind, STEP_JOIN);
	ck_assert_ptr_null(order->steps[1].before);
	order_drop(order);
	close_scene(tunnel);
}
END_TEST

SUITE("order", a_tunnel_that_stays_the_same_is_used, a_tunnel_may_have_another_name,
      a_tunnel_that_has_ended_is_opened_again, a_tunnel_that_is_gone_ends_before_others_begin)
