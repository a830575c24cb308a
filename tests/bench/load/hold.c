/*
 * Idle connections: opens them one after the other, exchanges a byte on each, prints a line on
 * standard output, and keeps them until a line or the end comes on standard input. Then it
 * exchanges another byte on each, to prove that they still work, and closes them all.
 */
#include "../loopback.h"
#include "../wire.h"
#include "worker.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool exchange(int fd, uint8_t byte)
{
	uint8_t echo = 0;

	return loopback_send(fd, &byte, 1) && loopback_receive(fd, &echo, 1) && echo == byte;
}

/* Returns the connection, or -1 after a message. */
static int open_one(const struct plan *plan, unsigned number)
{
	uint8_t command = WIRE_ECHO;
	int fd = loopback_open(plan->port, number % plan->sources);

	if (fd >= 0 && loopback_send(fd, &command, 1) && exchange(fd, (uint8_t)number))
		return fd;
	fprintf(stderr, "connection %u: ", number);
	perror("cannot open it and exchange a byte");
	if (fd >= 0)
		close(fd);
	return -1;
}

static void wait_until_told(const struct plan *plan)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	poll(&input, 1, (int)(plan->seconds * 1000));
}

static void keep(struct worker *worker, int *fds)
{
	unsigned opened = 0;

	while (opened < worker->connections) {
		fds[opened] = open_one(worker->plan, opened);
		if (fds[opened] < 0) {
			tally_fail(&worker->tally, TALLY_CONNECT);
			break;
		}
		opened++;
	}
	printf("{\"held\":%u}\n", opened);
	fflush(stdout);
	if (opened == worker->connections)
		wait_until_told(worker->plan);
	for (unsigned i = 0; i < opened; i++) {
		if (exchange(fds[i], (uint8_t)(i + 1)))
			tally_add(&worker->tally, 1);
		else
			tally_fail(&worker->tally, TALLY_SHORT);
		close(fds[i]);
	}
}

static bool run(struct worker *worker)
{
	int *fds = calloc(worker->connections, sizeof(*fds));

	if (fds == NULL) {
		perror("hold");
		return false;
	}
	tally_start(&worker->tally, 0, 0);
	keep(worker, fds);
	tally_close(&worker->tally);
	free(fds);
	return true;
}

const struct scenario hold = {
	.name = "hold",
	.unit = "connections",
	.help = "idle connections, kept until a line or the end of standard input",
	.seconds = 600,
	.is_single = true,
	.run = run,
};
