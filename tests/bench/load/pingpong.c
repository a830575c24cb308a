/*
 * Messages that come back: each connection sends one, waits for its echo, compares it, and sends
 * the next. The latency is that of one exchange.
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
#include <unistd.h>

#define EVENTS  256
#define TICK_MS 50

/* A player has either bytes left to send, or waits for the echo. fd is -1 once it failed. */
struct player {
	int fd;
	uint8_t *message; /* owned; size bytes, and behind them size bytes for the echo */
	size_t sent;
	size_t received;
	uint64_t number;
	uint64_t since;
};

struct match {
	struct worker *worker;  /* borrowed, outlives us */
	struct player *players; /* owned */
	unsigned live;
	size_t size;
	int epoll;
};

static void player_fail(struct match *match, struct player *player, enum tally_error error)
{
	tally_fail(&match->worker->tally, error);
	close(player->fd);
	player->fd = -1;
	match->live--;
}

static void send_rest(struct match *match, struct player *player)
{
	ssize_t sent = send(player->fd, player->message + player->sent, match->size - player->sent,
	                    MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0)
		player->sent += (size_t)sent;
	else if (errno != EAGAIN)
		player_fail(match, player, TALLY_RESET);
}

/* Every message differs from the last one, so that a stale echo is seen. */
static void serve(struct match *match, struct player *player)
{
	uint8_t number[WIRE_NUMBER];

	wire_put_number(number, ++player->number);
	memcpy(player->message, number, match->size < WIRE_NUMBER ? match->size : WIRE_NUMBER);
	player->sent = 0;
	player->received = 0;
	player->since = clock_ns();
	send_rest(match, player);
}

static void receive_some(struct match *match, struct player *player)
{
	uint8_t *echo = player->message + match->size;
	ssize_t got = recv(player->fd, echo + player->received, match->size - player->received,
	                   MSG_DONTWAIT);

	if (got < 0) {
		if (errno != EAGAIN)
			player_fail(match, player, TALLY_RESET);
		return;
	}
	if (got == 0) {
		player_fail(match, player, TALLY_SHORT);
		return;
	}
	player->received += (size_t)got;
	if (player->received < match->size)
		return;
	if (memcmp(player->message, echo, match->size) != 0) {
		player_fail(match, player, TALLY_WRONG);
		return;
	}
	tally_add_timed(&match->worker->tally, clock_ns() - player->since);
	serve(match, player);
}

static void on_event(struct match *match, struct player *player, uint32_t events)
{
	if ((events & EPOLLOUT) && player->sent < match->size)
		send_rest(match, player);
	if (player->fd >= 0 && (events & ~(uint32_t)EPOLLOUT))
		receive_some(match, player);
}

static bool player_join(struct match *match, struct player *player, unsigned number)
{
	const struct plan *plan = match->worker->plan;
	uint8_t command = WIRE_ECHO;
	/* Edges: EPOLLOUT then costs nothing as long as messages fit into the socket. */
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = player };

	player->message = malloc(2 * match->size);
	player->fd = loopback_open(plan->port, number % plan->sources);
	if (player->fd < 0 || player->message == NULL)
		return false;
	match->live++;
	for (size_t i = 0; i < match->size; i++)
		player->message[i] = (uint8_t)(number + i);
	return loopback_send(player->fd, &command, 1) &&
	       epoll_ctl(match->epoll, EPOLL_CTL_ADD, player->fd, &event) == 0;
}

static void play(struct match *match)
{
	struct worker *worker = match->worker;
	const struct plan *plan = worker->plan;
	struct epoll_event events[EVENTS];

	tally_start(&worker->tally, plan->warmup, plan->seconds);
	for (unsigned i = 0; i < worker->connections; i++)
		serve(match, &match->players[i]);
	while (tally_is_running(&worker->tally) && match->live > 0) {
		int count = epoll_wait(match->epoll, events, EVENTS, TICK_MS);

		for (int i = 0; i < count; i++)
			on_event(match, events[i].data.ptr, events[i].events);
	}
	tally_close(&worker->tally);
}

static void match_run(struct match *match)
{
	struct worker *worker = match->worker;

	for (unsigned i = 0; i < worker->connections; i++)
		match->players[i].fd = -1;
	for (unsigned i = 0; i < worker->connections; i++)
		if (!player_join(match, &match->players[i], worker->first + i)) {
			perror("cannot open a connection");
			return;
		}
	play(match);
}

static bool run(struct worker *worker)
{
	struct match match = {
		.worker = worker,
		.size = worker->plan->size,
		.epoll = epoll_create1(EPOLL_CLOEXEC),
	};

	match.players = calloc(worker->connections, sizeof(*match.players));
	if (match.epoll < 0 || match.players == NULL)
		perror("pingpong");
	else
		match_run(&match);
	for (unsigned i = 0; match.players != NULL && i < worker->connections; i++) {
		if (match.players[i].fd >= 0)
			close(match.players[i].fd);
		free(match.players[i].message);
	}
	if (match.epoll >= 0)
		close(match.epoll);
	free(match.players);
	return worker->tally.closed != 0;
}

const struct scenario pingpong = {
	.name = "pingpong",
	.unit = "exchanges",
	.seconds = 3,
	.help = "messages that come back, one at a time on each connection",
	.run = run,
};
