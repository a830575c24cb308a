#include "server/tunnel.h"

#include <spore/acl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "chain/acl.h"
#include "link/link.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/listener.h"
#include "quota/gate.h"
#include "quota/pending.h"
#include "quota/ports.h"
#include "quota/source.h"
#include "thread/guest.h"

/* A visitor that no client takes is dropped after so long. */
enum { PENDING_MS = 10000 };

struct tunnel {
	struct list node; /* in worker->tunnels */
	struct worker *worker;
	struct link *link;
	struct listener *listener;  /* owned; NULL while draining */
	struct account *account;    /* ref */
	struct gate_door door;      /* of the listener */
	int64_t since_ms, owned_ms; /* when it was opened; when its owner got it */
	bool closed;
	bool seldom; /* the client wants few heartbeats */
};

static void refuse(const struct tunnel *tunnel, const spore_addr *peer, enum refusal why)
{
	struct worker *worker = tunnel->worker;
	char text[ADDR_TEXT_SIZE];

	stats_refuse(&worker->shared->stats, worker->loop, REFUSED_AT_PUBLIC, why);
	log_info("visitor refused", log_str("peer", addr_format(peer, text)),
	         log_int("port", tunnel->account->port), log_str("reason", refusal_text(why)));
}

static bool announce(struct tunnel *tunnel, const struct uuid *id)
{
	return link_send(tunnel->link, &(struct message){ .type = MESSAGE_CONNECTION, .id = *id });
}

/* The visitor waits in the table, and the client knows. False and *why_out: it is still the
 * caller's. */
static bool hold(struct tunnel *tunnel, struct visitor *visitor, enum refusal *why_out)
{
	struct pending *pending = tunnel->worker->shared->pending;
	const struct limits *limits = worker_limits(tunnel->worker);

	*why_out = REFUSED_NO_MEMORY;
	if (!uuid_random(&visitor->id) || !pending_add(pending, visitor))
		return false;
	/* From here on the table decides who owns it. */
	*why_out = REFUSED_CLIENT_STALLED;
	return announce(tunnel, &visitor->id) ||
	       !pending_take(pending, &visitor->id, limits, visitor);
}

static bool has_room(void *arg)
{
	struct tunnel *tunnel = arg;

	return gate_has_room(&tunnel->worker->shared->gate, &tunnel->door,
	                     worker_limits(tunnel->worker));
}

static void run_wake(struct loop_task *task)
{
	struct tunnel *tunnel = CONTAINER_OF(task, struct tunnel, door.wake);
	struct worker *worker = tunnel->worker;
	struct gate *gate = &worker->shared->gate;

	gate_woken(gate, &tunnel->door);
	if (tunnel->closed)
		free(tunnel);
	else if (tunnel->listener)
		listener_wake(tunnel->listener);
	gate_pass_on(gate, worker_limits(worker));
}

/* Counted as a visitor, of its source too if that is limited. */
static bool let_in(struct worker *worker, struct visitor *visitor, enum refusal *why_out)
{
	const struct limits *limits = worker_limits(worker);

	if (limits->settings.max_visitors_per_ip || limits->settings.visitor_rate) {
		visitor->source = source_get(worker->shared->sources, &visitor->peer);
		if (!visitor->source) {
			*why_out = REFUSED_NO_MEMORY;
			return false;
		}
	}
	return account_enter(visitor->account, visitor->source, limits, why_out);
}

static void on_visitor(int fd, const spore_addr *peer, void *arg)
{
	struct tunnel *tunnel = arg;
	struct worker *worker = tunnel->worker;
	struct server_shared *shared = worker->shared;
	struct account *account = tunnel->account;
	struct visitor visitor = {
		.fd = fd, .account = account, .peer = *peer, .since_ns = clock_ns()
	};
	enum refusal why = REFUSED_ACCESS_LIST;

	stats_add(&shared->stats, worker->loop, STAT_CONNECTIONS_INCOMING, 1);
	if (!acl_allows(worker->set->acl_public, worker->loop, SPORE_ACL_AT_PUBLIC, peer,
	                listener_addr(tunnel->listener), account_identity(account)) ||
	    !let_in(worker, &visitor, &why)) {
		refuse(tunnel, peer, why);
		source_unref(visitor.source);
		close(fd);
		return;
	}
	account_ref(account);
	visitor.deadline_ms = visitor.since_ns / 1000000 + PENDING_MS;
	if (!hold(tunnel, &visitor, &why)) {
		refuse(tunnel, peer, why);
		visitor_drop(&visitor);
	}
}

static void count_bytes_of(struct tunnel *tunnel)
{
	tunnel->account->series = stats_bytes_of(&tunnel->worker->shared->stats,
	                                         account_identity(tunnel->account));
}

struct tunnel *tunnel_open(struct worker *worker, struct link *link, struct source *source,
                           struct instance *by, struct grant **grant, struct tunnel_port port,
                           const char **error_out)
{
	struct tunnel *tunnel = calloc(1, sizeof *tunnel);
	enum refusal why = REFUSED_NO_MEMORY;
	int fd = port.fd;

	if (!tunnel)
		goto fail;
	tunnel->account = account_open(&worker->shared->principals, source, worker_limits(worker),
	                               by, *grant, &why);
	if (!tunnel->account)
		goto fail;
	*grant = NULL;
	if (fd < 0)
		fd = ports_open(worker_settings(worker), tunnel->account->grant, port.wanted, &why);
	if (fd < 0)
		goto fail;
	why = REFUSED_NO_MEMORY;
	tunnel->listener = listener_new(worker->loop, fd, on_visitor, tunnel);
	if (!tunnel->listener)
		goto fail;
	fd = -1; /* the listener's */
	tunnel->worker = worker;
	tunnel->link = link;
	tunnel->since_ms = tunnel->owned_ms = clock_ms();
	gate_door_init(&tunnel->door, worker->loop, &tunnel->account->pending, run_wake);
	tunnel->account->id = server_new_id(worker->shared);
	account_stand(tunnel->account, worker, listener_addr(tunnel->listener)->port);
	count_bytes_of(tunnel);
	/* A client that does not hear of its tunnel would wait for ever, and hold the port. */
	if (!link_send(link,
	               &(struct message){ .type = MESSAGE_HELLO, .port = tunnel->account->port }))
		goto fail;
	link_send(link, &(struct message){ .type = MESSAGE_HEARTBEAT });
	list_append(&worker->tunnels, &tunnel->node);
	listener_set_gate(tunnel->listener, has_room);
	stats_add(&worker->shared->stats, worker->loop, STAT_TUNNELS, 1);
	stats_add(&worker->shared->stats, worker->loop, STAT_TUNNELS_OPENED, 1);
	return tunnel;
fail:
	*error_out = refusal_text(why);
	if (tunnel)
		listener_free(tunnel->listener);
	if (fd >= 0)
		close(fd);
	if (tunnel && tunnel->account)
		account_close_tunnel(tunnel->account);
	free(tunnel);
	return NULL;
}

/* Tells the auth plugin what its session has used. */
static void tell_session_end(const struct tunnel *tunnel, const struct account *account)
{
	struct instance *by = account->principal->by;
	const spore_auth_ops *ops = by ? by->component->ops : NULL;
	spore_session_end end = {
		.struct_size = sizeof end,
		.port = account->port,
		.session = account->principal->session,
		.identity = spore_cstr(account_identity(account)),
		.bytes_up = atomic_load(&account->bytes_up),
		.bytes_down = atomic_load(&account->bytes_down),
		.conns = atomic_load(&account->conns),
		.life_ms = clock_ms() - tunnel->owned_ms,
	};

	if (!ops || !SPORE_CAN(ops, session_end))
		return;
	guest_enter(by->name);
	ops->session_end(instance_state(by, tunnel->worker->loop), &end);
	guest_leave();
}

void tunnel_close(struct tunnel *tunnel)
{
	bool is_free; /* else its wake, which is on its way, frees it */

	if (!tunnel)
		return;
	list_remove(&tunnel->node);
	listener_free(tunnel->listener);
	stats_add(&tunnel->worker->shared->stats, tunnel->worker->loop, STAT_TUNNELS, -1);
	tell_session_end(tunnel, tunnel->account);
	tunnel->closed = true;
	is_free = gate_shut(&tunnel->worker->shared->gate, &tunnel->door);
	account_close_tunnel(tunnel->account);
	if (is_free)
		free(tunnel);
}

bool tunnel_change_owner(struct tunnel *tunnel, struct instance *by, struct grant **grant,
                         const char **error_out)
{
	struct account *old = account_ref(tunnel->account);
	enum refusal why;
	struct account *account = account_succeed(tunnel->account, by, *grant, &why);

	if (!account) {
		*error_out = refusal_text(why);
		account_unref(old);
		return false;
	}
	*grant = NULL;
	tell_session_end(tunnel, old);
	tunnel->account = account;
	tunnel->owned_ms = clock_ms();
	count_bytes_of(tunnel);
	gate_door_recount(&tunnel->worker->shared->gate, &tunnel->door, &account->pending,
	                  worker_limits(tunnel->worker));
	account_unref(old); /* into which other workers may have looked through the door */
	return true;
}

int tunnel_take_port(struct tunnel *tunnel)
{
	struct listener *listener = tunnel->listener;

	tunnel->listener = NULL;
	return listener ? listener_take(listener) : -1;
}

struct account *tunnel_account(const struct tunnel *tunnel)
{
	return tunnel->account;
}

int64_t tunnel_age_ms(const struct tunnel *tunnel)
{
	return clock_ms() - tunnel->since_ms;
}

void tunnel_beat_seldom(struct tunnel *tunnel)
{
	tunnel->seldom = true;
}

void tunnel_beat(const struct tunnel *tunnel)
{
	/* What waits there already says that we live. */
	if (link_backlog(tunnel->link) == 0)
		link_send(tunnel->link, &(struct message){ .type = MESSAGE_HEARTBEAT });
}

void tunnel_beat_all(struct list *tunnels, unsigned nth)
{
	for (struct list *i = tunnels->next; i != tunnels; i = i->next) {
		const struct tunnel *tunnel = CONTAINER_OF(i, struct tunnel, node);

		if (!tunnel->seldom || (tunnel->account->id + nth) % TUNNEL_SELDOM == 0)
			tunnel_beat(tunnel);
	}
}

void tunnel_stop_accepting_all(struct list *tunnels)
{
	for (struct list *i = tunnels->next; i != tunnels; i = i->next) {
		struct tunnel *tunnel = CONTAINER_OF(i, struct tunnel, node);

		listener_free(tunnel->listener);
		tunnel->listener = NULL;
	}
}
