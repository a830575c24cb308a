#include "loop/poller.h"

#include <errno.h>
#include <fcntl.h>
#include <spore/base.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run_until.h"
#include "suite.h"

/* What was reported, by key. */
static struct {
	unsigned n;
	uint32_t events;
	bool forgotten; /* the key is not known any more */
} seen[8];

static bool on_ready(uint64_t key, uint32_t events)
{
	seen[key].n++;
	seen[key].events |= events;
	return !seen[key].forgotten;
}

struct scene {
	struct loop *loop;
	struct poller *poller;
	int fds[2];
	bool lost;
};

static void open_scene(struct scene *scene)
{
	*scene = (struct scene){ .loop = run_until_loop() };
	scene->poller = poller_new(scene->loop, on_ready);
	ck_assert_ptr_nonnull(scene->poller);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, scene->fds), 0);
}

static void close_scene(struct scene *scene)
{
	poller_free(scene->poller);
	loop_free(scene->loop);
	close(scene->fds[0]);
	close(scene->fds[1]);
}

static int add(struct scene *scene, int fd, uint32_t events, uint64_t key)
{
	return poller_add(scene->poller, fd, events, key, &scene->lost);
}

static bool is_seen(void *n)
{
	return *(unsigned *)n > 0;
}

START_TEST(it_reports_what_it_was_asked_for)
{
	struct scene scene;

	open_scene(&scene);
	ck_assert_int_eq(add(&scene, scene.fds[0], SPORE_READ, 1), 0);
	run_for(scene.loop, 20);
	ck_assert_uint_eq(seen[1].n, 0);
	ck_assert(poller_change(scene.poller, scene.fds[0], SPORE_READ | SPORE_WRITE, 1));
	ck_assert(run_until(scene.loop, is_seen, &seen[1].n));
	ck_assert_uint_eq(seen[1].events, SPORE_WRITE);
	ck_assert(poller_change(scene.poller, scene.fds[0], SPORE_READ, 1));
	seen[1].n = seen[1].events = 0;
	ck_assert_int_eq(write(scene.fds[1], "x", 1), 1);
	ck_assert(run_until(scene.loop, is_seen, &seen[1].n));
	ck_assert_uint_eq(seen[1].events, SPORE_READ);
	ck_assert(poller_remove(scene.poller, scene.fds[0], 1));
	seen[1].n = 0;
	run_for(scene.loop, 20);
	ck_assert_uint_eq(seen[1].n, 0);
	close_scene(&scene);
}
END_TEST

/* A descriptor that nobody waits for does not keep the loop busy, even after a hang-up. */
START_TEST(nothing_asked_for_costs_nothing)
{
	struct loop_vitals before, after;
	struct scene scene;

	open_scene(&scene);
	ck_assert_int_eq(add(&scene, scene.fds[0], 0, 1), 0);
	shutdown(scene.fds[1], SHUT_RDWR);
	run_for(scene.loop, 20);
	before = loop_vitals(scene.loop);
	run_for(scene.loop, 200);
	after = loop_vitals(scene.loop);
	ck_assert_uint_le(seen[1].n, 1);
	ck_assert_uint_le(after.turns - before.turns, 300); /* of the test's own timer */
	ck_assert(poller_change(scene.poller, scene.fds[0], SPORE_READ, 1));
	seen[1].n = seen[1].events = 0;
	ck_assert(run_until(scene.loop, is_seen, &seen[1].n));
	ck_assert(seen[1].events & SPORE_READ);
	close_scene(&scene);
}
END_TEST

START_TEST(what_cannot_be_watched_is_refused)
{
	struct scene scene;
	int file, folder;

	open_scene(&scene);
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert(file >= 0 && folder >= 0);
	ck_assert_int_eq(add(&scene, -1, SPORE_READ, 1), EBADF);
	ck_assert_int_eq(add(&scene, 999, SPORE_READ, 1), EBADF);
	ck_assert_int_eq(add(&scene, file, SPORE_READ, 1), EPERM);
	ck_assert_int_eq(add(&scene, folder, SPORE_READ, 1), EPERM);
	ck_assert_int_eq(add(&scene, scene.fds[0], SPORE_READ, 1), 0);
	ck_assert_int_eq(add(&scene, scene.fds[0], SPORE_READ, 2), EEXIST);
	ck_assert(poller_remove(scene.poller, scene.fds[0], 1)); /* still the first one's */
	close(file);
	close(folder);
	close_scene(&scene);
}
END_TEST

START_TEST(a_closed_descriptor_is_noticed)
{
	struct scene scene;
	int fd;

	open_scene(&scene);
	fd = dup(scene.fds[0]);
	ck_assert_int_eq(add(&scene, fd, SPORE_READ, 1), 0);
	close(fd);
	ck_assert(!poller_change(scene.poller, fd, SPORE_WRITE, 1));
	run_for(scene.loop, 20);
	ck_assert(!poller_remove(scene.poller, fd, 1));
	close_scene(&scene);
}
END_TEST

START_TEST(the_next_user_of_a_number_is_not_confused)
{
	struct scene scene;
	int fd, pair[2];

	open_scene(&scene);
	fd = fcntl(scene.fds[0], F_DUPFD_CLOEXEC, 100);
	ck_assert_int_eq(fd, 100);
	ck_assert_int_eq(add(&scene, fd, SPORE_READ, 1), 0);
	ck_assert(!scene.lost);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(dup2(pair[0], fd), fd);
	ck_assert_int_eq(add(&scene, fd, SPORE_READ, 2), 0);
	ck_assert(scene.lost);
	ck_assert(!poller_change(scene.poller, fd, SPORE_WRITE, 1));
	ck_assert(!poller_remove(scene.poller, fd, 1)); /* leaves the new one alone */
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert(run_until(scene.loop, is_seen, &seen[2].n));
	ck_assert(poller_remove(scene.poller, fd, 2));
	close(fd);
	close(pair[0]);
	close(pair[1]);
	close_scene(&scene);
}
END_TEST

/* The kernel goes on to report a closed descriptor that has a duplicate. */
START_TEST(a_stray_is_shaken_off)
{
	struct scene scene;
	unsigned n;
	int fd;

	open_scene(&scene);
	fd = fcntl(scene.fds[0], F_DUPFD_CLOEXEC, 100);
	ck_assert_int_eq(add(&scene, fd, SPORE_READ, 1), 0);
	ck_assert_int_eq(add(&scene, scene.fds[1], SPORE_READ, 2), 0);
	close(fd);
	ck_assert(!poller_remove(scene.poller, fd, 1));
	seen[1].forgotten = true;
	ck_assert_int_eq(write(scene.fds[1], "x", 1), 1);
	ck_assert(run_until(scene.loop, is_seen, &seen[1].n));
	n = seen[1].n;
	run_for(scene.loop, 50);
	ck_assert_uint_eq(seen[1].n, n);
	ck_assert_int_eq(write(scene.fds[0], "y", 1), 1);
	ck_assert(run_until(scene.loop, is_seen, &seen[2].n)); /* the others are still watched */
	ck_assert(poller_remove(scene.poller, scene.fds[1], 2));
	close_scene(&scene);
}
END_TEST

/* The same file may come back under the same number. */
START_TEST(a_stray_may_be_watched_again)
{
	struct scene scene;
	int fd;

	open_scene(&scene);
	fd = fcntl(scene.fds[0], F_DUPFD_CLOEXEC, 100);
	ck_assert_int_eq(add(&scene, fd, SPORE_READ, 1), 0);
	close(fd);
	ck_assert(!poller_remove(scene.poller, fd, 1));
	ck_assert_int_eq(dup2(scene.fds[0], fd), fd);
	ck_assert_int_eq(add(&scene, fd, SPORE_WRITE, 3), 0);
	ck_assert(run_until(scene.loop, is_seen, &seen[3].n));
	ck_assert_uint_eq(seen[1].n, 0);
	ck_assert(poller_remove(scene.poller, fd, 3));
	close(fd);
	close_scene(&scene);
}
END_TEST

SUITE("poller", it_reports_what_it_was_asked_for, nothing_asked_for_costs_nothing,
      what_cannot_be_watched_is_refused, a_closed_descriptor_is_noticed,
      the_next_user_of_a_number_is_not_confused, a_stray_is_shaken_off,
      a_stray_may_be_watched_again)
