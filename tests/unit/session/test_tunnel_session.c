#include "session/tunnel_session.h"

#include "quota/kick.h"
#include "scene/ledger_scene.h"
#include "session/tunnel.h"
#include "suite.h"
#include "wire/about.h"

#define KEEP                                                                                       \
	"{\"server\": {\"bind_addr\": \"127.0.0.1\", \"on_reload\": \"keep\"}, \"auth\": "         \
	"[{\"use\": \"policy\", \"names\": [\"bob\"]}]}"
#define BOB       SCENE_AUTH("{\"use\": \"policy\", \"names\": [\"bob\"]}")
#define ALICE     SCENE_AUTH("{\"use\": \"policy\", \"names\": [\"alice\"], \"max_conns\": 3}")
#define LOW_PORTS SCENE_AUTH("{\"use\": \"policy\", \"names\": [\"alice\"], \"ports\": \"1-2\"}")
#define SHORT     SCENE_AUTH("{\"use\": \"policy\", \"names\": [\"alice\"], \"life\": \"0.03\"}")
#define ONE_EACH  SCENE_AUTH("{\"use\": \"policy\", \"names\": [\"alice\"], \"max_tunnels\": 1}")

static int open_tunnel(uint16_t *port_out)
{
	bool asks = scene.set->chains[CHAIN_AUTH]->n > 0;
	int fd = asks ? scene_log_in("alice") : scene_connect();

	scene_hello(fd, *port_out);
	*port_out = scene_expect_tunnel(fd);
	return fd;
}

static const struct account *account_of_last(void)
{
	return tunnel_account(tunnel_session_tunnel(scene_last(LIST_TUNNELS)));
}

static void extend(int fd)
{
	struct message answer;

	scene_say(fd, &(struct message){ .type = MESSAGE_EXTEND, .port = 60000 });
	answer = scene_expect(fd, MESSAGE_EXTENDED);
	ck_assert_uint_eq(answer.port, SERVER_PULSE_MS);
	ck_assert_uint_eq(answer.ahead, 0);
	ck_assert_uint_eq(answer.offers, MESSAGE_OFFER_CLAIM | MESSAGE_OFFER_DECLINE |
	                                         MESSAGE_OFFER_UNSERVED | MESSAGE_OFFER_READY);
}

/* The only client that promised heartbeats has sent none for so long. */
static struct deadline *be_silent(int worker, int64_t ms)
{
	struct list *running = &scene.workers[worker].silence.running;
	struct deadline *silence = CONTAINER_OF(running->next, struct deadline, node);

	ck_assert(!list_is_empty(running));
	ck_assert_ptr_eq(running->next, running->prev);
	silence->at_ms -= ms;
	return silence;
}

/* ---- the connection ---- */

START_TEST(a_bore_client_hears_each_beat_and_a_spore_client_some)
{
	struct message message;
	uint16_t port = 0;
	unsigned n = 0;
	int fd;

	scene_open(SCENE_OPEN);
	fd = open_tunnel(&port);
	for (unsigned i = 0; i < 3; i++) {
		tunnel_sessions_beat(&scene.workers[0], i);
		scene_run();
		scene_expect(fd, MESSAGE_HEARTBEAT);
	}
	ck_assert(!tunnel_session_is_heard(scene_last(LIST_TUNNELS)));
	extend(fd);
	ck_assert(tunnel_session_is_heard(scene_last(LIST_TUNNELS)));
	for (unsigned i = 0; i < 2 * TUNNEL_SESSION_SELDOM; i++) {
		tunnel_sessions_beat(&scene.workers[0], i);
		scene_run();
		n += scene_hear(fd, &message) == HEARD_MESSAGE;
	}
	ck_assert_uint_eq(n, 2);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(what_a_client_says_besides_is_passed_over)
{
	uint16_t port = 0;
	int fd;

	scene_open(SCENE_OPEN);
	fd = open_tunnel(&port);
	scene_send(fd, "nonsense\0{\"Hello\":1}", 21);
	scene_expect_nothing(fd);
	ck_assert(list_is_empty(&scene.workers[0].silence.running));
	extend(fd);
	close(fd);
	scene_close();
}
END_TEST

static int visit_alice(uint16_t *port, int *client, struct uuid *id_out)
{
	int fd;

	*client = open_tunnel(port);
	fd = scene_visit(*port);
	*id_out = scene_expect(*client, MESSAGE_CONNECTION).id;
	return fd;
}

/* A client declines its own visitors, and those of no other. */
START_TEST(a_client_may_decline_a_visitor)
{
	uint16_t port = 0;
	int alice, bob, visitor;
	struct uuid id;

	scene_open(SCENE_NAMES);
	visitor = visit_alice(&port, &alice, &id);
	bob = scene_log_in("bob");
	scene_hello(bob, 0);
	scene_expect_tunnel(bob);
	scene_say(bob, &(struct message){ .type = MESSAGE_DECLINE, .id = id });
	ck_assert_uint_eq(pending_count(scene.shared.pending), 1);
	scene_say(alice, &(struct message){ .type = MESSAGE_DECLINE, .id = id });
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	ck_assert_int_eq(recv(visitor, &(char){ 0 }, 1, 0), 0);
	scene_expect_nothing(alice);
	close(visitor);
	close(alice);
	close(bob);
	scene_close();
}
END_TEST

static const struct about *about_of_last(void)
{
	return tunnel_session_about(scene_last(LIST_TUNNELS));
}

/* Without a Challenge there is no other time for it. */
START_TEST(a_client_may_say_about_itself_after_extended)
{
	uint16_t port = 0;
	int fd;

	scene_open(SCENE_OPEN);
	fd = open_tunnel(&port);
	ck_assert(about_of_last()->asks_for_port);
	scene_about(fd, "name=early");
	ck_assert_ptr_null(about_name(about_of_last()));
	extend(fd);
	scene_about(fd, "name=web");
	ck_assert_str_eq(about_name(about_of_last()), "web");
	/* What cannot be taken is ignored. */
	scene_about(fd, "name=other");
	scene_about(fd, "host=a b");
	for (size_t size = 0; size <= ABOUT_MAX; size += 19)
		scene_about(fd, "host=a");
	ck_assert_uint_le(about_of_last()->size, ABOUT_MAX);
	ck_assert_str_eq(about_name(about_of_last()), "web");
	scene_expect_nothing(fd);
	close(fd);
	scene_close();
}
END_TEST

/* The verdict was on something else. */
START_TEST(what_was_said_before_the_verdict_stays)
{
	uint16_t size;
	int fd;

	scene_open(SCENE_NAMES);
	fd = scene_log_in("alice");
	scene_about(fd, "tag=env=test");
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	size = about_of_last()->size;
	for (int i = 0; i < 2; i++) {
		extend(fd);
		scene_about(fd, "name=web");
		ck_assert_uint_eq(about_of_last()->size, size);
	}
	close(fd);
	scene_close();
}
END_TEST

static bool has_no_tunnel(void *unused)
{
	(void)unused;
	return scene.workers[0].sessions[LIST_TUNNELS].count == 0;
}

START_TEST(a_silent_spore_client_is_reset)
{
	struct deadline *silence;
	uint16_t port = 0;
	int fd;

	scene_open(SCENE_OPEN);
	fd = open_tunnel(&port);
	extend(fd);
	silence = be_silent(0, SERVER_SILENCE_MS);
	/* A heartbeat that was not read yet counts. */
	ck_assert_int_eq(send(fd, "\"Heartbeat\"", 12, 0), 12);
	deadline_stop(silence);
	tunnel_session_on_silence(silence);
	scene_run();
	scene_expect_nothing(fd);
	be_silent(0, SERVER_SILENCE_MS);
	deadline_stop(silence);
	tunnel_session_on_silence(silence);
	scene_run();
	ck_assert_int_eq(scene_hear(fd, &(struct message){ .type = 0 }), HEARD_RESET);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 0);
	ck_assert_uint_eq(scene.shared.principals.losses, 1);
	close(fd);
	scene_close();
}
END_TEST

/* Only a client that has not ended in order may have left its relays behind. */
START_TEST(a_broken_connection_loses_the_client_and_an_orderly_end_does_not)
{
	for (int in_order = 0; in_order < 2; in_order++) {
		uint16_t port = 0;
		int fd;

		scene_open(SCENE_OPEN);
		fd = open_tunnel(&port);
		if (in_order)
			close(fd);
		else
			sockets_reset(fd);
		scene_wait(has_no_tunnel, NULL);
		ck_assert_uint_eq(scene.shared.principals.losses, !in_order);
		scene_close();
	}
}
END_TEST

START_TEST(a_tunnel_ends_when_its_granted_time_is_over)
{
	uint16_t port = 0;
	int fd;

	scene_open(SHORT);
	fd = open_tunnel(&port);
	scene_wait(has_no_tunnel, NULL);
	scene_expect_error(fd, REFUSED_LIFE_OVER);
	ck_assert_int_eq(scene_all_refusals(), 0);
	scene_close();
}
END_TEST

START_TEST(a_client_hears_why_it_gets_no_tunnel)
{
	uint16_t port = 0;
	int fd, other;

	scene_open(ONE_EACH);
	fd = open_tunnel(&port);
	other = scene_log_in("alice");
	scene_hello(other, 0);
	scene_expect_error(other, REFUSED_TOO_MANY_TUNNELS);
	ck_assert_int_eq(scene_refusals(REFUSED_TOO_MANY_TUNNELS), 1);
	other = scene_log_in("alice");
	scene_hello(other, 80);
	scene_expect(other, MESSAGE_ERROR);
	close(other);
	atomic_store(&scene.shared.draining, true);
	other = scene_log_in("alice");
	scene_hello(other, 0);
	scene_expect_error(other, REFUSED_DRAINING);
	close(fd);
	scene_close();
}
END_TEST

/* ---- another configuration ---- */

/* A tunnel of alice's, then a reload: refused for this reason, or kept (REFUSED_COUNT). */
static void review(const char *config, enum refusal why)
{
	struct server_session *s;
	uint16_t port = 0;
	int fd;

	scene_open(SCENE_NAMES);
	fd = open_tunnel(&port);
	s = scene_last(LIST_TUNNELS);
	scene_renew(config);
	if (why < REFUSED_COUNT) {
		scene_expect_error(fd, why);
	} else {
		ck_assert_int_eq(s->state, SESSION_TUNNEL);
		ck_assert_uint_eq(account_of_last()->port, port);
		scene_expect_nothing(fd);
		close(fd);
	}
	ck_assert_int_eq(scene_all_refusals(), 0);
}

START_TEST(a_client_that_is_known_to_the_new_chain_keeps_its_tunnel)
{
	review(ALICE, REFUSED_COUNT);
	ck_assert_ptr_eq(account_of_last()->principal->by, scene.set->chains[CHAIN_AUTH]->items[0]);
	ck_assert_uint_eq(account_of_last()->grant->max_conns, 3);
	ck_assert_str_eq(account_identity(account_of_last()), "alice");
	scene_close();
	/* Without authentication everybody is known. */
	review(SCENE_OPEN, REFUSED_COUNT);
	ck_assert_ptr_null(account_of_last()->principal->by);
	scene_close();
}
END_TEST

START_TEST(a_client_that_is_denied_by_the_new_chain_loses_its_tunnel)
{
	review(BOB, REFUSED_REVOKED);
	scene_close();
	review(LOW_PORTS, REFUSED_PORT_NOT_ALLOWED);
	scene_close();
}
END_TEST

START_TEST(on_reload_keep_asks_nobody)
{
	review(KEEP, REFUSED_COUNT);
	ck_assert_str_eq(account_identity(account_of_last()), "alice");
	ck_assert_ptr_ne(account_of_last()->principal->by, scene.set->chains[CHAIN_AUTH]->items[0]);
	scene_close();
}
END_TEST

START_TEST(an_older_chain_lets_in_and_the_newer_one_reviews)
{
	int fd;

	scene_open(SCENE_NAMES);
	fd = scene_log_in("alice");
	scene_renew(BOB);
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	scene_expect_error(fd, REFUSED_REVOKED);
	scene_close();
}
END_TEST

START_TEST(a_second_reload_replaces_the_first_verdict)
{
	uint16_t port = 0;
	int fd;

	scene_open(SCENE_NAMES);
	scene_set(SCENE_LATER("deny"));
	scene_set(ALICE);
	fd = open_tunnel(&port);
	scene_renew(SCENE_LATER("deny"));
	ck_assert_int_eq(scene_last(LIST_TUNNELS)->state, SESSION_REVIEWED);
	scene_renew(ALICE);
	ck_assert_int_eq(scene_last(LIST_TUNNELS)->state, SESSION_TUNNEL);
	run_for(scene.loops[0], SCENE_LATER_MS + 100);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 1);
	scene_expect_nothing(fd);
	close(fd);
	scene_close();
}
END_TEST

/* The tunnels of the first worker that are in this state. */
static unsigned n_in(enum session_state state)
{
	const struct server_session *s = server_sessions_first(&scene.workers[0], LIST_TUNNELS);
	unsigned n = 0;

	for (; s; s = server_sessions_next(s))
		n += s->state == state;
	return n;
}

START_TEST(a_few_tunnels_are_judged_at_a_time_the_oldest_first)
{
	enum { MANY = REVIEW_AT_ONCE + 3 };
	struct server_session *oldest;
	uint16_t port = 0;
	int fds[MANY];

	scene_open(LEDGER_OPEN);
	for (int i = 0; i < MANY; i++, port = 0)
		fds[i] = open_tunnel(&port);
	oldest = server_sessions_first(&scene.workers[0], LIST_TUNNELS);
	scene_renew(LEDGER_NEVER);
	ck_assert_uint_eq(n_in(SESSION_REVIEWED), REVIEW_AT_ONCE);
	ck_assert_uint_eq(n_in(SESSION_OUTDATED), 3);
	ck_assert_int_eq(oldest->state, SESSION_REVIEWED);
	ck_assert_int_eq(scene_last(LIST_TUNNELS)->state, SESSION_OUTDATED);
	ck_assert_int_eq(scene_metric("spore_tunnels_outdated"), MANY);
	/* A place becomes free when a verdict is late, and when a tunnel closes. */
	scene_be_late(oldest);
	ck_assert_int_eq(oldest->state, SESSION_OUTDATED);
	close(fds[1]);
	scene_run();
	ck_assert_uint_eq(n_in(SESSION_REVIEWED), REVIEW_AT_ONCE);
	ck_assert_uint_eq(n_in(SESSION_OUTDATED), 2);
	scene_renew(LEDGER_OPEN);
	ck_assert_uint_eq(n_in(SESSION_TUNNEL), MANY - 1);
	ck_assert_int_eq(scene_metric("spore_tunnels_outdated"), 0);
	for (int i = 0; i < MANY; i++)
		if (i != 1)
			close(fds[i]);
	scene_close();
	scene_check_ledgers();
}
END_TEST

/* Waiting, asked, or in a pause: the next reload asks its own chain, and nobody else. */
START_TEST(a_reload_begins_anew)
{
	static const char failing[] = LEDGER(", \"verdict\": \"fail\"");
	const struct ledger_counts *counts;
	uint16_t port = 0;
	int fd;

	scene_open(LEDGER_OPEN);
	fd = open_tunnel(&port);
	counts = ledger_counts(LEDGER_OPEN);
	scene_renew(failing);
	ck_assert_uint_eq(ledger_counts(failing)->renewals, 1);
	ck_assert_ptr_eq(account_of_last()->principal->by->self, counts);
	scene_renew(LEDGER_NEVER);
	ck_assert_int_eq(scene_last(LIST_TUNNELS)->state, SESSION_REVIEWED);
	scene_renew(ALICE);
	ck_assert_int_eq(scene_last(LIST_TUNNELS)->state, SESSION_TUNNEL);
	ck_assert_uint_eq(ledger_counts(failing)->renewals, 1);
	ck_assert_uint_eq(counts->by[SPORE_END_MOVED], 1);
	close(fd);
	scene_close();
	scene_check_ledgers();
}
END_TEST

static bool was_asked_twice(void *counts)
{
	return ((const struct ledger_counts *)counts)->renewals == 2;
}

START_TEST(who_cannot_decide_is_asked_again)
{
	static const char busy[] = LEDGER(", \"verdict\": \"fail\"");
	uint16_t port = 0;
	int fd;

	scene_open(LEDGER_OPEN);
	fd = open_tunnel(&port);
	scene_renew(busy);
	ck_assert_int_eq(scene_last(LIST_TUNNELS)->state, SESSION_OUTDATED);
	scene_wait(was_asked_twice, (void *)(uintptr_t)ledger_counts(busy));
	ck_assert_int_eq(scene_last(LIST_TUNNELS)->state, SESSION_OUTDATED);
	close(fd);
	scene_close();
	scene_check_ledgers();
}
END_TEST

/* An answer that is good once needs not be good twice. */
START_TEST(a_one_time_answer_outlives_a_reload)
{
	static const char another[] = LEDGER(
		", \"once\": true, \"how\": \"ticket\", \"on_error\": \"deny\"");
	uint16_t port = 0;
	int fd;

	scene_open(LEDGER_ONCE);
	fd = open_tunnel(&port);
	scene_renew(another);
	ck_assert_int_eq(scene_last(LIST_TUNNELS)->state, SESSION_TUNNEL);
	ck_assert_uint_eq(ledger_counts(another)->allows, 1);
	ck_assert_uint_eq(ledger_counts(LEDGER_ONCE)->by[SPORE_END_MOVED], 1);
	scene_expect_nothing(fd);
	close(fd);
	scene_close();
	scene_check_ledgers();
}
END_TEST

/* Its instance is the same as before, and none is in front of it. */
START_TEST(whom_no_new_instance_concerns_is_not_judged_again)
{
	uint16_t port = 0;
	int fd;

	scene_open(LEDGER_ONCE);
	fd = open_tunnel(&port);
	scene_renew(LEDGER_ONCE);
	ck_assert_int_eq(scene_last(LIST_TUNNELS)->state, SESSION_TUNNEL);
	ck_assert_uint_eq(ledger_counts(LEDGER_ONCE)->allows, 1);
	scene_expect_nothing(fd);
	close(fd);
	scene_close();
	scene_check_ledgers();
}
END_TEST

/* The new owner may not have the port: its ALLOW ends, and the old one's. */
START_TEST(an_allow_that_does_not_reach_far_enough_ends)
{
	uint16_t port = 0;
	int fd;

	scene_open(LEDGER_OPEN);
	fd = open_tunnel(&port);
	scene_renew(LOW_PORTS);
	scene_expect_error(fd, REFUSED_PORT_NOT_ALLOWED);
	ck_assert_uint_eq(ledger_counts(LEDGER_OPEN)->by[SPORE_END_REVOKED], 1);
	scene_close();
	scene_check_ledgers();
}
END_TEST

/* ---- a plugin changes its mind ---- */

START_TEST(revalidation_meets_the_tunnels_of_one_identity)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = SPORE_AUTH_F_MAX_CONNS,
		                     .max_conns = 7 };
	struct server_worker *worker = &scene.workers[0];
	struct grant *grant = grant_new(&result);
	const uint64_t no_session = 1;
	const struct instance *by;
	uint16_t port = 0;
	int alice, bob;

	scene_open(SCENE_NAMES);
	alice = open_tunnel(&port);
	bob = scene_log_in("bob");
	scene_hello(bob, 0);
	scene_expect_tunnel(bob);
	by = scene.set->chains[CHAIN_AUTH]->items[0];
	scene_revise_identity("bob", grant);
	ck_assert_uint_eq(account_of_last()->grant->max_conns, 7);
	ck_assert_str_eq(account_identity(account_of_last()), "bob");
	server_sessions_revise(worker, &(struct revision){ .identity = spore_cstr("alice") });
	server_sessions_revise(worker, &(struct revision){ .by = by,
	                                                   .identity = spore_cstr("alice"),
	                                                   .session = &no_session });
	scene_revise_identity("eve", NULL);
	ck_assert_uint_eq(worker->sessions[LIST_TUNNELS].count, 2);
	scene_revise_identity("alice", NULL);
	ck_assert_uint_eq(worker->sessions[LIST_TUNNELS].count, 1);
	scene_run();
	scene_expect_error(alice, REFUSED_REVOKED);
	scene_expect_nothing(bob);
	grant_free(grant);
	close(bob);
	scene_close();
}
END_TEST

/* The client is let in, and has not said Hello. */
static int be_ready(const char *name)
{
	int fd = scene_log_in(name);

	scene_be_late(scene_last(LIST_NEWCOMERS));
	ck_assert_int_eq(scene_last(LIST_NEWCOMERS)->state, SESSION_READY);
	return fd;
}

/* It waits for the port of a tunnel of the same client on the other worker. */
static int be_taking_over(const char *name, int *holder_out, uint16_t *port_out)
{
	int fd;

	*holder_out = scene_connect_from(1, "127.0.0.1");
	scene_expect(*holder_out, MESSAGE_CHALLENGE);
	scene_authenticate(*holder_out, name);
	scene_hello(*holder_out, 0);
	*port_out = scene_expect_tunnel(*holder_out);
	extend(*holder_out);
	be_silent(1, SERVER_SILENCE_MS);
	scene.stalled[1] = true;
	fd = scene_log_in(name);
	scene_hello(fd, *port_out);
	ck_assert_int_eq(scene_last(LIST_NEWCOMERS)->state, SESSION_TAKING_OVER);
	return fd;
}

START_TEST(revalidation_denies_who_has_no_tunnel_yet)
{
	int ready, taking_over, holder;
	uint16_t port;

	scene_open(SCENE_NAMES);
	taking_over = be_taking_over("bob", &holder, &port);
	ready = be_ready("alice");
	scene_revise_identity("eve", NULL);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_NEWCOMERS].count, 2);
	scene_revise_identity("alice", NULL);
	scene_revise_identity("bob", NULL);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_NEWCOMERS].count, 0);
	scene_run();
	scene_expect_error(ready, REFUSED_REVOKED);
	scene_expect_error(taking_over, REFUSED_REVOKED);
	scene.stalled[1] = false;
	scene_run(); /* the port comes too late */
	close(holder);
	scene_close();
}
END_TEST

START_TEST(revalidation_renews_who_has_no_tunnel_yet)
{
	spore_auth_result result = { .struct_size = sizeof result,
		                     .fields = SPORE_AUTH_F_MAX_TUNNELS | SPORE_AUTH_F_PORTS };
	struct grant *grant = grant_new(&result);
	int ready, taking_over, holder;
	uint16_t port;

	scene_open(SCENE_NAMES);
	taking_over = be_taking_over("bob", &holder, &port);
	ready = be_ready("alice");
	scene_revise_identity("alice", grant);
	scene_revise_identity("bob", grant);
	scene_hello(ready, 0);
	scene_expect_error(ready, REFUSED_TOO_MANY_TUNNELS);
	scene.stalled[1] = false;
	scene_run();
	scene_expect_error(taking_over, REFUSED_PORT_NOT_ALLOWED);
	grant_free(grant);
	close(holder);
	scene_close();
}
END_TEST

START_TEST(a_kick_meets_one_tunnel)
{
	uint16_t one = 0, two = 0;
	struct kicked kicked = { 0 };
	int first, second;
	uint64_t id;

	scene_open(SCENE_OPEN);
	first = open_tunnel(&one);
	id = account_of_last()->id;
	second = open_tunnel(&two);
	ck_assert_uint_ne(account_of_last()->id, id);
	for (int i = 0; i < 2; i++) /* the second time there is none */
		tunnel_sessions_kick(&scene.workers[0], &(struct kick){ .id = id }, &kicked);
	ck_assert_uint_eq(kicked.tunnels, 1);
	ck_assert_uint_eq(kicked.port, one);
	scene_run();
	scene_expect_error(first, REFUSED_KICKED);
	scene_expect_nothing(second);
	close(second);
	scene_close();
}
END_TEST

START_TEST(a_drain_closes_the_ports_and_no_session)
{
	spore_addr addr = scene_addr("127.0.0.1", 0);
	uint16_t port = 0;
	struct sockaddr_storage sa;
	socklen_t len;
	int fd, visitor = socket(AF_INET, SOCK_STREAM, 0);

	scene_open(SCENE_OPEN);
	fd = open_tunnel(&port);
	tunnel_sessions_stop_accepting(&scene.workers[0]);
	addr.port = port;
	len = addr_to_sockaddr(&addr, &sa);
	ck_assert_int_eq(connect(visitor, (struct sockaddr *)&sa, len), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	scene_expect_nothing(fd);
	close(visitor);
	close(fd);
	scene_close();
}
END_TEST

/* Tells the server that the client can move. */
static void offer_to_move(int fd)
{
	scene_say(fd, &(struct message){ .type = MESSAGE_EXTEND,
	                                 .port = 60000,
	                                 .wants = MESSAGE_WANTS_LEAVING });
	scene_expect(fd, MESSAGE_EXTENDED);
}

START_TEST(a_client_that_can_move_is_told_and_keeps_its_port)
{
	uint16_t moving = 0, staying = 0;
	int mover, stayer;

	scene_open(SCENE_OPEN);
	mover = open_tunnel(&moving);
	stayer = open_tunnel(&staying);
	offer_to_move(mover);
	atomic_store(&scene.shared.draining, true);
	tunnel_sessions_leave(&scene.workers[0]);
	ck_assert_uint_eq(atomic_load(&scene.shared.leavers), 1);
	scene_run();
	scene_expect(mover, MESSAGE_LEAVING);
	scene_expect_nothing(stayer);
	close(scene_visit(moving));
	scene_run();
	scene_expect(mover, MESSAGE_CONNECTION);
	scene_say(mover, &(struct message){ .type = MESSAGE_MOVED });
	scene_run();
	ck_assert_uint_eq(atomic_load(&scene.shared.leavers), 0);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 1);
	close(mover);
	close(stayer);
	scene_close();
}
END_TEST

START_TEST(who_does_not_move_in_time_loses_its_port)
{
	uint16_t port = 0;
	int fd;

	scene_open(SCENE_OPEN);
	fd = open_tunnel(&port);
	offer_to_move(fd);
	atomic_store(&scene.shared.draining, true);
	tunnel_sessions_leave(&scene.workers[0]);
	tunnel_sessions_stop_accepting(&scene.workers[0]);
	ck_assert_uint_eq(atomic_load(&scene.shared.leavers), 0);
	scene_run();
	scene_expect(fd, MESSAGE_LEAVING);
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 1);
	close(fd);
	scene_run();
	ck_assert_uint_eq(atomic_load(&scene.shared.leavers), 0);
	scene_close();
}
END_TEST

/* A server that stays is not left by mistake, and a late Extend is told at once. */
START_TEST(moved_counts_only_during_a_drain)
{
	uint16_t port = 0;
	int fd;

	scene_open(SCENE_OPEN);
	fd = open_tunnel(&port);
	scene_say(fd, &(struct message){ .type = MESSAGE_MOVED });
	scene_run();
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 1);
	atomic_store(&scene.shared.draining, true);
	offer_to_move(fd);
	scene_expect(fd, MESSAGE_LEAVING);
	close(fd);
	scene_close();
}
END_TEST

/* ---- a port changes hands ---- */

START_TEST(the_port_of_a_silent_session_moves_unclosed)
{
	int old, new, early, late;
	uint16_t port;
	char byte;

	scene_open(SCENE_OPEN);
	old = scene_connect_from(1, "127.0.0.1");
	scene_hello(old, 0);
	port = scene_expect_tunnel(old);
	extend(old);
	be_silent(1, SERVER_PULSE_MS + 2600);
	scene.stalled[1] = true;
	early = scene_visit(port);
	new = scene_connect();
	scene_hello(new, port);
	scene.stalled[1] = false;
	scene_run();
	ck_assert_uint_eq(scene_expect_tunnel(new), port);
	ck_assert_int_eq(scene_last(LIST_TUNNELS)->state, SESSION_TUNNEL);
	ck_assert_uint_eq(scene.workers[1].sessions[LIST_TUNNELS].count, 0);
	ck_assert_uint_eq(scene.shared.principals.losses, 1);
	/* Visitors that came before are not reset; new ones are announced to the new session. */
	ck_assert_int_eq(recv(early, &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
	late = scene_visit(port);
	scene_expect(new, MESSAGE_CONNECTION);
	close(early);
	close(late);
	close(old);
	close(new);
	scene_close();
}
END_TEST

/* The next owner has not said that its service is down. */
START_TEST(a_port_that_is_closed_for_a_while_moves_open)
{
	int old, new, visitor;
	uint16_t port = 0;

	scene_open(SCENE_OPEN);
	old = open_tunnel(&port);
	extend(old);
	scene_say(old, &(struct message){ .type = MESSAGE_READY, .close = true, .text = "x" });
	ck_assert(tunnel_readiness(tunnel_session_tunnel(scene_last(LIST_TUNNELS)))->is_shut);
	be_silent(0, SERVER_PULSE_MS + 2600);
	new = scene_connect();
	scene_hello(new, port);
	ck_assert_uint_eq(scene_expect_tunnel(new), port);
	ck_assert(!tunnel_readiness(tunnel_session_tunnel(scene_last(LIST_TUNNELS)))->is_down);
	visitor = scene_visit(port);
	scene_expect(new, MESSAGE_CONNECTION);
	close(visitor);
	close(old);
	close(new);
	scene_close();
}
END_TEST

START_TEST(a_session_that_is_heard_keeps_its_port)
{
	uint16_t port = 0;
	int old, new;

	scene_open(SCENE_OPEN);
	old = open_tunnel(&port);
	extend(old);
	be_silent(0, SERVER_PULSE_MS + 2400);
	new = scene_connect();
	scene_hello(new, port);
	scene_expect_error(new, REFUSED_PORT_IN_USE);
	scene_expect(old, MESSAGE_HEARTBEAT); /* the next question finds out more */
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_TUNNELS].count, 1);
	close(old);
	scene_close();
}
END_TEST

/* A client that says nothing about itself may be bore's, which gets bore's text. */
START_TEST(a_spore_client_hears_who_has_its_port)
{
	static const char *const said[] = { "name=web", NULL, "tag=env=test", NULL };
	static const char *const told[] = {
		NULL,
		"port already in use",
		"port already in use: the tunnel \"web\" of a client at 127.0.0.1 has had it for 0 "
		"s",
		"port already in use",
	};
	uint16_t port = 0;
	int fds[4];

	scene_open(SCENE_NAMES);
	for (int i = 0; i < 4; i++) {
		fds[i] = scene_log_in("alice");
		if (said[i])
			scene_about(fds[i], said[i]);
		scene_hello(fds[i], port);
		if (i == 0)
			port = scene_expect_tunnel(fds[0]);
		else
			ck_assert_str_eq(scene_expect(fds[i], MESSAGE_ERROR).text, told[i]);
	}
	ck_assert_int_eq(scene_refusals(REFUSED_PORT_IN_USE), 3);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	scene_close();
}
END_TEST

START_TEST(a_socket_that_comes_too_late_is_closed)
{
	spore_addr addr = scene_addr("127.0.0.1", 0);
	struct sockaddr_storage sa;
	socklen_t len;
	int old, new, fd;

	scene_open(SCENE_OPEN);
	old = scene_connect_from(1, "127.0.0.1");
	scene_hello(old, 0);
	addr.port = scene_expect_tunnel(old);
	extend(old);
	be_silent(1, SERVER_SILENCE_MS);
	scene.stalled[1] = true;
	new = scene_connect();
	scene_hello(new, addr.port);
	ck_assert_int_eq(scene_last(LIST_NEWCOMERS)->state, SESSION_TAKING_OVER);
	sockets_reset(new);
	scene_run();
	ck_assert_uint_eq(scene.workers[0].sessions[LIST_NEWCOMERS].count, 0);
	scene.stalled[1] = false;
	scene_run();
	len = addr_to_sockaddr(&addr, &sa);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, len), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(fd);
	close(old);
	scene_close();
}
END_TEST

START_TEST(a_drain_meets_a_takeover_on_its_way)
{
	uint16_t port;
	int old, new;

	scene_open(SCENE_OPEN);
	old = scene_connect_from(1, "127.0.0.1");
	scene_hello(old, 0);
	port = scene_expect_tunnel(old);
	extend(old);
	be_silent(1, SERVER_SILENCE_MS);
	scene.stalled[1] = true;
	new = scene_connect();
	scene_hello(new, port);
	atomic_store(&scene.shared.draining, true);
	scene.stalled[1] = false;
	scene_run();
	scene_expect_error(new, REFUSED_PORT_IN_USE);
	ck_assert_uint_eq(scene.workers[1].sessions[LIST_TUNNELS].count, 1);
	close(old);
	scene_close();
}
END_TEST

SUITE("tunnel_session", a_port_that_is_closed_for_a_while_moves_open,
      a_client_may_say_about_itself_after_extended, what_was_said_before_the_verdict_stays,
      a_client_may_decline_a_visitor, a_bore_client_hears_each_beat_and_a_spore_client_some,
      what_a_client_says_besides_is_passed_over, a_silent_spore_client_is_reset,
      a_broken_connection_loses_the_client_and_an_orderly_end_does_not,
      a_tunnel_ends_when_its_granted_time_is_over, a_client_hears_why_it_gets_no_tunnel,
      a_client_that_is_known_to_the_new_chain_keeps_its_tunnel,
      a_client_that_is_denied_by_the_new_chain_loses_its_tunnel, on_reload_keep_asks_nobody,
      an_older_chain_lets_in_and_the_newer_one_reviews, a_second_reload_replaces_the_first_verdict,
      a_few_tunnels_are_judged_at_a_time_the_oldest_first, a_reload_begins_anew,
      who_cannot_decide_is_asked_again, a_one_time_answer_outlives_a_reload,
      whom_no_new_instance_concerns_is_not_judged_again,
      an_allow_that_does_not_reach_far_enough_ends, revalidation_meets_the_tunnels_of_one_identity,
      revalidation_denies_who_has_no_tunnel_yet, revalidation_renews_who_has_no_tunnel_yet,
      a_kick_meets_one_tunnel, a_drain_closes_the_ports_and_no_session,
      the_port_of_a_silent_session_moves_unclosed, a_spore_client_hears_who_has_its_port,
      a_client_that_can_move_is_told_and_keeps_its_port, who_does_not_move_in_time_loses_its_port,
      moved_counts_only_during_a_drain, the_port_of_a_silent_session_moves_unclosed,
      a_spore_client_hears_who_has_its_port, a_session_that_is_heard_keeps_its_port,
      a_socket_that_comes_too_late_is_closed, a_drain_meets_a_takeover_on_its_way)
