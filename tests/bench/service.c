/*
 * spore-bench-service: the service behind a measured tunnel. It listens on 127.0.0.1 and serves
 * the modes of wire.h, all on one port, with as little work of its own as it can.
 *
 * Each thread has its own epoll instance and all of them wait for the one listener. A thread that
 * accepts gives the connection to the next thread in turn. Otherwise the thread that is awake
 * would keep all connections, and runs would differ by chance.
 */
#include "loopback.h"
#include "session.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG      4096
#define ACCEPT_BATCH 64
#define EVENTS       256
#define MAX_THREADS  64

/* Filled by main before the threads start, constant afterwards, except next_loop. */
static struct session_loop loops[MAX_THREADS];
static unsigned loop_count = 2;
static int listener = -1;
static atomic_uint next_loop;

static void give_away(int fd)
{
	unsigned turn = atomic_fetch_add(&next_loop, 1);

	if (!session_start(&loops[turn % loop_count], fd))
		perror("cannot serve a connection");
}

static void accept_some(void)
{
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			give_away(fd);
		} else if (errno != ECONNABORTED) {
			if (errno != EAGAIN) {
				perror("accept");
				usleep(10000); /* out of descriptors: sessions have to end first */
			}
			return;
		}
	}
}

static void *serve(void *argument)
{
	struct session_loop *loop = argument;
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(loop->epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL)
				accept_some();
			else
				session_on_event(loop, events[i].data.ptr, events[i].events);
		}
	}
	return NULL;
}

/* A thread may get sessions as soon as another one accepts, so all loops are made first. */
static bool make_loops(void)
{
	/* EPOLLEXCLUSIVE wakes one thread for a new connection instead of all. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = NULL };

	for (unsigned i = 0; i < loop_count; i++) {
		loops[i].epoll = epoll_create1(EPOLL_CLOEXEC);
		loops[i].scratch = calloc(1, SESSION_SCRATCH);
		if (loops[i].epoll < 0 || loops[i].scratch == NULL)
			return false;
	}
	for (unsigned i = 0; i < loop_count; i++)
		if (epoll_ctl(loops[i].epoll, EPOLL_CTL_ADD, listener, &event) != 0)
			return false;
	return true;
}

static bool start_threads(void)
{
	for (unsigned i = 0; i < loop_count; i++) {
		pthread_t thread;
		int error = pthread_create(&thread, NULL, serve, &loops[i]);

		if (error != 0) {
			errno = error;
			return false;
		}
	}
	return true;
}

/* The service must not outlive its parent, even if the parent is killed. */
static void wait_for_end_of_input(void)
{
	char ignored[64];

	while (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0)
		;
}

static bool parse(int argc, char **argv, uint16_t *port_out)
{
	static const struct option options[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "threads", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int found;

	while ((found = getopt_long(argc, argv, "", options, NULL)) != -1) {
		long value = optarg != NULL ? strtol(optarg, NULL, 10) : -1;

		if (found == 'p' && value >= 0 && value <= UINT16_MAX)
			*port_out = (uint16_t)value;
		else if (found == 't' && value > 0 && value <= MAX_THREADS)
			loop_count = (unsigned)value;
		else
			return false;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	uint16_t port = 0;

	if (!parse(argc, argv, &port)) {
		fprintf(stderr,
		        "usage: spore-bench-service [--port PORT] [--threads 1-%d]\n"
		        "Serves on 127.0.0.1 until its standard input ends.\n",
		        MAX_THREADS);
		return 2;
	}
	loopback_raise_limit();
	listener = loopback_listen(port, BACKLOG);
	if (listener < 0 || !make_loops() || !start_threads()) {
		perror("cannot serve");
		return 1;
	}
	printf("listening at 127.0.0.1:%u\n", loopback_port(listener));
	fflush(stdout);
	wait_for_end_of_input();
	return 0;
}
