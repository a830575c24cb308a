#include "net/listener.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "few_descriptors.h"
#include "net/sock.h"
#include "run_until.h"
#include "sockets.h"
#include "stderr_file.h"
#include "suite.h"

struct scene {
	struct loop *loop;
	struct listener *listener;
	spore_addr addr;
	unsigned n_accepted, wanted;
	bool keeps, frees;
	int kept[400];
};

static void on_accept(int fd, const spore_addr *peer, const spore_addr *local, void *arg)
{
	struct scene *scene = arg;

	ck_assert(addr_equal(local, &scene->addr));
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_uint_eq(peer->family, 4);
	if (scene->keeps)
		scene->kept[scene->n_accepted] = fd;
	else
		close(fd);
	scene->n_accepted++;
	if (scene->frees)
		listener_free(scene->listener);
}

static int buffer_of(int fd, int option)
{
	socklen_t len = sizeof(int);
	int size = 0;

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, option, &size, &len), 0);
	return size / 2; /* the kernel doubles the size */
}

static bool has_enough(void *arg)
{
	return ((struct scene *)arg)->n_accepted >= ((struct scene *)arg)->wanted;
}

static void set_up(struct scene *scene)
{
	int fd;

	*scene = (struct scene){ .loop = run_until_loop() };
	fd = sockets_listen(&scene->addr, 512);
	sockets_unblock(fd);
	scene->listener = listener_new(scene->loop, &(struct sockets){ 1, { fd } }, on_accept,
	                               scene);
	ck_assert_ptr_nonnull(scene->listener);
	ck_assert(addr_equal(listener_addr(scene->listener), &scene->addr));
}

START_TEST(what_waits_is_accepted_at_the_end)
{
	struct scene scene;
	int dialled[100];

	set_up(&scene);
	scene.keeps = true;
	for (int i = 0; i < 100; i++)
		dialled[i] = sockets_dial(&scene.addr);
	listener_finish(scene.listener);
	ck_assert_uint_eq(scene.n_accepted, 100);
	listener_finish(scene.listener); /* it is freed at the end of the turn */
	listener_finish(NULL);
	for (int i = 0; i < 100; i++) {
		char byte;

		ck_assert_int_eq(recv(dialled[i], &byte, 1, MSG_DONTWAIT), -1);
		ck_assert_int_eq(errno, EAGAIN);
		close(dialled[i]);
		close(scene.kept[i]);
	}
	loop_free(scene.loop);
}
END_TEST

START_TEST(what_waits_in_a_socket_that_is_taken_stays)
{
	struct scene scene;
	struct sockets taken;
	int dialled;

	set_up(&scene);
	taken = listener_take(scene.listener);
	ck_assert_uint_eq(taken.n, 1);
	dialled = sockets_dial(&scene.addr);
	scene.listener = listener_new(scene.loop, &taken, on_accept, &scene);
	ck_assert_ptr_nonnull(scene.listener);
	scene.wanted = 1;
	ck_assert(run_until(scene.loop, has_enough, &scene));
	close(dialled);
	listener_free(scene.listener);
	loop_free(scene.loop);
}
END_TEST

START_TEST(a_copy_outlives_the_listener)
{
	struct scene scene;
	struct sockets copies;
	int dialled;

	set_up(&scene);
	copies = listener_copy(scene.listener);
	ck_assert_uint_eq(copies.n, 1);
	ck_assert(fcntl(copies.fds[0], F_GETFD) & FD_CLOEXEC);
	listener_free(scene.listener);
	dialled = sockets_dial(&scene.addr);
	scene.listener = listener_new(scene.loop, &copies, on_accept, &scene);
	scene.wanted = 1;
	ck_assert(run_until(scene.loop, has_enough, &scene));
	close(dialled);
	listener_free(scene.listener);
	loop_free(scene.loop);
}
END_TEST

/* As in an upgrade: the loop must not wake for connections to the next process. */
START_TEST(a_loop_forgets_the_sockets_of_a_freed_listener)
{
	struct scene scene;
	struct sockets copies;
	int dialled, fd;

	set_up(&scene);
	dialled = sockets_dial(&scene.addr);
	scene.wanted = 1;
	ck_assert(run_until(scene.loop, has_enough, &scene));
	fd = listener_sockets(scene.listener).fds[0];
	copies = listener_copy(scene.listener);
	listener_free(scene.listener);
	/* The same socket under the same number is what the set would have. */
	ck_assert_int_eq(dup2(copies.fds[0], fd), fd);
	ck_assert(!loop_forget_fd(scene.loop, fd));
	close(fd);
	close(dialled);
	sock_close_all(&copies);
	loop_free(scene.loop);
}
END_TEST

START_TEST(buffers_may_change_while_it_listens)
{
	struct scene scene;
	int fds[2];

	set_up(&scene);
	scene.keeps = true;
	for (unsigned i = 0; i < 2; i++) {
		listener_resize(scene.listener,
		                &(struct sock_sizes){ 9000 + (int)i, i ? 0 : 8000 });
		fds[i] = sockets_dial(&scene.addr);
		scene.wanted = i + 1;
		ck_assert(run_until(scene.loop, has_enough, &scene));
		ck_assert_int_eq(buffer_of(scene.kept[i], SO_SNDBUF), 9000 + (int)i);
		ck_assert_int_eq(buffer_of(scene.kept[i], SO_RCVBUF), 8000);
	}
	for (unsigned i = 0; i < 2; i++) {
		close(fds[i]);
		close(scene.kept[i]);
	}
	listener_free(scene.listener);
	loop_free(scene.loop);
}
END_TEST

START_TEST(all_that_wait_are_accepted)
{
	struct scene scene;
	int fds[200];

	set_up(&scene);
	for (int i = 0; i < 200; i++)
		fds[i] = sockets_dial(&scene.addr);
	scene.wanted = 200;
	ck_assert(run_until(scene.loop, has_enough, &scene));
	for (int i = 0; i < 200; i++)
		close(fds[i]);
	listener_free(scene.listener);
	listener_free(NULL);
	loop_free(scene.loop);
}
END_TEST

START_TEST(a_queue_costs_few_turns)
{
	struct scene scene;
	uint64_t turn;
	int fds[200];

	set_up(&scene);
	run_for(scene.loop, 5);
	for (int i = 0; i < 200; i++)
		fds[i] = sockets_dial(&scene.addr);
	turn = loop_turn(scene.loop);
	scene.wanted = 200;
	ck_assert(run_until(scene.loop, has_enough, &scene));
	ck_assert_uint_le(loop_turn(scene.loop) - turn, 20);
	for (int i = 0; i < 200; i++)
		close(fds[i]);
	listener_free(scene.listener);
	loop_free(scene.loop);
}
END_TEST

struct other {
	struct scene *scene;
	ev_io io;
	bool ran;
};

static void on_other(struct ev_loop *ev, ev_io *io, int events)
{
	struct other *other = io->data;

	(void)events;
	ev_io_stop(ev, io);
	other->ran = true;
	ck_assert_uint_eq(other->scene->n_accepted, 0);
}

/* Both are ready in one turn, whichever became ready first. */
static void accept_behind(bool is_first)
{
	struct scene scene;
	struct other other = { .scene = &scene };
	int pair[2], dialled = -1;

	set_up(&scene);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ev_io_init(&other.io, on_other, pair[0], EV_READ);
	other.io.data = &other;
	ev_io_start(loop_ev(scene.loop), &other.io);
	run_for(scene.loop, 5);
	if (is_first)
		dialled = sockets_dial(&scene.addr);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	if (!is_first)
		dialled = sockets_dial(&scene.addr);
	scene.wanted = 1;
	ck_assert(run_until(scene.loop, has_enough, &scene));
	ck_assert(other.ran);
	close(pair[0]);
	close(pair[1]);
	close(dialled);
	listener_free(scene.listener);
	loop_free(scene.loop);
}

START_TEST(other_events_of_the_turn_come_first)
{
	accept_behind(true);
	accept_behind(false);
}
END_TEST

START_TEST(it_may_be_freed_from_within)
{
	struct scene scene;
	int fds[3];

	set_up(&scene);
	scene.frees = true;
	for (int i = 0; i < 3; i++)
		fds[i] = sockets_dial(&scene.addr);
	run_for(scene.loop, 50);
	ck_assert_uint_eq(scene.n_accepted, 1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	loop_free(scene.loop);
}
END_TEST

static int64_t cpu_ms(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* When descriptors run out, it neither ends nor spins. It goes on once some are free. */
START_TEST(running_out_of_descriptors_is_survived)
{
	struct scene scene;
	struct rlimit limit, less;
	int64_t before_ms;
	int fds[20], spare;

	set_up(&scene);
	close(STDERR_FILENO); /* the log cannot write either */
	for (int i = 0; i < 20; i++)
		fds[i] = sockets_dial(&scene.addr);
	spare = dup(fds[0]);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	less = limit;
	less.rlim_cur = (rlim_t)spare + 1 + 5;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &less), 0);
	scene.keeps = true;
	before_ms = cpu_ms();
	run_for(scene.loop, 1300);
	ck_assert_int_lt(cpu_ms() - before_ms, 650);
	ck_assert_uint_ge(scene.n_accepted, 5);
	ck_assert_uint_le(scene.n_accepted, 8);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	scene.wanted = 20;
	ck_assert(run_until(scene.loop, has_enough, &scene));
	listener_free(scene.listener);
	loop_free(scene.loop);
	for (int i = 0; i < 20; i++) {
		close(fds[i]);
		close(scene.kept[i]);
	}
	close(spare);
}
END_TEST

/* A socket that does not listen is always ready, and accept on it always fails, with a cause that
 * the listener does not know. */
START_TEST(what_always_fails_does_not_spin)
{
	struct scene scene = { .loop = run_until_loop() };
	struct pollfd ready = { .fd = socket(AF_INET, SOCK_STREAM, 0), .events = POLLIN };
	int64_t before_ms;

	ck_assert_int_eq(poll(&ready, 1, 0), 1);
	close(STDERR_FILENO);
	scene.listener = listener_new(scene.loop, &(struct sockets){ 1, { ready.fd } }, on_accept,
	                              &scene);
	before_ms = cpu_ms();
	run_for(scene.loop, 500);
	ck_assert_int_lt(cpu_ms() - before_ms, 250);
	ck_assert_uint_eq(scene.n_accepted, 0);
	listener_free(scene.listener);
	loop_free(scene.loop);
}
END_TEST

START_TEST(freeing_a_paused_one_is_fine)
{
	struct scene scene;
	struct rlimit limit, none;
	int fd;

	set_up(&scene);
	fd = sockets_dial(&scene.addr);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)fd + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	run_for(scene.loop, 20);
	listener_free(scene.listener);
	listener_free(scene.listener);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	run_for(scene.loop, 200);
	ck_assert_uint_eq(scene.n_accepted, 0);
	close(fd);
	loop_free(scene.loop);
}
END_TEST

START_TEST(the_log_names_the_limit_to_raise)
{
	struct scene scene;
	struct rlimit before;
	int fd;

	set_up(&scene);
	stderr_file_begin();
	fd = sockets_dial(&scene.addr);
	before = few_descriptors_begin(0);
	run_for(scene.loop, 20);
	few_descriptors_end(&before);
	stderr_file_expect("error=\"Too many open files\" raise=\"ulimit -n, or LimitNOFILE=");
	listener_free(scene.listener);
	close(fd);
	loop_free(scene.loop);
}
END_TEST

static int dial_errno(const spore_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t len = addr_to_sockaddr(addr, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int cause = connect(fd, (struct sockaddr *)&sa, len) == 0 ? 0 : errno;

	close(fd);
	return cause;
}

/* While it is shut, nobody connects and nobody else gets the port. */
START_TEST(a_port_that_is_shut_is_kept)
{
	struct scene scene;
	struct err err;
	struct sockets sockets = { .n = 1 };
	int first;

	set_up(&scene);
	/* Only a port that was asked for is kept. */
	listener_free(scene.listener);
	sockets.fds[0] = sock_bind(&scene.addr, 0, NULL, &err);
	ck_assert_msg(sockets.fds[0] >= 0 && sock_listen(sockets.fds[0], &err), "%s", err.text);
	scene.listener = listener_new(scene.loop, &sockets, on_accept, &scene);
	ck_assert_ptr_nonnull(scene.listener);
	first = sockets_dial(&scene.addr);
	scene.wanted = 1;
	ck_assert(run_until(scene.loop, has_enough, &scene));
	ck_assert(listener_shut(scene.listener) && listener_shut(scene.listener));
	ck_assert_int_eq(dial_errno(&scene.addr), ECONNREFUSED);
	ck_assert_int_eq(sock_bind(&scene.addr, 0, NULL, &err), -1);
	listener_wake(scene.listener); /* it sleeps on */
	ck_assert(listener_reopen(scene.listener, &err) && listener_reopen(scene.listener, &err));
	close(sockets_dial(&scene.addr));
	scene.wanted = 2;
	ck_assert(run_until(scene.loop, has_enough, &scene));
	close(first);
	ck_assert(listener_shut(scene.listener));
	listener_finish(scene.listener);
	scene.listener = NULL;
	ck_assert_int_eq(dial_errno(&scene.addr), ECONNREFUSED);
	loop_free(scene.loop);
}
END_TEST

SUITE("listener", a_queue_costs_few_turns, other_events_of_the_turn_come_first,
      a_loop_forgets_the_sockets_of_a_freed_listener, a_port_that_is_shut_is_kept,
      the_log_names_the_limit_to_raise, buffers_may_change_while_it_listens,
      what_waits_is_accepted_at_the_end, what_waits_in_a_socket_that_is_taken_stays,
      a_copy_outlives_the_listener, all_that_wait_are_accepted, it_may_be_freed_from_within,
      running_out_of_descriptors_is_survived, what_always_fails_does_not_spin,
      freeing_a_paused_one_is_fine)
