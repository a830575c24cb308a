#include "session/arrival.h"

#include "scene/server_scene.h"
#include "session/tunnel.h"
#include "suite.h"
#include "verdict/allowance.h"
#include "wire/about.h"

/* The transport of all public ports opens once the visitor has sent SCENE_GREETING. */
#define GREETED                                                                                    \
	"{" SCENE_SERVER ", \"limits\": {\"max_handshakes_per_ip\": 2}"                            \
	", \"public\": [{\"ports\": \"1-65535\", \"transport\": [{\"use\": \"xor\", \"key\": "     \
	"90, \"handshake\": \"byte\"}]}]}"

static int client;
static struct server_session *s;
static const struct about nothing;

static struct tunnel *begin(const char *config)
{
	struct allowance *allowance = NULL;
	struct tunnel *tunnel;
	struct limit_hit hit;

	scene_open(config);
	client = scene_connect();
	s = scene_last(LIST_NEWCOMERS);
	tunnel = tunnel_open(s->worker, &s->link, s->source, &nothing, &allowance,
	                     (struct tunnel_port){ 0 }, &hit);
	ck_assert_ptr_nonnull(tunnel);
	scene_run();
	scene_expect_tunnel(client);
	return tunnel;
}

static void end_with(struct tunnel *tunnel)
{
	tunnel_close(tunnel, SPORE_END_CLOSED);
	close(client);
	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	scene_close();
}

static void greet(int fd)
{
	char byte = SCENE_GREETING;

	ck_assert_int_eq(send(fd, &byte, 1, 0), 1);
	scene_run();
}

/* The transport has sent a byte of its own. */
static bool has_ended(int fd)
{
	ssize_t n;

	scene_run();
	do
		n = recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT);
	while (n > 0);
	return n == 0 || errno == ECONNRESET;
}

START_TEST(a_visitor_waits_once_its_transports_are_open)
{
	struct tunnel *tunnel = begin(GREETED);
	struct visitor visitor;
	struct uuid id;
	int fd = scene_visit(tunnel_account(tunnel)->port);

	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 1);
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	ck_assert_uint_eq(tunnel_account(tunnel)->inside, 1);
	greet(fd);
	id = scene_expect(client, MESSAGE_CONNECTION).id;
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	ck_assert(pending_take(scene.shared.pending, &id, &scene.limits, &visitor));
	ck_assert_ptr_nonnull(visitor.stream);
	visitor_drop(&visitor);
	ck_assert(has_ended(fd));
	ck_assert_uint_eq(tunnel_account(tunnel)->inside, 0);
	close(fd);
	end_with(tunnel);
}
END_TEST

START_TEST(a_source_has_few_handshakes)
{
	struct tunnel *tunnel = begin(GREETED);
	uint16_t port = tunnel_account(tunnel)->port;
	int fds[3];

	for (int i = 0; i < 3; i++)
		fds[i] = scene_visit(port);
	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKES), 1);
	ck_assert(has_ended(fds[2]));
	ck_assert_uint_eq(tunnel_account(tunnel)->inside, 2);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	ck_assert_int_eq(scene_metric_of("spore_refusals_total", "public", "handshake"),
	                 0); /* they have sent nothing */
	end_with(tunnel);
}
END_TEST

START_TEST(a_late_handshake_ends)
{
	struct tunnel *tunnel = begin(GREETED);
	int fd = scene_visit(tunnel_account(tunnel)->port);
	struct list *running = &s->worker->arrivals.running;

	scene_run();
	ck_assert(!list_is_empty(running));
	arrival_on_late(CONTAINER_OF(running->next, struct deadline, node));
	ck_assert(list_is_empty(running));
	ck_assert(has_ended(fd));
	ck_assert_int_eq(scene_metric_of("spore_refusals_total", "public", "handshake"), 1);
	ck_assert_uint_eq(tunnel_account(tunnel)->inside, 0);
	close(fd);
	end_with(tunnel);
}
END_TEST

/* Also in the turn in which a transport has opened. */
START_TEST(arrivals_end_with_their_tunnel)
{
	struct tunnel *tunnel = begin(GREETED);
	int fds[2];

	for (int i = 0; i < 2; i++)
		fds[i] = scene_visit(tunnel_account(tunnel)->port);
	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	ck_assert_int_eq(send(fds[1], &(char){ SCENE_GREETING }, 1, 0), 1);
	end_with(tunnel);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
}
END_TEST

START_TEST(an_entry_may_have_access_lists_of_its_own)
{
	struct tunnel *tunnel = begin("{" SCENE_SERVER
	                              ", \"public\": [{\"ports\": \"1-2\"}, {\"ports\": "
	                              "\"3\", \"acl\": []}]}");
	const struct plugin_set *set = scene.set;

	ck_assert_uint_eq(arrival_acl(set, SIZE_MAX), CHAIN_ACL_PUBLIC);
	ck_assert_uint_eq(arrival_acl(set, 0), CHAIN_ACL_PUBLIC);
	ck_assert_uint_eq(arrival_acl(set, 1), chain_of_entry(1, PUBLIC_ACL));
	ck_assert(!arrival_is_needed(set, SIZE_MAX));
	ck_assert(!arrival_is_needed(set, 0));
	end_with(tunnel);
}
END_TEST

static void note_handshakes(struct visitor *visitor, void *arg)
{
	*(unsigned *)arg = scene.shared.handshakes;
	visitor_drop(visitor);
}

/* A drain waits for handshakes and for visitors that wait, and misses none in between. */
START_TEST(a_handshake_lasts_until_its_visitor_is_taken)
{
	struct tunnel *tunnel = begin(GREETED);
	spore_addr local = scene_addr("127.0.0.1", tunnel_account(tunnel)->port);
	unsigned handshakes = 0;
	struct list home;
	struct arrival_plan plan = { .on_open = note_handshakes,
		                     .home = &home,
		                     .arg = &handshakes };
	struct visitor visitor = { .account = account_ref(tunnel_account(tunnel)), .peer = local };
	int fds[2];

	list_init(&home);
	sockets_tcp_pair(fds);
	visitor.fd = fds[1];
	arrival_start(s->worker, &plan, &visitor, &local);
	greet(fds[0]);
	ck_assert_uint_eq(handshakes, 1);
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	ck_assert(list_is_empty(&home));
	close(fds[0]);
	end_with(tunnel);
}
END_TEST

START_TEST(after_a_handshake_there_may_be_no_room_to_wait)
{
	struct tunnel *tunnel = begin(GREETED);
	int fds[2];

	scene.workers[0].limits.settings.max_pending_per_tunnel = 1;
	for (int i = 0; i < 2; i++)
		fds[i] = scene_visit(tunnel_account(tunnel)->port);
	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 2);
	greet(fds[0]);
	ck_assert_uint_eq(tunnel_account(tunnel)->pending, 1);
	greet(fds[1]);
	ck_assert_uint_eq(tunnel_account(tunnel)->pending, 1);
	ck_assert_int_eq(scene_refusals(REFUSED_PENDING), 1);
	ck_assert(has_ended(fds[1]));
	ck_assert_uint_eq(tunnel_account(tunnel)->inside, 1);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	end_with(tunnel);
}
END_TEST

static struct account *open_account(const char *identity)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .session = 1,
		                     .identity = spore_cstr(identity) };
	struct account *account;
	struct limit_hit hit;

	account = account_open(&scene.shared.principals, s->source, &scene.limits, NULL,
	                       grant_new(&result), &hit);
	ck_assert_ptr_nonnull(account);
	return account;
}

/* Access lists are asked again for another name only. */
START_TEST(a_visitor_goes_with_its_tunnel_to_another_owner)
{
	struct tunnel *tunnel = begin(GREETED);
	spore_addr local = scene_addr("127.0.0.1", tunnel_account(tunnel)->port);
	struct account *nobody = open_account(""), *bob = open_account("bob");
	unsigned handshakes;
	struct list home;
	struct arrival_plan plan = { .on_open = note_handshakes,
		                     .home = &home,
		                     .arg = &handshakes };
	struct visitor visitor = { .account = account_ref(tunnel_account(tunnel)), .peer = local };
	int fds[2];

	list_init(&home);
	sockets_tcp_pair(fds);
	visitor.fd = fds[1];
	arrival_start(s->worker, &plan, &visitor, &local);
	scene.workers[0].set = scene_set("{" SCENE_SERVER ", \"acl\": {\"public\": [{\"use\": "
	                                 "\"cidr\", \"deny\": [\"127.0.0.1\"]}]}}");
	arrival_change_account(&home, nobody);
	ck_assert_uint_eq(tunnel_account(tunnel)->inside, 0);
	ck_assert_uint_eq(nobody->inside, 1);
	ck_assert_int_eq(scene_metric_of("spore_refusals_total", "public", "access_list"), 0);
	arrival_change_account(&home, bob);
	ck_assert_uint_eq(nobody->inside, 0);
	ck_assert_uint_eq(bob->inside, 0);
	ck_assert_int_eq(scene_metric_of("spore_refusals_total", "public", "access_list"), 1);
	ck_assert(list_is_empty(&home));
	scene.workers[0].set = scene.set;
	ck_assert(has_ended(fds[0]));
	account_close_tunnel(nobody);
	account_close_tunnel(bob);
	close(fds[0]);
	end_with(tunnel);
}
END_TEST

SUITE("arrival", a_visitor_waits_once_its_transports_are_open, a_source_has_few_handshakes,
      a_late_handshake_ends, arrivals_end_with_their_tunnel,
      an_entry_may_have_access_lists_of_its_own, a_handshake_lasts_until_its_visitor_is_taken,
      after_a_handshake_there_may_be_no_room_to_wait,
      a_visitor_goes_with_its_tunnel_to_another_owner)
