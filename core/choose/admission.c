#include "choose/admission.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "chain/plugin_set.h"
#include "chain/transport.h"
#include "choose/choice_guest.h"
#include "net/stream.h"
#include "quota/ports.h"
#include "session/arrival.h"
#include "session/tunnel.h"

/* On the worker of the tunnel. */
static void run_enter(struct loop_task *task)
{
	struct choice_guest *guest = CONTAINER_OF(task, struct choice_guest, enter);
	struct server_shared *shared = guest->visitor.account->home->shared;

	tunnel_admit(&guest->visitor);
	arrival_leave_crowd(shared, guest->crowd); /* only now: a drain sees it in one of both */
	free(guest);
}

static void send_to_tunnel(struct choice_guest *guest)
{
	guest->enter.run = run_enter;
	choice_guest_forget_wish(guest);
	plugin_set_unref(guest->set);
	guest->set = NULL;
	guest->choices = NULL;
	guest->worker = NULL;
	loop_post(guest->visitor.account->home->loop, &guest->enter);
}

static void run_move(struct loop_task *task)
{
	struct choice_guest *guest = CONTAINER_OF(task, struct choice_guest, move);
	struct stream *stream = guest->visitor.stream;
	enum stream_io io;

	if (!guest->crowd) { /* the worker is closed */
		choice_guest_free(guest);
		return;
	}
	io = transport_detach(stream);
	if (io == STREAM_AGAIN && clock_ms() < guest->move_until_ms) {
		loop_next_turn(guest->worker->loop, &guest->move);
		return;
	}
	list_remove(&guest->node);
	if (io != STREAM_OK) {
		choice_guest_refuse(guest, REFUSED_HANDSHAKE,
		                    io == STREAM_AGAIN ? "it took too long" : stream_error(stream));
		return;
	}
	loop_forget_fd(guest->worker->loop, stream_fd(stream));
	send_to_tunnel(guest);
}

/* Asks the present access lists, which want the identity of the tunnel. False: it is reported. */
static bool is_welcome(struct choice_guest *guest)
{
	const struct server_worker *worker = guest->worker;
	const struct plugin_set *set = worker->set;
	struct stream *stream = guest->visitor.stream;
	size_t entry = ports_find_shared(&set->config->settings.public, guest->visitor.port);

	return arrival_is_welcome(worker, arrival_acl(set, entry), &guest->visitor, &guest->local,
	                          stream ? stream_conn(stream) : NULL);
}

void admission_start(struct choice_guest *guest, struct list *moving)
{
	struct server_worker *worker = guest->worker;
	struct visitor *visitor = &guest->visitor;

	visitor->has_header = ports_send_proxy(server_worker_settings(worker),
	                                       visitor->account->port);
	if (!is_welcome(guest)) {
		choice_guest_close_visitor(visitor);
		choice_guest_free(guest);
	} else if (visitor->stream) {
		guest->move.run = run_move;
		guest->move_until_ms = clock_ms() + ARRIVAL_MS;
		list_append(moving, &guest->node);
		loop_next_turn(worker->loop, &guest->move);
	} else {
		send_to_tunnel(guest);
	}
}

static void end_moving(struct choice_guest *guest)
{
	stream_close(guest->visitor.stream, true);
	list_remove(&guest->node);
	arrival_leave_crowd(guest->worker->shared, guest->crowd);
	guest->crowd = NULL;
}

void admission_end_all(struct list *moving)
{
	while (!list_is_empty(moving))
		end_moving(CONTAINER_OF(moving->next, struct choice_guest, node));
}
