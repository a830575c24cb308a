#include "choose/chooser.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "chain/plugin_set.h"
#include "choose/choice.h"
#include "loop/loop.h"
#include "net/listener.h"
#include "net/sock.h"
#include "net/stream.h"
#include "quota/ports.h"
#include "quota/source.h"
#include "session/arrival.h"
#include "session/refuse.h"

/* A routed port on one worker. It stays while it has guests, even if a reload has removed the
 * port. */
struct chooser {
	struct list node; /* in worker->choosers */
	struct server_worker *worker;
	struct listener *listener; /* owned; NULL once closed */
	uint16_t port;
	uint64_t visitors;    /* that have come so far */
	struct list arrivals; /* guests whose transports open */
	struct choices choices;
};

/* ---- parked: the next server gets them ---- */

static void park(int fd, void *arg)
{
	struct server_worker *worker = arg;

	worker->parked[worker->n_parked++] = fd;
}

/* A port that is in the configuration no more is not one of the next server. */
static void park_all(struct chooser *chooser, unsigned most)
{
	if (!chooser->listener)
		return;
	most -= arrival_release_guests(&chooser->arrivals, most, park, chooser->worker);
	choices_park(&chooser->choices, most);
}

/* ---- visitors that come ---- */

static void on_open(struct visitor *visitor, struct source *crowd, struct plugin_set *set,
                    void *arg)
{
	struct chooser *chooser = arg;

	choices_receive(&chooser->choices, visitor, &stream_conn(visitor->stream)->local, crowd,
	                set);
}

static void let_in(struct chooser *chooser, int fd, const spore_addr *peer, const spore_addr *local)
{
	struct server_worker *worker = chooser->worker;
	struct visitor visitor = {
		.fd = fd, .peer = *peer, .port = chooser->port, .since_ns = clock_ns()
	};
	struct arrival_plan plan = {
		.entry = ports_find_shared(&worker->set->config->settings.public, chooser->port),
		.on_guest = on_open,
		.home = &chooser->arrivals,
		.arg = chooser,
	};
	struct limit_hit hit;
	struct source *crowd;

	if (arrival_is_needed(worker->set, plan.entry)) {
		arrival_start(worker, &plan, &visitor, local);
		return;
	}
	crowd = source_get(worker->shared->sources, peer);
	if (arrival_join_crowd(worker, crowd, &hit)) {
		choices_receive(&chooser->choices, &visitor, local, crowd, worker->set);
		return;
	}
	refuse_arriving(worker, &visitor, hit.why, &(struct refuse_opening){ .hit = &hit });
	sock_reset(fd);
}

static void on_accept(int fd, const spore_addr *peer, const spore_addr *local, void *arg)
{
	struct chooser *chooser = arg;
	const struct server_worker *worker = chooser->worker;

	stats_add(&worker->shared->stats, worker->loop, STAT_CONNECTIONS_INCOMING, 1);
	chooser->visitors++;
	let_in(chooser, fd, peer, local);
}

/* ---- one chooser ---- */

static struct chooser *new_chooser(struct server_worker *worker, uint16_t port)
{
	struct chooser *chooser = calloc(1, sizeof *chooser);

	if (!chooser)
		return NULL;
	chooser->worker = worker;
	chooser->port = port;
	list_init(&chooser->arrivals);
	choices_init(&chooser->choices, worker);
	list_append(&worker->choosers, &chooser->node);
	return chooser;
}

static struct chooser *find_chooser(const struct server_worker *worker, uint16_t port)
{
	for (struct list *at = worker->choosers.next; at != &worker->choosers; at = at->next) {
		struct chooser *chooser = CONTAINER_OF(at, struct chooser, node);

		if (chooser->port == port)
			return chooser;
	}
	return NULL;
}

static void stop_accepting(struct chooser *chooser)
{
	listener_finish(chooser->listener);
	chooser->listener = NULL;
}

/* Not while visitors are held for the next server, nor when that has the port. */
static bool may_accept(void *arg)
{
	const struct chooser *chooser = arg;

	return !gate_is_closed(&chooser->worker->shared->gate);
}

/* Takes the sockets. */
static bool listen_at(struct chooser *chooser, struct sockets *sockets)
{
	struct listener *listener = listener_new(chooser->worker->loop, sockets, on_accept,
	                                         chooser);

	if (!listener) {
		sock_close_all(sockets);
		return false;
	}
	listener_set_gate(listener, may_accept);
	stop_accepting(chooser);
	chooser->listener = listener;
	return true;
}

static void resize_buffers(const struct chooser *chooser, const struct server_settings *settings)
{
	if (chooser->listener)
		listener_resize(chooser->listener, &(struct sock_sizes){ (int)settings->sndbuf,
		                                                         (int)settings->recbuf });
}

/* sockets: none: it keeps those that it has. */
static bool renew_one(struct server_worker *worker, const struct public_settings *entry,
                      const struct limits *limits, struct sockets *sockets)
{
	uint16_t port = (uint16_t)entry->listen_port;
	struct chooser *chooser = find_chooser(worker, port);

	if (!chooser)
		chooser = new_chooser(worker, port);
	if (!chooser) {
		sock_close_all(sockets);
		return false;
	}
	choices_set(&chooser->choices, entry, limits);
	return sockets->n == 0 || listen_at(chooser, sockets);
}

static void free_chooser(struct chooser *chooser)
{
	list_remove(&chooser->node);
	listener_free(chooser->listener);
	choices_fini(&chooser->choices);
	free(chooser);
}

static bool is_idle(const struct chooser *chooser)
{
	return list_is_empty(&chooser->arrivals) && choices_are_idle(&chooser->choices);
}

/* ---- all choosers of a worker ---- */

/* Closes the ports that are in no entry. Their choosers go when they are idle, at the latest with
 * the worker. */
static void close_others(struct server_worker *worker, const spore_list *entries)
{
	struct list *next;

	for (struct list *at = worker->choosers.next; at != &worker->choosers; at = next) {
		struct chooser *chooser = CONTAINER_OF(at, struct chooser, node);

		next = at->next;
		if (ports_find_shared(entries, chooser->port) != SIZE_MAX)
			continue;
		stop_accepting(chooser);
		if (is_idle(chooser))
			free_chooser(chooser);
	}
}

bool choosers_renew(struct server_worker *worker, const struct plugin_set *set,
                    const struct limits *limits, struct sockets *sockets)
{
	const spore_list *public = &set->config->settings.public;
	const struct public_settings *entries = public->items;
	struct sockets none = { 0 };
	bool renewed = true;

	close_others(worker, public);
	for (size_t i = 0; i < public->count; i++) {
		if (entries[i].listen_port > 0)
			renewed &= renew_one(worker, &entries[i], limits,
			                     sockets ? &sockets[i] : &none);
	}
	for (struct list *at = worker->choosers.next; at != &worker->choosers; at = at->next)
		resize_buffers(CONTAINER_OF(at, struct chooser, node),
		               &set->config->settings.server);
	return renewed;
}

void choosers_stop_accepting(struct server_worker *worker)
{
	for (struct list *at = worker->choosers.next; at != &worker->choosers; at = at->next)
		stop_accepting(CONTAINER_OF(at, struct chooser, node));
}

void choosers_leave_ports(struct server_worker *worker)
{
	struct keeper *keeper = worker->shared->keeper;
	bool is_kept = keeper && keeper_is_open(keeper);

	for (struct list *at = worker->choosers.next; at != &worker->choosers && is_kept;
	     at = at->next) {
		const struct chooser *chooser = CONTAINER_OF(at, struct chooser, node);
		struct sockets copies = { 0 };

		if (chooser->listener)
			copies = listener_copy(chooser->listener);
		if (copies.n > 0)
			keeper_keep(keeper, &copies, KEPT_ROUTED_NAME);
	}
	choosers_stop_accepting(worker);
}

void choosers_wake(struct server_worker *worker)
{
	for (struct list *at = worker->choosers.next; at != &worker->choosers; at = at->next) {
		struct chooser *chooser = CONTAINER_OF(at, struct chooser, node);

		if (chooser->listener)
			listener_wake(chooser->listener);
	}
}

bool choosers_copy(const struct server_worker *worker, struct sockets *out, unsigned most,
                   unsigned *n_out)
{
	*n_out = 0;
	for (struct list *at = worker->choosers.next; at != &worker->choosers; at = at->next) {
		struct chooser *chooser = CONTAINER_OF(at, struct chooser, node);

		if (!chooser->listener)
			continue;
		if (*n_out == most)
			return false;
		out[*n_out] = listener_copy(chooser->listener);
		if (out[(*n_out)++].n == 0)
			return false;
	}
	return true;
}

static unsigned count(const struct list *list)
{
	unsigned n = 0;

	for (const struct list *at = list->next; at != list; at = at->next)
		n++;
	return n;
}

void choosers_each(const struct server_worker *worker,
                   void (*look)(const struct chooser_view *view, void *arg), void *arg)
{
	for (struct list *at = worker->choosers.next; at != &worker->choosers; at = at->next) {
		const struct chooser *chooser = CONTAINER_OF(at, struct chooser, node);
		struct chooser_view view = { .port = chooser->port,
			                     .guests = count(&chooser->arrivals) +
			                               chooser->choices.glances.n +
			                               count(&chooser->choices.moving) +
			                               count(&chooser->choices.awaiting),
			                     .visitors = chooser->visitors };

		look(&view, arg);
	}
}

void choosers_park(struct server_worker *worker, unsigned most)
{
	worker->parked = calloc(most, sizeof *worker->parked);
	if (!worker->parked)
		return;
	for (struct list *at = worker->choosers.next; at != &worker->choosers; at = at->next)
		park_all(CONTAINER_OF(at, struct chooser, node), most - worker->n_parked);
}

bool choosers_copy_parked(const struct server_worker *worker, int *fds)
{
	for (unsigned i = 0; i < worker->n_parked; i++) {
		fds[i] = fcntl(worker->parked[i], F_DUPFD_CLOEXEC, 0);
		if (fds[i] >= 0)
			continue;
		while (i > 0)
			close(fds[--i]);
		return false;
	}
	return true;
}

/* The next server has the socket, too, and may have changed it before it failed. */
void choosers_unpark(struct server_worker *worker)
{
	while (worker->n_parked > 0) {
		int fd = worker->parked[--worker->n_parked];

		sock_restore(fd);
		choosers_receive(worker, fd);
	}
	choosers_drop_parked(worker);
}

/* A reset would end the connection for the next server, too. */
void choosers_drop_parked(struct server_worker *worker)
{
	while (worker->n_parked > 0)
		close(worker->parked[--worker->n_parked]);
	free(worker->parked);
	worker->parked = NULL;
}

void choosers_end_undecided(struct server_worker *worker)
{
	for (struct list *at = worker->choosers.next; at != &worker->choosers; at = at->next) {
		struct chooser *chooser = CONTAINER_OF(at, struct chooser, node);

		arrival_end_all(&chooser->arrivals, REFUSED_HANDSHAKE);
		choices_end_undecided(&chooser->choices);
	}
}

void choosers_receive(struct server_worker *worker, int fd)
{
	struct chooser *chooser;
	spore_addr peer, local;

	sock_local_addr(fd, &local);
	chooser = find_chooser(worker, local.port);
	if (chooser && chooser->listener && sock_peer_addr(fd, &peer))
		let_in(chooser, fd, &peer, &local);
	else
		sock_reset(fd);
}

void choosers_close(struct server_worker *worker)
{
	choosers_drop_parked(worker);
	while (!list_is_empty(&worker->choosers)) {
		struct chooser *chooser = CONTAINER_OF(worker->choosers.next, struct chooser, node);

		arrival_end_all(&chooser->arrivals, REFUSED_HANDSHAKE);
		free_chooser(chooser);
	}
}
