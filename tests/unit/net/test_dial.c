#include "net/dial.h"

#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "few_descriptors.h"
#include "names.h"
#include "net/resolve.h"
#include "run_until.h"
#include "sockets.h"
#include "suite.h"

struct scene {
	struct loop *loop;
	struct resolver *resolver;
	spore_addr addr, found;
	int listener, fd;
	unsigned n_done;
	char why[200];
	enum shortage lacks;
};

static void on_done(int fd, const spore_addr *addr, const struct net_failure *failure, void *arg)
{
	struct scene *scene = arg;

	ck_assert((fd >= 0) == (addr != NULL));
	scene->fd = fd;
	if (addr)
		scene->found = *addr;
	snprintf(scene->why, sizeof scene->why, "%s", failure->why);
	scene->lacks = failure->lacks;
	scene->n_done++;
}

static bool is_done(void *arg)
{
	return ((struct scene *)arg)->n_done > 0;
}

static void set_up(struct scene *scene)
{
	*scene = (struct scene){ .loop = run_until_loop(), .resolver = resolver_new(), .fd = -1 };
	scene->listener = sockets_listen(&scene->addr, 128);
}

static void tear_down(struct scene *scene)
{
	if (scene->fd >= 0)
		close(scene->fd);
	if (scene->listener >= 0)
		close(scene->listener);
	ck_assert(resolver_free(scene->resolver));
	loop_free(scene->loop);
}

static struct dial *dial(struct scene *scene, const char *host, int64_t timeout_ms)
{
	struct dial_target target = { .host = host,
		                      .port = scene->addr.port,
		                      .timeout_ms = timeout_ms };
	struct dial *started = dial_start(scene->loop, scene->resolver, &target, on_done, scene);

	ck_assert_ptr_nonnull(started);
	ck_assert_uint_eq(scene->n_done, 0); /* later, never from within */
	return started;
}

START_TEST(an_address_and_a_name_are_reached)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "localhost" };
	struct scene scene;

	set_up(&scene);
	for (size_t i = 0; i < 3; i++) {
		scene.n_done = 0;
		dial(&scene, hosts[i], 10000);
		ck_assert(run_until(scene.loop, is_done, &scene));
		ck_assert_msg(scene.fd >= 0, "%s: %s", hosts[i], scene.why);
		ck_assert(
			addr_equal(&scene.found,
		                   &scene.addr)); /* the second address, if the name has ::1, too */
		ck_assert(fcntl(scene.fd, F_GETFL) & O_NONBLOCK);
		close(scene.fd);
		scene.fd = -1;
	}
	tear_down(&scene);
}
END_TEST

/* Whatever the name says; a name of 64 bytes and more in a label exists nowhere. */
START_TEST(a_given_address_is_the_only_one)
{
	struct scene scene;
	struct dial_target target = {
		.host = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
			"invalid",
		.timeout_ms = 10000,
	};

	set_up(&scene);
	target.addr = scene.addr;
	ck_assert_ptr_nonnull(dial_start(scene.loop, scene.resolver, &target, on_done, &scene));
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_msg(scene.fd >= 0, "%s", scene.why);
	ck_assert(addr_equal(&scene.found, &scene.addr));
	tear_down(&scene);
}
END_TEST

START_TEST(a_refusal_names_address_and_cause)
{
	struct scene scene;
	char expected[160];

	set_up(&scene);
	close(scene.listener);
	scene.listener = -1;
	dial(&scene, "127.0.0.1", 10000);
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_int_eq(scene.fd, -1);
	snprintf(expected, sizeof expected, "127.0.0.1:%u: Connection refused", scene.addr.port);
	ck_assert_str_eq(scene.why, expected);
	ck_assert_int_eq(scene.lacks, SHORTAGE_NONE);
	tear_down(&scene);
}
END_TEST

START_TEST(a_name_that_is_none_says_so)
{
	struct scene scene;

	set_up(&scene);
	dial(&scene,
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid",
	     10000);
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_int_eq(scene.fd, -1);
	ck_assert_int_eq(strncmp(scene.why, "cannot resolve the name: ", 25), 0);
	tear_down(&scene);
}
END_TEST

/* A listener whose queue is full lets connection attempts wait. */
static void fill_queue(struct scene *scene, int fds[8])
{
	close(scene->listener);
	scene->listener = sockets_listen(&scene->addr, 0);
	for (int i = 0; i < 8; i++) {
		struct sockaddr_storage sa;
		socklen_t len = addr_to_sockaddr(&scene->addr, &sa);

		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fds[i], (struct sockaddr *)&sa, len);
	}
}

START_TEST(an_attempt_that_hangs_times_out)
{
	struct scene scene;
	int64_t start;
	int fds[8];

	set_up(&scene);
	fill_queue(&scene, fds);
	start = clock_ms();
	dial(&scene, "127.0.0.1", 200);
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_int_ge(clock_ms() - start, 190);
	ck_assert_int_lt(clock_ms() - start, 5000);
	ck_assert_int_eq(scene.fd, -1);
	ck_assert_ptr_nonnull(strstr(scene.why, ": timed out"));
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	tear_down(&scene);
}
END_TEST

/* ---- unix sockets ---- */

static int listen_at(struct sockaddr_un *sa, int backlog)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(sa->sun_path, sizeof sa->sun_path, "/tmp/test_dial_%d.sock", getpid());
	unlink(sa->sun_path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)sa, sizeof *sa), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

static void dial_path(struct scene *scene, const char *path, int64_t timeout_ms)
{
	struct dial_target target = { .path = path, .timeout_ms = timeout_ms };

	scene->n_done = 0;
	ck_assert_ptr_nonnull(dial_start(scene->loop, scene->resolver, &target, on_done, scene));
	ck_assert_uint_eq(scene->n_done, 0);
}

START_TEST(a_unix_socket_is_reached_or_its_path_and_the_cause_are_told)
{
	struct sockaddr_un sa;
	struct scene scene;
	char expected[200];
	int fd = listen_at(&sa, 1);

	set_up(&scene);
	dial_path(&scene, sa.sun_path, 10000);
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_msg(scene.fd >= 0, "%s", scene.why);
	ck_assert_uint_eq(scene.found.family, 1);
	ck_assert(fcntl(scene.fd, F_GETFL) & O_NONBLOCK);
	close(scene.fd);
	close(fd);
	dial_path(&scene, sa.sun_path, 10000);
	ck_assert(run_until(scene.loop, is_done, &scene));
	snprintf(expected, sizeof expected, "%s: Connection refused", sa.sun_path);
	ck_assert_str_eq(scene.why, expected);
	unlink(sa.sun_path);
	dial_path(&scene, sa.sun_path, 10000);
	ck_assert(run_until(scene.loop, is_done, &scene));
	snprintf(expected, sizeof expected, "%s: No such file or directory", sa.sun_path);
	ck_assert_str_eq(scene.why, expected);
	ck_assert_int_eq(scene.fd, -1);
	tear_down(&scene);
}
END_TEST

START_TEST(a_unix_socket_whose_queue_is_full_is_tried_again)
{
	struct sockaddr_un sa;
	struct scene scene;
	int fd = listen_at(&sa, 0), queued = socket(AF_UNIX, SOCK_STREAM, 0);

	set_up(&scene);
	ck_assert_int_eq(connect(queued, (struct sockaddr *)&sa, sizeof sa), 0);
	dial_path(&scene, sa.sun_path, 100);
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_int_eq(scene.fd, -1);
	ck_assert_ptr_nonnull(strstr(scene.why, ": timed out, its queue of connections is full"));
	dial_path(&scene, sa.sun_path, 10000);
	run_for(scene.loop, 30);
	ck_assert_uint_eq(scene.n_done, 0);
	close(accept(fd, NULL, NULL));
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_msg(scene.fd >= 0, "%s", scene.why);
	close(queued);
	close(fd);
	unlink(sa.sun_path);
	tear_down(&scene);
}
END_TEST

/* ---- several addresses ---- */

enum { DEAD = 3 };

/* Listeners on 127.0.0.2 and so on, with the port of the scene's. Their queues are full, so that
 * connection attempts wait. */
struct dead {
	int listeners[DEAD], queued[DEAD][2];
};

static void open_dead(struct dead *dead, uint16_t port)
{
	for (int i = 0; i < DEAD; i++) {
		struct sockaddr_in in = { .sin_family = AF_INET,
			                  .sin_port = htons(port),
			                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + i) };

		dead->listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(bind(dead->listeners[i], (struct sockaddr *)&in, sizeof in), 0);
		ck_assert_int_eq(listen(dead->listeners[i], 0), 0);
		for (int j = 0; j < 2; j++) {
			dead->queued[i][j] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
			connect(dead->queued[i][j], (struct sockaddr *)&in, sizeof in);
		}
	}
}

static void close_dead(const struct dead *dead)
{
	for (int i = 0; i < DEAD; i++) {
		close(dead->listeners[i]);
		for (int j = 0; j < 2; j++)
			close(dead->queued[i][j]);
	}
}

/* Milliseconds until the dial reports success at the address of the scene's listener. */
static int64_t time_dial(struct scene *scene, const char *host)
{
	int64_t start = clock_ms();

	scene->n_done = 0;
	dial(scene, host, 8000);
	ck_assert(run_until(scene->loop, is_done, scene));
	ck_assert_msg(scene->fd >= 0, "%s", scene->why);
	ck_assert(addr_equal(&scene->found, &scene->addr));
	close(scene->fd);
	scene->fd = -1;
	return clock_ms() - start;
}

static int count_fds(void);

/* The next attempt starts beside those that are silent. What answered comes first from then on,
 * also in the next answer. Nothing of the other attempts is left. */
START_TEST(silent_addresses_hold_up_the_next_one_for_250_ms_each)
{
	static const char *const addrs[] = { "127.0.0.2", "127.0.0.3", "127.0.0.1", NULL };
	struct scene scene;
	struct dead dead;
	int64_t took;
	int before;

	set_up(&scene);
	open_dead(&dead, scene.addr.port);
	names_publish("many.test", addrs);
	before = count_fds();
	took = time_dial(&scene, "many.test");
	ck_assert_int_ge(took, 2 * DIAL_STAGGER_MS - 10);
	ck_assert_int_lt(took, 2000);
	ck_assert_int_lt(time_dial(&scene, "many.test"), DIAL_STAGGER_MS);
	ck_assert_int_eq(count_fds(), before);
	close_dead(&dead);
	tear_down(&scene);
}
END_TEST

START_TEST(an_address_that_refuses_holds_nothing_up)
{
	static const char *const addrs[] = { "127.0.0.2", "127.0.0.3", "127.0.0.1", NULL };
	struct scene scene;

	set_up(&scene);
	names_publish("refusing.test", addrs);
	ck_assert_int_lt(time_dial(&scene, "refusing.test"), DIAL_STAGGER_MS);
	tear_down(&scene);
}
END_TEST

/* All attempts share one limit of time. */
START_TEST(the_limit_covers_all_addresses)
{
	static const char *const addrs[] = { "127.0.0.2", "127.0.0.3", "127.0.0.4", NULL };
	struct scene scene;
	struct dead dead;
	int64_t start;
	int before;

	set_up(&scene);
	open_dead(&dead, scene.addr.port);
	names_publish("dead.test", addrs);
	before = count_fds();
	start = clock_ms();
	dial(&scene, "dead.test", 600);
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_int_ge(clock_ms() - start, 590);
	ck_assert_int_lt(clock_ms() - start, 2000);
	ck_assert_int_eq(scene.fd, -1);
	ck_assert_msg(strncmp(scene.why, "127.0.0.2:", 10) == 0, "%s", scene.why);
	ck_assert_ptr_nonnull(strstr(scene.why, ": timed out"));
	ck_assert_int_eq(count_fds(), before);
	close_dead(&dead);
	tear_down(&scene);
}
END_TEST

/* Fills the queue of a listener on ::1. False: there is no IPv6 here. */
static bool open_dead_ipv6(int fds[3], uint16_t port)
{
	struct sockaddr_in6 in = { .sin6_family = AF_INET6,
		                   .sin6_port = htons(port),
		                   .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	for (int i = 0; i < 3; i++)
		fds[i] = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (bind(fds[0], (struct sockaddr *)&in, sizeof in) != 0)
		return false;
	ck_assert_int_eq(listen(fds[0], 0), 0);
	for (int i = 1; i < 3; i++)
		connect(fds[i], (struct sockaddr *)&in, sizeof in);
	return true;
}

/* The only IPv4 address is tried second, although it was answered last. */
START_TEST(families_take_turns)
{
	static const char *const addrs[] = { "::1", "::1", "::1", "127.0.0.1", NULL };
	struct scene scene;
	int64_t took;
	bool has_ipv6;
	int fds[3];

	set_up(&scene);
	has_ipv6 = open_dead_ipv6(fds, scene.addr.port);
	names_publish("mixed.test", addrs);
	took = time_dial(&scene, "mixed.test");
	ck_assert_int_ge(took, has_ipv6 ? DIAL_STAGGER_MS - 10 : 0);
	ck_assert_int_lt(took, 2 * DIAL_STAGGER_MS);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	tear_down(&scene);
}
END_TEST

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* It is stopped before the loop runs, between two turns, and while an attempt hangs. */
START_TEST(a_stopped_dial_says_nothing_and_leaves_nothing)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "127.0.0.1" };
	struct scene scene;
	int fds[8], before;

	set_up(&scene);
	run_for(scene.loop, 1);
	for (int round = 0; round < 3; round++) {
		if (round == 2)
			fill_queue(&scene, fds);
		before = count_fds();
		for (int turns = 0; turns < 6; turns++) {
			struct dial *started;

			scene.n_done = 0;
			started = dial(&scene, hosts[round], 5000);
			for (int i = 0; i < turns && !scene.n_done; i++)
				ev_run(loop_ev(scene.loop), EVRUN_NOWAIT);
			if (!scene.n_done)
				dial_stop(started);
			else if (scene.fd >= 0)
				close(scene.fd);
			scene.fd = -1;
			scene.n_done = 0;
			run_for(scene.loop, 20);
			ck_assert_uint_eq(scene.n_done, 0);
			ck_assert_int_le(count_fds(), before);
		}
	}
	dial_stop(NULL);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	tear_down(&scene);
}
END_TEST

static struct dial *rivals[2];
static bool one_has_reported;

static void stop_the_other(int fd, const spore_addr *addr, const struct net_failure *failure,
                           void *arg)
{
	size_t mine = *(size_t *)arg;

	(void)addr;
	(void)failure;
	if (fd >= 0)
		close(fd);
	ck_assert(!one_has_reported);
	one_has_reported = true;
	dial_stop(rivals[!mine]);
	dial_stop(rivals[mine]); /* its own dial is about to go; that is harmless */
}

/* Whichever comes first stops the other, whose report may be queued for the same end of a turn. */
START_TEST(a_report_may_stop_another_dial)
{
	static size_t numbers[] = { 0, 1 };
	struct dial_target target = { .host = "127.0.0.1", .timeout_ms = 5000 };
	struct scene scene;

	set_up(&scene);
	target.port = scene.addr.port;
	for (int refused = 0; refused < 2; refused++) {
		if (refused) {
			close(scene.listener);
			scene.listener = -1;
		}
		one_has_reported = false;
		for (size_t i = 0; i < 2; i++) {
			rivals[i] = dial_start(scene.loop, scene.resolver, &target, stop_the_other,
			                       &numbers[i]);
			ck_assert_ptr_nonnull(rivals[i]);
		}
		ck_assert(run_until(scene.loop, run_until_is_set, &one_has_reported));
		run_for(scene.loop, 50);
	}
	tear_down(&scene);
}
END_TEST

START_TEST(a_lack_of_descriptors_is_told)
{
	struct scene scene;
	struct rlimit before;

	set_up(&scene);
	before = few_descriptors_begin(0);
	dial(&scene, "127.0.0.1", 10000);
	ck_assert(run_until(scene.loop, is_done, &scene));
	few_descriptors_end(&before);
	ck_assert_int_eq(scene.fd, -1);
	ck_assert_int_eq(scene.lacks, SHORTAGE_DESCRIPTORS);
	ck_assert_ptr_nonnull(strstr(scene.why, "Too many open files"));
	tear_down(&scene);
}
END_TEST

/* The name cannot be looked up, which says nothing about the name. */
START_TEST(a_look_up_without_descriptors_tells_it_too)
{
	struct scene scene;
	struct rlimit before;

	set_up(&scene);
	before = few_descriptors_begin(0);
	dial(&scene, "localhost", 10000);
	ck_assert(run_until(scene.loop, is_done, &scene));
	few_descriptors_end(&before);
	ck_assert_int_eq(scene.lacks, SHORTAGE_DESCRIPTORS);
	ck_assert_str_eq(scene.why, "cannot resolve the name: Too many open files");
	scene.n_done = 0;
	dial(&scene, "localhost", 10000);
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_msg(scene.fd >= 0, "%s", scene.why);
	ck_assert_int_eq(scene.lacks, SHORTAGE_NONE);
	tear_down(&scene);
}
END_TEST

static struct dial *dial_from(struct scene *scene, const char *host, const char *source)
{
	struct dial_target target = { .host = host, .port = scene->addr.port, .timeout_ms = 10000 };

	scene->n_done = 0;
	ck_assert(addr_parse_ip(source, &target.source));
	return dial_start(scene->loop, scene->resolver, &target, on_done, scene);
}

START_TEST(a_source_is_where_the_connection_comes_from)
{
	static const char *const addrs[] = { "::1", "127.0.0.1", NULL };
	static const char *const hosts[] = { "127.0.0.1", "sourced.test" };
	struct scene scene;
	spore_addr peer;

	set_up(&scene);
	names_publish("sourced.test", addrs); /* only its IPv4 address counts */
	for (size_t i = 0; i < 2; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof sa;
		int far;

		ck_assert_ptr_nonnull(dial_from(&scene, hosts[i], "127.0.0.9"));
		ck_assert(run_until(scene.loop, is_done, &scene));
		ck_assert_msg(scene.fd >= 0, "%s", scene.why);
		far = accept(scene.listener, (struct sockaddr *)&sa, &len);
		ck_assert_int_ge(far, 0);
		addr_from_sockaddr((struct sockaddr *)&sa, &peer);
		ck_assert_int_eq(peer.ip[15], 9);
		ck_assert_uint_ne(peer.port, 0);
		ck_assert_int_ne(sockets_option(scene.fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 0);
		close(far);
		close(scene.fd);
		scene.fd = -1;
	}
	tear_down(&scene);
}
END_TEST

START_TEST(a_source_that_cannot_be_used_is_named)
{
	static const char *const addrs[] = { "127.0.0.1", NULL };
	struct scene scene;
	char expected[200];

	set_up(&scene);
	names_publish("ipv4.test", addrs);
	ck_assert_ptr_nonnull(dial_from(&scene, "ipv4.test", "::1"));
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_int_eq(scene.fd, -1);
	ck_assert_str_eq(scene.why,
	                 "the name has no IPv6 address, as the source address ::1 needs it");
	/* 192.0.2.0/24 is for documents. */
	ck_assert_ptr_nonnull(dial_from(&scene, "127.0.0.1", "192.0.2.1"));
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_int_eq(scene.fd, -1);
	snprintf(expected, sizeof expected,
	         "127.0.0.1:%u: the source address 192.0.2.1 is not of this host, or has no free "
	         "port",
	         scene.addr.port);
	ck_assert_str_eq(scene.why, expected);
	ck_assert_ptr_nonnull(dial_from(&scene, "192.0.2.1", "127.0.0.1"));
	ck_assert(run_until(scene.loop, is_done, &scene));
	ck_assert_int_eq(scene.fd, -1);
	ck_assert_ptr_nonnull(
		strstr(scene.why, "it cannot be reached from the source address 127.0.0.1"));
	tear_down(&scene);
}
END_TEST

SUITE("dial", a_source_is_where_the_connection_comes_from, a_source_that_cannot_be_used_is_named,
      a_unix_socket_is_reached_or_its_path_and_the_cause_are_told,
      a_unix_socket_whose_queue_is_full_is_tried_again, a_lack_of_descriptors_is_told,
      a_look_up_without_descriptors_tells_it_too, an_address_and_a_name_are_reached,
      a_given_address_is_the_only_one, a_refusal_names_address_and_cause,
      a_name_that_is_none_says_so, an_attempt_that_hangs_times_out,
      silent_addresses_hold_up_the_next_one_for_250_ms_each,
      an_address_that_refuses_holds_nothing_up, the_limit_covers_all_addresses, families_take_turns,
      a_stopped_dial_says_nothing_and_leaves_nothing, a_report_may_stop_another_dial)
