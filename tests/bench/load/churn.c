/*
 * New connections: each slot connects, sends a question, checks the answer, waits for the service
 * to end the connection, closes, and starts again.
 *
 * The latency runs from before connect to the last byte of the answer. Waiting for the end behind
 * it proves that the tunnel passes the end on and adds nothing, and it keeps the number of open
 * connections constant: a tunnel cannot accumulate connections that it has not closed yet.
 */
#include "../clock.h"
#include "../loopback.h"
#include "../wire.h"
#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define EVENTS             256
#define TICK_MS            50
#define CONNECTION_SECONDS 10

/* More failures mean a broken tunnel; continuing would only spin. */
#define MAX_FAILURES 1000

/* Free (fd is -1, and on the free list), asking, or listening for the answer and the end. */
struct slot {
	int fd;
	bool has_asked;
	unsigned received;
	uint64_t number;
	uint64_t since;
	struct slot *next_free;
	uint8_t answer[WIRE_MESSAGE];
};

struct churner {
	struct worker *worker; /* borrowed, outlives us */
	struct slot *slots;    /* owned */
	struct slot *free;
	unsigned busy;
	uint64_t started;
	uint64_t swept; /* when overdue slots were last looked for */
	int epoll;
};

static void slot_free(struct churner *churner, struct slot *slot)
{
	close(slot->fd);
	slot->fd = -1;
	slot->next_free = churner->free;
	churner->free = slot;
	churner->busy--;
}

static void slot_fail(struct churner *churner, struct slot *slot, enum tally_error error)
{
	tally_fail(&churner->worker->tally, error);
	slot_free(churner, slot);
}

/* What comes first, and the question, leave in one call. */
static void ask(struct churner *churner, struct slot *slot)
{
	const struct plan *plan = churner->worker->plan;
	uint8_t question[WIRE_MESSAGE];
	struct iovec parts[] = { { (void *)plan->first, plan->first_size },
		                 { question, sizeof(question) } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t sent;

	wire_question(slot->number, question);
	sent = sendmsg(slot->fd, &message, MSG_NOSIGNAL);
	if (sent == (ssize_t)(plan->first_size + sizeof(question)))
		slot->has_asked = true;
	else if (sent >= 0 || errno != EAGAIN)
		slot_fail(churner, slot, TALLY_CONNECT);
}

/* Returns false if the slot failed. */
static bool check_answer(struct churner *churner, struct slot *slot)
{
	uint8_t expected[WIRE_MESSAGE];

	wire_question(slot->number, expected);
	wire_answer(expected);
	if (memcmp(slot->answer, expected, sizeof(expected)) != 0) {
		slot_fail(churner, slot, TALLY_WRONG);
		return false;
	}
	tally_add_timed(&churner->worker->tally, clock_ns() - slot->since);
	return true;
}

/* Returns whether there may be more to read. */
static bool listen_some(struct churner *churner, struct slot *slot)
{
	bool has_answer = slot->received == WIRE_MESSAGE;
	uint8_t extra;
	ssize_t got = has_answer ? recv(slot->fd, &extra, 1, 0)
	                         : recv(slot->fd, slot->answer + slot->received,
	                                WIRE_MESSAGE - slot->received, 0);

	if (got < 0) {
		if (errno != EAGAIN)
			slot_fail(churner, slot, TALLY_RESET);
		return false;
	}
	if (got == 0) {
		if (has_answer)
			slot_free(churner, slot);
		else
			slot_fail(churner, slot, TALLY_SHORT);
		return false;
	}
	if (has_answer) {
		slot_fail(churner, slot, TALLY_WRONG);
		return false;
	}
	slot->received += (unsigned)got;
	return slot->received < WIRE_MESSAGE || check_answer(churner, slot);
}

static void on_event(struct churner *churner, struct slot *slot)
{
	if (!slot->has_asked) {
		ask(churner, slot);
		return;
	}
	while (listen_some(churner, slot))
		;
}

/* Returns false if the slot failed. A slot that has sent its question does not wait for EPOLLOUT,
 * which would come at once. */
static bool slot_watch(struct churner *churner, struct slot *slot)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = slot };

	if (!slot->has_asked)
		event.events |= EPOLLOUT;
	if (epoll_ctl(churner->epoll, EPOLL_CTL_ADD, slot->fd, &event) == 0)
		return true;
	slot_fail(churner, slot, TALLY_LOCAL);
	return false;
}

/* Returns false if the generator itself could not start a connection. */
static bool slot_start(struct churner *churner, struct slot *slot)
{
	struct worker *worker = churner->worker;

	slot->number = (uint64_t)worker->first << 40 | churner->started;
	slot->since = clock_ns();
	slot->has_asked = false;
	slot->received = 0;
	slot->fd = loopback_begin(worker->plan->port,
	                          (unsigned)(slot->number % worker->plan->sources));
	if (slot->fd < 0) {
		tally_fail(&worker->tally, errno == ECONNREFUSED ? TALLY_CONNECT : TALLY_LOCAL);
		return false;
	}
	churner->started++;
	churner->free = slot->next_free;
	churner->busy++;
	/* On the loopback interface the connection is usually open already. */
	ask(churner, slot);
	return slot->fd < 0 || slot_watch(churner, slot);
}

static bool may_start(const struct churner *churner)
{
	const struct worker *worker = churner->worker;

	return (worker->plan->count == 0 || churner->started < worker->count) &&
	       tally_failures(&worker->tally) < MAX_FAILURES;
}

static void start_free(struct churner *churner)
{
	while (churner->free != NULL && may_start(churner))
		if (!slot_start(churner, churner->free))
			return;
}

static void fail_overdue(struct churner *churner)
{
	uint64_t now = clock_ns();

	if (now - churner->swept < CLOCK_SECOND)
		return;
	churner->swept = now;
	for (unsigned i = 0; i < churner->worker->connections; i++) {
		struct slot *slot = &churner->slots[i];

		if (slot->fd >= 0 && now - slot->since > CONNECTION_SECONDS * CLOCK_SECOND)
			slot_fail(churner, slot, TALLY_TIMEOUT);
	}
}

static void dispatch(struct churner *churner)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(churner->epoll, events, EVENTS, TICK_MS);

	for (int i = 0; i < count; i++)
		on_event(churner, events[i].data.ptr);
	fail_overdue(churner);
}

static void churner_run(struct churner *churner)
{
	struct worker *worker = churner->worker;
	const struct plan *plan = worker->plan;
	bool is_counted = plan->count > 0;

	for (unsigned i = 0; i < worker->connections; i++) {
		churner->slots[i].fd = -1;
		churner->slots[i].next_free = churner->free;
		churner->free = &churner->slots[i];
	}
	tally_start(&worker->tally, is_counted ? 0 : plan->warmup, is_counted ? 0 : plan->seconds);
	start_free(churner);
	while (tally_is_running(&worker->tally) && (churner->busy > 0 || may_start(churner))) {
		dispatch(churner);
		start_free(churner);
	}
	tally_close(&worker->tally);
	while (churner->busy > 0)
		dispatch(churner);
}

static bool run(struct worker *worker)
{
	struct churner churner = {
		.worker = worker,
		.swept = clock_ns(),
		.epoll = epoll_create1(EPOLL_CLOEXEC),
	};

	churner.slots = calloc(worker->connections, sizeof(*churner.slots));
	if (churner.epoll < 0 || churner.slots == NULL)
		perror("churn");
	else
		churner_run(&churner);
	if (churner.epoll >= 0)
		close(churner.epoll);
	free(churner.slots);
	return worker->tally.closed != 0;
}

const struct scenario churn = {
	.name = "churn",
	.unit = "connections",
	.seconds = 3,
	.help = "new connections: a question, its answer, the end",
	.run = run,
};
