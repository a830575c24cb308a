#include "event/event.h"

#include <spore/auth.h>

#include "quota/pending.h"
#include "scene/account_scene.h"
#include "scene/event_scene.h"
#include "suite.h"

/* A tunnel and a listener. */
struct scene {
	struct event_scene events;
	struct account_scene accounts;
	struct account *account;
	spore_addr peer;
	unsigned n; /* events that were checked */
};

static void open_scene(struct scene *scene)
{
	struct limit_hit hit;

	event_scene_open(&scene->events, 1, 100);
	account_scene_open(&scene->accounts);
	scene->account = account_open(&scene->accounts.principals, scene->accounts.source,
	                              &scene->accounts.limits, NULL, NULL, &hit);
	ck_assert_ptr_nonnull(scene->account);
	scene->account->id = 12;
	scene->account->port = 4000;
	ck_assert(addr_parse("192.0.2.9:77", &scene->peer));
	scene->n = 0;
}

static void close_scene(struct scene *scene)
{
	account_close_tunnel(scene->account);
	account_scene_close(&scene->accounts);
	event_scene_close(&scene->events);
}

static void expect_text(spore_str text, const char *expected)
{
	ck_assert_uint_eq(text.len, strlen(expected));
	ck_assert_mem_eq(text.ptr, expected, text.len);
}

/* The next event has this type and the scene's peer. */
static const spore_event *next_event(struct scene *scene, uint32_t type)
{
	const spore_event *event = event_scene_get(&scene->events, scene->n++);

	ck_assert_uint_eq(event->type, type);
	ck_assert(addr_equal(&event->peer, &scene->peer));
	ck_assert_uint_eq(event->peer.port, 77);
	return event;
}

static const spore_event *next_of_tunnel(struct scene *scene, uint32_t type)
{
	const spore_event *event = next_event(scene, type);

	ck_assert_uint_eq(event->tunnel, 12);
	ck_assert_uint_eq(event->port, 4000);
	expect_text(event->identity, "");
	return event;
}

START_TEST(tunnels)
{
	struct event_client client;
	const spore_event *event;
	struct scene scene;

	open_scene(&scene);
	client = (struct event_client){ &scene.peer, "web" };
	account_carry(scene.account, 5, 6);
	ck_assert(account_scene_enter(&scene.accounts, scene.account));
	event_tunnel_opened(&scene.events.set, scene.account, &client);
	event_tunnel_closed(&scene.events.set, scene.account, &client, SPORE_END_KICKED, 900);
	event = next_of_tunnel(&scene, SPORE_EVENT_TUNNEL_OPENED);
	expect_text(event->name, "web");
	expect_text(event->reason, "");
	event = next_of_tunnel(&scene, SPORE_EVENT_TUNNEL_CLOSED);
	expect_text(event->name, "web");
	expect_text(event->reason, "kicked");
	ck_assert_uint_eq(event->bytes_up, 5);
	ck_assert_uint_eq(event->bytes_down, 6);
	ck_assert_uint_eq(event->visitors, 1);
	ck_assert_int_eq(event->duration_ms, 900);
	account_leave(scene.account, NULL);
	close_scene(&scene);
}
END_TEST

START_TEST(every_end_of_a_tunnel_has_a_word)
{
	static const char *const words[] = {
		[SPORE_END_CLOSED] = "closed",     [SPORE_END_REFUSED] = "refused",
		[SPORE_END_MOVED] = "moved",       [SPORE_END_REVOKED] = "revoked",
		[SPORE_END_KICKED] = "kicked",     [SPORE_END_EXPIRED] = "expired",
		[SPORE_END_SHUTDOWN] = "shutdown",
	};
	struct event_client client;
	struct scene scene;

	open_scene(&scene);
	client = (struct event_client){ &scene.peer, NULL };
	for (uint32_t end = 0; end < sizeof words / sizeof *words; end++)
		event_tunnel_closed(&scene.events.set, scene.account, &client, end, 0);
	account_lose_client(scene.account);
	event_tunnel_closed(&scene.events.set, scene.account, &client, 0, 0);
	for (uint32_t end = 0; end < sizeof words / sizeof *words; end++)
		expect_text(next_of_tunnel(&scene, SPORE_EVENT_TUNNEL_CLOSED)->reason,
		            words[end] ? words[end] : "closed");
	expect_text(next_of_tunnel(&scene, SPORE_EVENT_TUNNEL_CLOSED)->reason, "lost");
	close_scene(&scene);
}
END_TEST

START_TEST(visitors)
{
	const struct uuid id = { "0123456789abcde" };
	struct acl_answer denied = { .reason = "10.0.0.0/8" };
	struct visitor visitor = { .id = id, .port = 4000 };
	const spore_event *event;
	struct scene scene;

	open_scene(&scene);
	visitor.account = scene.account;
	visitor.peer = scene.peer;
	denied.by = scene.events.chain->items[0];
	event_visitor_accepted(&scene.events.set, &visitor);
	event_visitor_refused(&scene.events.set, &visitor, REFUSED_ACCESS_LIST, &denied);
	event_visitor_refused(&scene.events.set, &visitor, REFUSED_SOURCE_PACE, NULL);
	event_visitor_unopened(&scene.events.set, &visitor, REFUSED_HANDSHAKE,
	                       &(struct event_opening){ "it took too long", "web" });
	event_visitor_unopened(&scene.events.set, &visitor, REFUSED_HANDSHAKE,
	                       &(struct event_opening){ NULL, NULL });
	event_visitor_ended(&scene.events.set, &(struct visitor_line){ .id = id,
	                                                               .peer = scene.peer,
	                                                               .account = scene.account,
	                                                               .port = 4000,
	                                                               .since_ms = clock_ms(),
	                                                               .bytes_up = 3,
	                                                               .bytes_down = 4,
	                                                               .word = "idle",
	                                                               .error = "an error" });
	event = next_of_tunnel(&scene, SPORE_EVENT_VISITOR_ACCEPTED);
	expect_text(event->visitor, "30313233-3435-3637-3839-616263646500");
	event = next_of_tunnel(&scene, SPORE_EVENT_VISITOR_REFUSED);
	expect_text(event->reason, "access_list");
	expect_text(event->plugin, "ear");
	expect_text(event->detail, "10.0.0.0/8");
	event = next_of_tunnel(&scene, SPORE_EVENT_VISITOR_REFUSED);
	expect_text(event->reason, "source_pace");
	expect_text(event->plugin, "");
	event = next_of_tunnel(&scene, SPORE_EVENT_VISITOR_REFUSED);
	expect_text(event->reason, "handshake");
	expect_text(event->detail, "it took too long (entry web)");
	event = next_of_tunnel(&scene, SPORE_EVENT_VISITOR_REFUSED);
	expect_text(event->detail, "");
	event = next_of_tunnel(&scene, SPORE_EVENT_VISITOR_ENDED);
	expect_text(event->visitor, "30313233-3435-3637-3839-616263646500");
	expect_text(event->reason, "idle");
	expect_text(event->detail, "an error");
	ck_assert_uint_eq(event->bytes_up, 3);
	ck_assert_uint_eq(event->bytes_down, 4);
	close_scene(&scene);
}
END_TEST

/* Its tunnel has another port, or it has no tunnel. */
START_TEST(visitors_of_a_routed_port)
{
	struct visitor visitor = { .port = 443 };
	const spore_event *event;
	struct scene scene;

	open_scene(&scene);
	visitor.peer = scene.peer;
	event_visitor_unopened(&scene.events.set, &visitor, REFUSED_UNKNOWN_HOST,
	                       &(struct event_opening){ NULL, "web" });
	visitor.account = scene.account;
	event_visitor_accepted(&scene.events.set, &visitor);
	event_visitor_ended(&scene.events.set, &(struct visitor_line){ .peer = scene.peer,
	                                                               .account = scene.account,
	                                                               .port = 443,
	                                                               .word = "idle" });
	event = next_event(&scene, SPORE_EVENT_VISITOR_REFUSED);
	expect_text(event->reason, "unknown_host");
	expect_text(event->detail, "(entry web)");
	ck_assert_uint_eq(event->tunnel, 0);
	ck_assert_uint_eq(event->port, 443);
	ck_assert_uint_eq(next_event(&scene, SPORE_EVENT_VISITOR_ACCEPTED)->port, 443);
	event = next_event(&scene, SPORE_EVENT_VISITOR_ENDED);
	ck_assert_uint_eq(event->port, 443);
	ck_assert_uint_eq(event->tunnel, 12);
	close_scene(&scene);
}
END_TEST

START_TEST(clients_and_reloads)
{
	const spore_event *event;
	struct scene scene;

	open_scene(&scene);
	event_client_allowed(&scene.events.set, &scene.peer, "hmac", "alice");
	event_client_refused(&scene.events.set,
	                     &(struct event_refusal){ .peer = &scene.peer,
	                                              .why = REFUSED_WRONG_SECRET,
	                                              .plugin = "p",
	                                              .detail = "d",
	                                              .identity = "i",
	                                              .name = "n",
	                                              .port = 9 });
	event_reloaded(&scene.events.set, true, NULL);
	event_reloaded(&scene.events.set, false, "a mistake");
	event = next_event(&scene, SPORE_EVENT_CLIENT_ALLOWED);
	expect_text(event->plugin, "hmac");
	expect_text(event->identity, "alice");
	event = next_event(&scene, SPORE_EVENT_CLIENT_REFUSED);
	expect_text(event->reason, "wrong_secret");
	expect_text(event->plugin, "p");
	expect_text(event->detail, "d");
	expect_text(event->identity, "i");
	expect_text(event->name, "n");
	ck_assert_uint_eq(event->port, 9);
	event = event_scene_get(&scene.events, 2);
	expect_text(event->reason, "done");
	ck_assert_uint_eq(event->peer.family, 0);
	event = event_scene_get(&scene.events, 3);
	expect_text(event->reason, "refused");
	expect_text(event->detail, "a mistake");
	close_scene(&scene);
}
END_TEST

/* Without a listener nothing is made of the arguments. */
START_TEST(without_a_listener_nothing_happens)
{
	const struct account *none = NULL;
	struct event_scene scene;

	event_scene_open(&scene, 0, 0);
	event_visitor_accepted(&scene.set, NULL);
	event_visitor_refused(&scene.set, NULL, REFUSED_ACCESS_LIST, NULL);
	event_visitor_ended(&scene.set, NULL);
	event_tunnel_opened(&scene.set, none, NULL);
	event_client_allowed(&scene.set, NULL, "", "");
	event_client_refused(&scene.set, NULL);
	event_reloaded(&scene.set, true, NULL);
	event_scene_close(&scene);
}
END_TEST

SUITE("event", visitors_of_a_routed_port, tunnels, every_end_of_a_tunnel_has_a_word, visitors,
      clients_and_reloads, without_a_listener_nothing_happens)
