#include "choose/chooser.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/container.h"
#include "chain/plugin_set.h"
#include "chain/transport.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/sock.h"
#include "net/stream.h"
#include "quota/ports.h"
#include "quota/source.h"
#include "route/glance.h"
#include "route/names.h"
#include "session/arrival.h"
#include "session/refuse.h"
#include "session/tunnel.h"

/* How often it is looked for the tunnels of guests that wait for one. */
static const double look_s = 0.02;

/* It stays while it has guests, even if a reload has removed the port. */
struct chooser {
	struct list node; /* in worker->choosers */
	struct server_worker *worker;
	struct listener *listener; /* owned; NULL once closed */
	uint16_t port;
	struct list arrivals; /* guests whose transports open */
	struct glance_list glances;
	struct list moving;   /* guests whose streams leave this loop */
	struct list awaiting; /* guests whose tunnels have yet to come */
	ev_timer look;
};

/* A visitor, from the time when its transports are open until its tunnel takes it. */
struct guest {
	struct list node;       /* in chooser->moving or ->awaiting */
	struct loop_task move;  /* takes the stream from its loop, outside of its callbacks */
	struct loop_task enter; /* on the worker of the tunnel */
	struct chooser *chooser;
	struct plugin_set *set; /* ref; the next two are of it */
	const struct public_settings *entry;
	struct chain *routes;
	struct source *crowd; /* ref; counts the guest; NULL: it has ended */
	struct visitor visitor;
	spore_addr local;      /* of the socket */
	int64_t move_until_ms; /* by clock_ms() */
	/* While it waits for its tunnel: */
	char *wanted;     /* owned; its name; NULL: none */
	struct buf reply; /* what it reads if the tunnel does not come */
};

static struct server_worker *worker_of(const struct guest *guest)
{
	return guest->chooser->worker;
}

/* ---- the end ---- */

static void close_visitor(struct visitor *visitor)
{
	if (visitor->stream)
		stream_close(visitor->stream, true);
	else
		sock_reset(visitor->fd);
}

static void forget_wish(struct guest *guest)
{
	free(guest->wanted);
	guest->wanted = NULL;
	buf_fini(&guest->reply);
}

/* Its socket is somebody else's. */
static void free_guest(struct guest *guest)
{
	if (guest->crowd)
		arrival_leave_crowd(worker_of(guest)->shared, guest->crowd);
	forget_wish(guest);
	plugin_set_unref(guest->set);
	if (guest->visitor.account)
		account_unref(guest->visitor.account);
	free(guest);
}

static void report(const struct guest *guest, enum refusal why, const char *detail,
                   const char *host)
{
	refuse_arriving(worker_of(guest), &guest->visitor, why,
	                &(struct refuse_opening){
				.detail = detail, .entry = guest->entry->name, .host = host });
}

static void refuse_guest(struct guest *guest, enum refusal why, const char *detail)
{
	report(guest, why, detail, NULL);
	close_visitor(&guest->visitor);
	free_guest(guest);
}

static void log_left(const struct guest *guest)
{
	char text[ADDR_TEXT_SIZE];

	if (log_is_enabled(LOG_DEBUG))
		log_debug("visitor left before its tunnel was known",
		          log_str("peer", addr_format(&guest->visitor.peer, text)),
		          log_int("port", guest->visitor.port));
}

/* ---- no tunnel has the name ---- */

/* The stream of the visitor, also if that has a bare socket. NULL: out of memory. */
static struct stream *stream_of(const struct guest *guest)
{
	const struct visitor *visitor = &guest->visitor;
	struct stream *stream = visitor->stream;

	if (stream)
		return stream;
	stream = stream_new(worker_of(guest)->loop, visitor->fd, &visitor->peer, &guest->local);
	if (stream)
		stream_open(stream);
	return stream;
}

/* Sends the text, and closes in order. */
static void send_reply(struct guest *guest, spore_str reply)
{
	struct buf last = { 0 };
	bool has_text = buf_append(&last, reply.ptr, reply.len, SIZE_MAX);
	struct stream *stream = has_text ? stream_of(guest) : NULL;

	if (stream)
		linger_start(&worker_of(guest)->lingerers, stream, &last);
	else
		close_visitor(&guest->visitor);
	buf_fini(&last);
}

/* wanted: NULL: the visitor names no host. */
static void refuse_unknown(struct guest *guest, const char *wanted, spore_str reply)
{
	report(guest, wanted ? REFUSED_UNKNOWN_HOST : REFUSED_NO_HOST, NULL, wanted);
	if (reply.len > 0)
		send_reply(guest, reply);
	else
		close_visitor(&guest->visitor);
	free_guest(guest);
}

/* ---- the tunnel is known ---- */

/* On the worker of the tunnel. */
static void run_enter(struct loop_task *task)
{
	struct guest *guest = CONTAINER_OF(task, struct guest, enter);
	struct server_shared *shared = guest->visitor.account->home->shared;

	tunnel_admit(&guest->visitor);
	arrival_leave_crowd(shared, guest->crowd); /* only now: a drain sees it in one of both */
	free(guest);
}

static void send_to_tunnel(struct guest *guest)
{
	forget_wish(guest);
	plugin_set_unref(guest->set);
	guest->set = NULL;
	guest->chooser = NULL;
	loop_post(guest->visitor.account->home->loop, &guest->enter);
}

static void run_move(struct loop_task *task)
{
	struct guest *guest = CONTAINER_OF(task, struct guest, move);
	struct stream *stream = guest->visitor.stream;
	enum stream_io io;

	if (!guest->crowd) { /* the worker is closed */
		free_guest(guest);
		return;
	}
	io = transport_detach(stream);
	if (io == STREAM_AGAIN && clock_ms() < guest->move_until_ms) {
		loop_next_turn(worker_of(guest)->loop, &guest->move);
		return;
	}
	list_remove(&guest->node);
	if (io != STREAM_OK) {
		refuse_guest(guest, REFUSED_HANDSHAKE,
		             io == STREAM_AGAIN ? "it took too long" : stream_error(stream));
		return;
	}
	loop_forget_fd(worker_of(guest)->loop, stream_fd(stream));
	send_to_tunnel(guest);
}

static void end_moving(struct guest *guest)
{
	stream_close(guest->visitor.stream, true);
	list_remove(&guest->node);
	arrival_leave_crowd(worker_of(guest)->shared, guest->crowd);
	guest->crowd = NULL;
}

/* May its tunnel yet come, as the clients of the server before this one do? */
static bool may_come(const struct guest *guest)
{
	return clock_ms() < worker_of(guest)->shared->await_until_ms;
}

/* The account of the tunnel that has this name, or of the one for all other visitors. NULL: there
 * is none, or the one with the name may yet come. */
static struct account *find_tunnel(const struct guest *guest, const char *wanted, uint64_t *key_out)
{
	struct names *names = worker_of(guest)->shared->names;
	const char *other = guest->entry->unknown_host;
	char name[HOSTNAME_SIZE];
	struct account *account = NULL;

	if (wanted && hostname_read(wanted, HOSTNAME_EXACT, name))
		account = names_find(names, name, key_out);
	if (wanted && !account && may_come(guest))
		return NULL;
	if (!account && other && hostname_read(other, HOSTNAME_EXACT, name))
		account = names_find(names, name, key_out);
	return account;
}

/* Asks the present access lists, which want the identity of the tunnel. False: it is reported. */
static bool is_welcome(struct guest *guest)
{
	const struct server_worker *worker = worker_of(guest);
	const struct plugin_set *set = worker->set;
	struct stream *stream = guest->visitor.stream;
	size_t entry = ports_find_shared(&set->config->settings.public, guest->chooser->port);

	return arrival_is_welcome(worker, arrival_acl(set, entry), &guest->visitor, &guest->local,
	                          stream ? stream_conn(stream) : NULL);
}

static void go_to_tunnel(struct guest *guest)
{
	struct server_worker *worker = worker_of(guest);
	struct visitor *visitor = &guest->visitor;

	visitor->has_header = ports_send_proxy(server_worker_settings(worker),
	                                       visitor->account->port);
	if (!is_welcome(guest)) {
		close_visitor(visitor);
		free_guest(guest);
	} else if (visitor->stream) {
		guest->move_until_ms = clock_ms() + ARRIVAL_MS;
		list_append(&guest->chooser->moving, &guest->node);
		loop_next_turn(worker->loop, &guest->move);
	} else {
		send_to_tunnel(guest);
	}
}

/* False: no tunnel can come for it, or memory is out. */
static bool await_tunnel(struct guest *guest, const char *wanted, spore_str reply)
{
	struct chooser *chooser = guest->chooser;

	if (!may_come(guest) || (!wanted && !guest->entry->unknown_host))
		return false;
	guest->wanted = wanted ? strdup(wanted) : NULL;
	if ((wanted && !guest->wanted) ||
	    !buf_append(&guest->reply, reply.ptr, reply.len, SIZE_MAX))
		return false;
	list_append(&chooser->awaiting, &guest->node);
	ev_timer_start(loop_ev(chooser->worker->loop), &chooser->look);
	return true;
}

static void choose(struct guest *guest, const char *wanted, spore_str reply)
{
	guest->visitor.account = find_tunnel(guest, wanted, &guest->visitor.name);
	if (guest->visitor.account)
		go_to_tunnel(guest);
	else if (!await_tunnel(guest, wanted, reply))
		refuse_unknown(guest, wanted, reply);
}

/* Has its tunnel come, or is it too late for that? */
static void look_again(struct guest *guest)
{
	struct buf *reply = &guest->reply;

	guest->visitor.account = find_tunnel(guest, guest->wanted, &guest->visitor.name);
	if (!guest->visitor.account && may_come(guest))
		return;
	list_remove(&guest->node);
	if (guest->visitor.account)
		go_to_tunnel(guest);
	else
		refuse_unknown(guest, guest->wanted,
		               (spore_str){ (const char *)buf_bytes(reply), reply->len });
}

static void on_look(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct chooser *chooser = timer->data;
	struct list *next;

	(void)events;
	for (struct list *at = chooser->awaiting.next; at != &chooser->awaiting; at = next) {
		next = at->next;
		look_again(CONTAINER_OF(at, struct guest, node));
	}
	if (list_is_empty(&chooser->awaiting))
		ev_timer_stop(ev, timer);
}

static void end_awaiting(struct chooser *chooser)
{
	ev_timer_stop(loop_ev(chooser->worker->loop), &chooser->look);
	while (!list_is_empty(&chooser->awaiting)) {
		struct guest *guest = CONTAINER_OF(chooser->awaiting.next, struct guest, node);

		list_remove(&guest->node);
		close_visitor(&guest->visitor);
		free_guest(guest);
	}
}

static void on_decided(bool has_left, enum route_verdict verdict, const struct route_answer *answer,
                       void *arg)
{
	struct guest *guest = arg;

	if (has_left) {
		log_left(guest);
		free_guest(guest);
	} else if (verdict == ROUTE_REFUSED) {
		refuse_guest(guest, REFUSED_BAD_START, answer->reason);
	} else {
		choose(guest, verdict == ROUTE_NAME ? answer->name : NULL, answer->reply);
	}
}

/* ---- the beginning ---- */

/* Takes the socket, the crowd, and a reference to the set. NULL: out of memory. */
static struct guest *new_guest(struct chooser *chooser, const struct visitor *visitor,
                               struct source *crowd, struct plugin_set *set)
{
	const spore_list *entries = &set->config->settings.public;
	size_t entry = ports_find_shared(entries, chooser->port);
	struct guest *guest = calloc(1, sizeof *guest);

	assert(entry < entries->count);
	if (!guest)
		return NULL;
	guest->move.run = run_move;
	guest->enter.run = run_enter;
	guest->chooser = chooser;
	guest->set = plugin_set_ref(set);
	guest->entry = (const struct public_settings *)entries->items + entry;
	guest->routes = set->chains[chain_of_entry(entry, PUBLIC_ROUTE)];
	guest->crowd = crowd;
	guest->visitor = *visitor;
	return guest;
}

static bool start_glance(struct guest *guest)
{
	struct chooser *chooser = guest->chooser;
	struct glance_spec spec = { .chain = guest->routes,
		                    .listener = guest->entry->name ? guest->entry->name : "",
		                    .local = &guest->local,
		                    .peer = &guest->visitor.peer,
		                    .on_decided = on_decided,
		                    .arg = guest };

	return guest->visitor.stream
	               ? glance_start_stream(&chooser->glances, guest->visitor.stream, &spec)
	               : glance_start(&chooser->glances, guest->visitor.fd, &spec);
}

/* Takes the visitor, which has an entry in the set, and its place in the crowd. */
static void receive(struct chooser *chooser, struct visitor *visitor, const spore_addr *local,
                    struct source *crowd, struct plugin_set *set)
{
	struct server_worker *worker = chooser->worker;
	struct guest *guest = new_guest(chooser, visitor, crowd, set);

	if (!guest) {
		refuse_visitor(worker, visitor, REFUSED_NO_MEMORY, NULL);
		close_visitor(visitor);
		arrival_leave_crowd(worker->shared, crowd);
		return;
	}
	guest->local = *local;
	if (!start_glance(guest))
		refuse_guest(guest, REFUSED_NO_MEMORY, NULL);
}

static void on_open(struct visitor *visitor, struct source *crowd, struct plugin_set *set,
                    void *chooser)
{
	receive(chooser, visitor, &stream_conn(visitor->stream)->local, crowd, set);
}

static void on_accept(int fd, const spore_addr *peer, const spore_addr *local, void *arg)
{
	struct chooser *chooser = arg;
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

	stats_add(&worker->shared->stats, worker->loop, STAT_CONNECTIONS_INCOMING, 1);
	if (arrival_is_needed(worker->set, plan.entry)) {
		arrival_start(worker, &plan, &visitor, local);
		return;
	}
	crowd = source_get(worker->shared->sources, peer);
	if (arrival_join_crowd(worker, crowd, &hit)) {
		receive(chooser, &visitor, local, crowd, worker->set);
		return;
	}
	refuse_arriving(worker, &visitor, hit.why, &(struct refuse_opening){ .hit = &hit });
	sock_reset(fd);
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
	list_init(&chooser->moving);
	list_init(&chooser->awaiting);
	ev_timer_init(&chooser->look, on_look, look_s, look_s);
	chooser->look.data = chooser;
	glance_list_init(&chooser->glances, worker->loop, 0, 0);
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
	glance_list_set(&chooser->glances, entry->route_timeout, limits->handshakes);
	return sockets->n == 0 || listen_at(chooser, sockets);
}

static void free_chooser(struct chooser *chooser)
{
	list_remove(&chooser->node);
	listener_free(chooser->listener);
	glance_list_fini(&chooser->glances);
	free(chooser);
}

static bool is_idle(const struct chooser *chooser)
{
	return list_is_empty(&chooser->arrivals) && chooser->glances.n == 0 &&
	       list_is_empty(&chooser->moving) && list_is_empty(&chooser->awaiting);
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

void choosers_close(struct server_worker *worker)
{
	while (!list_is_empty(&worker->choosers)) {
		struct chooser *chooser = CONTAINER_OF(worker->choosers.next, struct chooser, node);

		arrival_end_all(&chooser->arrivals);
		while (!list_is_empty(&chooser->moving))
			end_moving(CONTAINER_OF(chooser->moving.next, struct guest, node));
		end_awaiting(chooser);
		free_chooser(chooser);
	}
}
