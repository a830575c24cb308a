#include "session/entry.h"

#include "scene/lane_scene.h"
#include "suite.h"

#define DENYING                                                                                    \
	"{" SCENE_SERVER ", \"acl\": {\"control\": [{\"use\": \"deny\", \"point\": "               \
	"\"control\", \"deny\": [\"192.0.2.0/24\"]}]}}"

static void expect_closed(int fd, enum scene_heard how)
{
	struct message message;

	ck_assert_int_eq(scene_hear(fd, &message), how);
	close(fd);
}

static unsigned n_strangers(void)
{
	return scene.workers[0].strangers.count;
}

START_TEST(a_connection_becomes_a_stranger)
{
	int fd;

	scene_open(SCENE_OPEN);
	fd = scene_connect();
	ck_assert_uint_eq(n_strangers(), 1);
	ck_assert_uint_eq(scene.shared.strangers, 1);
	ck_assert_int_eq(scene_metric("spore_control_connections_total"), 1);
	close(fd);
	scene_run();
	ck_assert_uint_eq(n_strangers(), 0);
	ck_assert_uint_eq(scene.shared.strangers, 0);
	scene_close();
}
END_TEST

START_TEST(an_access_list_refuses)
{
	int fd;

	scene_open(DENYING);
	expect_closed(scene_connect_from(0, "192.0.2.1"), HEARD_END);
	ck_assert_int_eq(scene_refusals(REFUSED_ACCESS_LIST), 1);
	ck_assert_int_eq(scene_metric("spore_control_connections_total"), 1);
	fd = scene_connect_from(0, "192.0.3.1");
	ck_assert_uint_eq(n_strangers(), 1);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(a_banned_source_is_reset_unless_it_was_asked_for)
{
	spore_addr addr = scene_addr(SCENE_STRANGER, 0);
	struct limits *limits = &scene.workers[0].limits;
	struct source *source;
	int fd;

	scene_open(SCENE_OPEN);
	limits->settings.ban_after = 1;
	limits->settings.ban_time = 60000;
	source = source_get(scene.shared.sources, &addr);
	while (!source_was_wrong(source, limits, clock_ms()))
		;
	while (source_may_hear(source, clock_ms()))
		;
	expect_closed(scene_connect_from(0, SCENE_STRANGER), HEARD_RESET);
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE), 1);
	ck_assert_uint_eq(n_strangers(), 0);
	/* For a visitor that was announced to it. */
	source_announce(source);
	fd = scene_connect_from(0, SCENE_STRANGER);
	ck_assert_ptr_nonnull(server_sessions_first(&scene.workers[0], LIST_NEWCOMERS));
	ck_assert_uint_eq(n_strangers(), 0);
	source_unannounce(source);
	source_unref(source);
	close(fd);
	scene_close();
}
END_TEST

static bool has_waiting(void *unused)
{
	(void)unused;
	return scene.workers[0].sessions[LIST_WAITING].count == 1;
}

/* It opens connections ahead, which no visitor announces. */
START_TEST(a_client_with_a_tunnel_goes_on_behind_a_ban)
{
	spore_addr addr = scene_addr(SCENE_STRANGER, 0);
	struct limits *limits = &scene.workers[0].limits;
	struct source *source;
	struct lane_scene lanes;
	int fd;

	scene_open(SCENE_NAMES);
	limits->settings.ban_after = 1;
	limits->settings.ban_time = 60000;
	source = source_get(scene.shared.sources, &addr);
	ck_assert(source_was_wrong(source, limits, clock_ms()));
	while (source_may_hear(source, clock_ms()))
		;
	ck_assert(source_add_tunnel(source, limits));
	lanes = lane_scene_open(0, "alice", 0);
	fd = scene_log_in_from(SCENE_STRANGER, "alice");
	scene_ahead(fd, &lanes.pass);
	scene_wait(has_waiting, NULL);
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE), 0);
	close(fd);
	/* A secret is not checked: this is a try. */
	fd = scene_log_in_from(SCENE_STRANGER, "alice");
	scene_hello(fd, 0);
	scene_expect(fd, MESSAGE_ERROR);
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE), 1);
	close(fd);
	source_remove_tunnel(source);
	source_unref(source);
	lane_scene_close(&lanes);
}
END_TEST

START_TEST(a_source_with_too_many_connections_loses_its_oldest)
{
	int fds[3], other;

	scene_open(SCENE_OPEN);
	scene.workers[0].limits.settings.max_unauthenticated_per_ip = 2;
	other = scene_connect_from(0, "192.0.2.1");
	for (int i = 0; i < 3; i++)
		fds[i] = scene_connect_from(0, "192.0.2.2");
	expect_closed(fds[0], HEARD_RESET);
	scene_expect_nothing(fds[1]);
	scene_expect_nothing(fds[2]);
	scene_expect_nothing(other);
	ck_assert_int_eq(scene_refusals(REFUSED_CROWD), 1);
	close(fds[1]);
	close(fds[2]);
	close(other);
	scene_close();
}
END_TEST

START_TEST(too_many_in_all_cost_the_largest_crowd_one)
{
	int fds[3], other;

	scene_open(SCENE_OPEN);
	scene.workers[0].limits.strangers = 3;
	for (int i = 0; i < 3; i++)
		fds[i] = scene_connect_from(0, "192.0.2.2");
	other = scene_connect_from(0, "192.0.2.1");
	expect_closed(fds[0], HEARD_RESET);
	scene_expect_nothing(other);
	ck_assert_uint_eq(n_strangers(), 3);
	close(fds[1]);
	close(fds[2]);
	close(other);
	scene_close();
}
END_TEST

START_TEST(a_high_descriptor_costs_another_stranger)
{
	int first, second;

	scene_open(SCENE_OPEN);
	first = scene_connect();
	scene.workers[0].limits.scarce_fd = 0;
	second = scene_connect();
	expect_closed(first, HEARD_RESET);
	scene_expect_nothing(second);
	ck_assert_int_eq(scene_refusals(REFUSED_CROWD), 1);
	close(second);
	scene_close();
}
END_TEST

/* ---- behind a proxy ---- */

#define PROXY     "\"transport\": [{\"use\": \"proxy\", \"trusted\": [\"127.0.0.1\"]}]"
#define PROXIED   "{" SCENE_SERVER ", " PROXY "}"
#define NOT_PROXY "192.0.2.99"
/* The access list would deny the proxy, too. */
#define PROXIED_DENYING                                                                            \
	"{" SCENE_SERVER ", " PROXY                                                                \
	", \"acl\": {\"control\": [{\"use\": \"deny\", \"point\": \"control\", "                   \
	"\"deny\": [\"192.0.2.0/24\", \"127.0.0.0/8\"]}]}}"

static void send_header(int fd, const char *client)
{
	char line[120];

	snprintf(line, sizeof line, "PROXY TCP4 %s 203.0.113.1 4000 7835\r\n", client);
	scene_send(fd, line, strlen(line));
}

/* Of a client behind the proxy; the proxy's end. */
static int connect_for(const char *client)
{
	int fd = scene_connect();

	send_header(fd, client);
	return fd;
}

static struct source *source_of(const char *ip)
{
	spore_addr addr = scene_addr(ip, 0);

	return source_get(scene.shared.sources, &addr);
}

START_TEST(a_connection_belongs_to_its_client)
{
	struct server_session *s;
	struct source *source;
	char text[ADDR_TEXT_SIZE];
	int fd;

	scene_open(PROXIED);
	fd = scene_connect();
	s = scene_last(LIST_NEWCOMERS);
	ck_assert(s->awaits_peer && source_is_proxy(s->source));
	ck_assert_uint_eq(n_strangers(), 1);
	send_header(fd, SCENE_STRANGER);
	source = source_of(SCENE_STRANGER);
	ck_assert(!s->awaits_peer && s->state == SESSION_READY);
	ck_assert_ptr_eq(s->source, source);
	ck_assert_ptr_eq(s->stranger.source, source);
	ck_assert_str_eq(addr_format(&s->peer, text), SCENE_STRANGER ":4000");
	ck_assert_uint_eq(n_strangers(), 1);
	ck_assert_uint_eq(scene.shared.strangers, 1);
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	ck_assert(source_has_tunnel(source));
	source_unref(source);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(the_access_list_judges_the_client)
{
	int fd;

	scene_open(PROXIED_DENYING);
	expect_closed(connect_for("192.0.2.1"), HEARD_END);
	ck_assert_int_eq(scene_refusals(REFUSED_ACCESS_LIST), 1);
	fd = connect_for("192.0.3.1");
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	ck_assert_int_eq(scene_refusals(REFUSED_ACCESS_LIST), 1);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(a_ban_of_a_client_does_not_concern_the_proxy)
{
	struct limits *limits = &scene.workers[0].limits;
	struct source *source;
	int fd;

	scene_open(PROXIED);
	limits->settings.ban_after = 1;
	limits->settings.ban_time = 60000;
	source = source_of(SCENE_STRANGER);
	while (!source_was_wrong(source, limits, clock_ms()))
		;
	while (source_may_hear(source, clock_ms()))
		;
	expect_closed(connect_for(SCENE_STRANGER), HEARD_RESET);
	ck_assert_int_eq(scene_refusals(REFUSED_SOURCE), 1);
	ck_assert_uint_eq(n_strangers(), 0);
	fd = connect_for("192.0.2.8");
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	source_unref(source);
	close(fd);
	scene_close();
}
END_TEST

/* Nor does a ban of a client at the address of the proxy. */
START_TEST(the_address_of_the_proxy_may_be_banned)
{
	struct limits *limits = &scene.workers[0].limits;
	struct source *source;
	int fd;

	scene_open(PROXIED);
	limits->settings.ban_after = 1;
	limits->settings.ban_time = 60000;
	limits->settings.ban_exempt.count = 0;
	source = source_of("127.0.0.1");
	while (!source_was_wrong(source, limits, clock_ms()))
		;
	while (source_may_hear(source, clock_ms()))
		;
	fd = connect_for(SCENE_STRANGER);
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	expect_closed(connect_for("127.0.0.1"), HEARD_RESET);
	source_unref(source);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(limits_count_the_client)
{
	int fds[3], other;

	scene_open(PROXIED);
	scene.workers[0].limits.settings.max_unauthenticated_per_ip = 2;
	other = connect_for("192.0.2.1");
	for (int i = 0; i < 3; i++)
		fds[i] = connect_for("192.0.2.2");
	expect_closed(fds[0], HEARD_RESET);
	scene_expect_nothing(fds[1]);
	scene_expect_nothing(other);
	ck_assert_int_eq(scene_refusals(REFUSED_CROWD), 1);
	close(fds[1]);
	close(fds[2]);
	close(other);
	scene_close();
}
END_TEST

START_TEST(auth_plugins_see_the_client)
{
	int fd;

	scene_open("{" SCENE_SERVER ", " PROXY
	           ", \"auth\": [{\"use\": \"silent\", \"peer\": \"" SCENE_STRANGER "\"}]}");
	fd = connect_for(SCENE_STRANGER);
	scene_hello(fd, 0);
	scene_expect_tunnel(fd);
	close(fd);
	fd = connect_for("192.0.2.8");
	scene_hello(fd, 0);
	scene_expect_error(fd, REFUSED_UNKNOWN_CLIENT);
	scene_close();
}
END_TEST

START_TEST(connections_without_a_header_have_a_limit_of_their_own)
{
	int fds[3], other;

	scene_open(PROXIED);
	scene.workers[0].limits.settings.max_unauthenticated_per_ip = 1;
	scene.workers[0].limits.strangers = 4;
	other = connect_for("127.0.0.1");
	for (int i = 0; i < 3; i++)
		fds[i] = scene_connect();
	expect_closed(fds[0], HEARD_RESET);
	scene_expect_nothing(fds[1]);
	scene_expect_nothing(other);
	close(fds[1]);
	close(fds[2]);
	close(other);
	scene_close();
}
END_TEST

START_TEST(nobody_else_may_send_a_header)
{
	int fd;

	scene_open(PROXIED);
	fd = scene_connect_from(0, NOT_PROXY);
	expect_closed(fd, HEARD_END);
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKE), 1);
	fd = scene_connect();
	scene_hello(fd, 0); /* without a header */
	expect_closed(fd, HEARD_END);
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKE), 2);
	ck_assert_uint_eq(n_strangers(), 0);
	scene_close();
}
END_TEST

START_TEST(a_health_check_disturbs_nobody)
{
	static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
	int fd;

	scene_open(PROXIED_DENYING);
	close(scene_connect());
	scene_run();
	fd = scene_connect();
	scene_send(fd, "PROXY UNKNOWN\r\n", 15);
	ck_assert(scene_last(LIST_NEWCOMERS)->is_of_proxy);
	close(fd);
	scene_run();
	fd = scene_connect();
	scene_send(fd, local, sizeof local);
	ck_assert(scene_last(LIST_NEWCOMERS)->is_of_proxy);
	sockets_reset(fd);
	scene_run();
	ck_assert_int_eq(scene_all_refusals(), 0);
	ck_assert_uint_eq(n_strangers(), 0);
	scene_close();
}
END_TEST

START_TEST(nobody_logs_in_without_an_address)
{
	int fd;

	scene_open(PROXIED);
	fd = scene_connect();
	scene_send(fd, "PROXY UNKNOWN\r\n", 15);
	scene_hello(fd, 0);
	scene_expect_error(fd, REFUSED_NO_ADDRESS);
	ck_assert_int_eq(scene_all_refusals(), 1);
	scene_close();
}
END_TEST

/* A transport without streams tells it in wrap(). */
START_TEST(an_address_may_be_told_early)
{
	struct source *source;
	int fd;

	scene_open("{" SCENE_SERVER ", \"transport\": [{\"use\": \"teller\", \"peer\": "
	           "\"192.0.2.5:1\"}]}");
	fd = scene_connect();
	source = source_of("192.0.2.5");
	ck_assert_ptr_eq(scene_last(LIST_NEWCOMERS)->source, source);
	source_unref(source);
	close(fd);
	scene_close();
}
END_TEST

START_TEST(a_transport_that_tells_nobody_lets_nobody_in)
{
	int fd;

	scene_open("{" SCENE_SERVER ", \"transport\": [{\"use\": \"teller\"}]}");
	fd = scene_connect();
	expect_closed(fd, HEARD_END);
	ck_assert_int_eq(scene_refusals(REFUSED_HANDSHAKE), 1);
	scene_close();
}
END_TEST

/* ---- by its answer ---- */

/* A session that is challenged. */
static struct server_session *begin_answer(int *fd_out)
{
	scene_open(SCENE_NAMES);
	*fd_out = scene_connect_from(0, SCENE_STRANGER);
	scene_expect(*fd_out, MESSAGE_CHALLENGE);
	return scene_last(LIST_NEWCOMERS);
}

START_TEST(a_verdict_lets_on_or_refuses)
{
	static const struct {
		const char *answer;
		int32_t verdict;
		enum refusal why, told;
	} refused[] = { { "x", SPORE_DENY, REFUSED_WRONG_SECRET, REFUSED_WRONG_SECRET },
		        { "", SPORE_DENY, REFUSED_WRONG_SECRET, REFUSED_WRONG_SECRET },
		        { NULL, SPORE_DENY, REFUSED_UNKNOWN_CLIENT, REFUSED_UNKNOWN_CLIENT },
		        { "x", SPORE_UNBOUND, REFUSED_UNBOUND, REFUSED_WRONG_SECRET },
		        { "x", SPORE_EBACKEND, REFUSED_AUTH_FAILED, REFUSED_AUTH_FAILED },
		        { "x", SPORE_ENOMEM, REFUSED_AUTH_FAILED, REFUSED_AUTH_FAILED } };
	int fd;

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct server_session *s = begin_answer(&fd);
		struct login login = { .answer = NULL };

		ck_assert(!refused[i].answer || login_answer(&login, refused[i].answer));
		ck_assert(entry_accept_verdict(s, &login, SPORE_ALLOW));
		ck_assert_int_eq(s->state, SESSION_CHALLENGED);
		ck_assert(!entry_accept_verdict(s, &login, refused[i].verdict));
		scene_run();
		scene_expect_error(fd, refused[i].told);
		ck_assert_int_ge(scene_refusals(refused[i].why), 1);
		login_fini(&login, SPORE_END_CLOSED);
		scene_close();
	}
}
END_TEST

START_TEST(tries_run_out)
{
	int fd;
	struct server_session *s = begin_answer(&fd);

	scene.workers[0].limits.settings.secret_burst = 2;
	scene.workers[0].limits.settings.secret_rate = 1;
	ck_assert(entry_may_try(s));
	ck_assert(entry_may_try(s));
	ck_assert(!entry_may_try(s));
	scene_run();
	scene_expect_error(fd, REFUSED_TOO_MANY_TRIES);
	scene_close();
}
END_TEST

/* A server that leaves does not ask anybody to wait. */
START_TEST(a_ban_is_told_until_the_server_leaves)
{
	struct limits *limits = &scene.workers[0].limits;

	for (int leaves = 0; leaves < 2; leaves++) {
		int fd;
		struct server_session *s = begin_answer(&fd);

		limits->settings.ban_after = 1;
		limits->settings.ban_time = 60000;
		ck_assert(source_was_wrong(s->source, limits, clock_ms()));
		atomic_store(&scene.shared.draining, leaves);
		ck_assert(!entry_may_try(s));
		scene_run();
		ck_assert_int_eq(refusal_parse(scene_expect(fd, MESSAGE_ERROR).text),
		                 leaves ? REFUSED_DRAINING : REFUSED_SOURCE);
		close(fd);
		scene_close();
	}
}
END_TEST

SUITE("entry", a_connection_becomes_a_stranger, an_access_list_refuses,
      a_banned_source_is_reset_unless_it_was_asked_for, a_client_with_a_tunnel_goes_on_behind_a_ban,
      a_source_with_too_many_connections_loses_its_oldest,
      too_many_in_all_cost_the_largest_crowd_one, a_high_descriptor_costs_another_stranger,
      a_connection_belongs_to_its_client, the_access_list_judges_the_client,
      a_ban_of_a_client_does_not_concern_the_proxy, the_address_of_the_proxy_may_be_banned,
      limits_count_the_client, auth_plugins_see_the_client,
      connections_without_a_header_have_a_limit_of_their_own, nobody_else_may_send_a_header,
      a_health_check_disturbs_nobody, nobody_logs_in_without_an_address,
      an_address_may_be_told_early, a_transport_that_tells_nobody_lets_nobody_in,
      a_verdict_lets_on_or_refuses, tries_run_out, a_ban_is_told_until_the_server_leaves)
