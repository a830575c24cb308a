#include "session/forward.h"

#include "net/stream.h"
#include "scene/server_scene.h"
#include "suite.h"

/* A relay between a client's and a visitor's connection, of an account without a tunnel. */
static struct account *account;
static struct source *source;
static int client, visitor;

static void begin_with(bool has_header, const char *received, const char *unsent)
{
	spore_addr addr = scene_addr("127.0.0.1", 9);
	struct buf for_visitor = { 0 }, for_client = { 0 };
	struct visitor arrived;
	struct stream *stream;
	int c[2], v[2];
	struct limit_hit hit;
	enum refusal why;

	scene_open(SCENE_OPEN);
	source = source_get(scene.shared.sources, &addr);
	account = account_open(&scene.shared.principals, source, &scene.limits, NULL, NULL, &hit);
	ck_assert_ptr_nonnull(account);
	account->port = 4000;
	account->id = 1000;
	ck_assert(account_enter(account, NULL, &scene.limits, &why));
	sockets_tcp_pair(c);
	sockets_tcp_pair(v);
	client = c[0];
	visitor = v[0];
	stream = stream_new(scene.loops[0], c[1], &addr, NULL);
	ck_assert(stream && stream_open(stream));
	arrived = (struct visitor){
		.port = 443, /* shared */
		.fd = v[1],
		.account = account_ref(account),
		.peer = addr,
		.since_ns = clock_ns(),
		.has_header = has_header,
	};
	ck_assert(buf_append(&for_visitor, received, strlen(received), 100));
	ck_assert(buf_append(&for_client, unsent, strlen(unsent), 100));
	forward_start(&scene.workers[0], stream, &arrived, &for_visitor, &for_client, 0);
	scene_run();
}

static void begin(const char *received, const char *unsent)
{
	begin_with(false, received, unsent);
}

static void end_all(void)
{
	scene_run();
	ck_assert_uint_eq(scene.workers[0].relays.count, 0);
	ck_assert_uint_eq(account->inside, 0);
	ck_assert_uint_eq(account->refs, 1);
	account_close_tunnel(account);
	source_unref(source);
	scene_close();
}

static void expect(int fd, const char *text)
{
	char got[64];

	ck_assert_int_eq(recv(fd, got, sizeof got, MSG_DONTWAIT), (ssize_t)strlen(text));
	ck_assert_int_eq(memcmp(got, text, strlen(text)), 0);
}

START_TEST(bytes_that_came_early_go_to_their_side)
{
	begin("early", "unsent");
	expect(visitor, "early");
	expect(client, "unsent");
	ck_assert_int_eq(scene_metric("spore_relays"), 1);
	ck_assert_int_eq(scene_metric("spore_connections_accepted_total"), 1);
	close(client);
	close(visitor);
	end_all();
	ck_assert_int_eq(scene_metric("spore_relays"), 0);
}
END_TEST

/* The header is ours, so it does not count. */
START_TEST(a_header_goes_ahead_of_the_visitors_bytes)
{
	static const char start[] = "unsent\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01";
	enum { HEADER = 28 };
	char got[64];

	begin_with(true, "", "unsent");
	ck_assert_int_eq(recv(client, got, sizeof got, MSG_DONTWAIT), 6 + HEADER);
	ck_assert_mem_eq(got, start, sizeof start - 1);
	scene_send(visitor, "up", 2);
	expect(client, "up");
	close(client);
	close(visitor);
	end_all();
	ck_assert_int_eq(scene_metric("spore_bytes_proxied_total"), 2);
}
END_TEST

START_TEST(bytes_are_counted_for_the_account)
{
	begin("", "");
	scene_send(client, "down", 4);
	expect(visitor, "down");
	scene_send(visitor, "upward", 6);
	expect(client, "upward");
	close(client);
	close(visitor);
	scene_run();
	ck_assert_uint_eq(account->bytes_down, 4);
	ck_assert_uint_eq(account->bytes_up, 6);
	ck_assert_int_eq(scene_metric("spore_bytes_proxied_total"), 10);
	end_all();
}
END_TEST

struct found {
	struct forward_view view;
	unsigned n;
};

static bool look(const struct relay_view *view, void *arg)
{
	struct found *found = arg;

	found->view = forward_look(view->arg);
	found->n++;
	return true;
}

START_TEST(an_operator_sees_relay_and_tunnel)
{
	struct found found = { .n = 0 };

	begin("", "");
	relay_each(&scene.workers[0].relays, look, &found);
	ck_assert_uint_eq(found.n, 1);
	ck_assert_uint_gt(found.view.id, 0);
	ck_assert_uint_eq(found.view.tunnel, 1000);
	ck_assert_uint_eq(found.view.port, 443);
	ck_assert_uint_eq(found.view.visitor.port, 9);
	ck_assert_int_lt(found.view.age_ms, 5000);
	close(client);
	close(visitor);
	end_all();
}
END_TEST

static unsigned kick(struct kick kick, struct kicked *kicked)
{
	*kicked = (struct kicked){ 0 };
	relay_reset_matching(&scene.workers[0].relays, forward_is_kicked,
	                     &(struct forward_kick){ &kick, kicked });
	return kicked->relays;
}

START_TEST(an_operator_ends_relays)
{
	struct kicked kicked;
	struct found found;

	for (int i = 0; i < 3; i++) {
		found.n = 0;
		begin("", "");
		relay_each(&scene.workers[0].relays, look, &found);
		ck_assert_uint_eq(kick((struct kick){ .id = 999 }, &kicked), 0);
		ck_assert_uint_eq(kick((struct kick){ .port = 4001 }, &kicked), 0);
		ck_assert_uint_eq(kick((struct kick){ .identity = "mallory" }, &kicked), 0);
		ck_assert_uint_eq(kick(i == 0   ? (struct kick){ .id = found.view.id }
		                       : i == 1 ? (struct kick){ .id = 1000 }
		                                : (struct kick){ .port = 4000 },
		                       &kicked),
		                  1);
		ck_assert_uint_eq(kicked.port, 4000);
		end_all();
		close(client);
		close(visitor);
	}
}
END_TEST

static bool has_lost(const struct relay_view *view, void *expected)
{
	ck_assert_int_eq(forward_has_lost_client(view->arg), *(const bool *)expected);
	return true;
}

/* The relay's own probing is tested with the relay. */
START_TEST(the_relay_of_a_lost_client_is_examined)
{
	struct relay_set *relays = &scene.workers[0].relays;

	begin("", "");
	ck_assert_ptr_eq(relays->losses, &scene.shared.principals.losses);
	ck_assert_ptr_eq((void *)(uintptr_t)relays->is_lost,
	                 (void *)(uintptr_t)forward_has_lost_client);
	relay_each(relays, has_lost, &(bool){ false });
	account_lose_client(account);
	ck_assert_uint_eq(*relays->losses, 1);
	relay_each(relays, has_lost, &(bool){ true });
	close(client);
	close(visitor);
	end_all();
}
END_TEST

SUITE("forward", bytes_that_came_early_go_to_their_side, bytes_are_counted_for_the_account,
      a_header_goes_ahead_of_the_visitors_bytes, an_operator_sees_relay_and_tunnel,
      an_operator_ends_relays, the_relay_of_a_lost_client_is_examined)
