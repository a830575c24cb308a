#include "session/offer.h"

#include <string.h>
#include <sys/socket.h>

#include "lane/lane.h"
#include "link/link.h"
#include "log/log.h"
#include "net/addr.h"
#include "session/announce.h"
#include "session/forward.h"

static void stop_looking(struct offer *offer)
{
	ev_io_stop(loop_ev(offer->worker->loop), &offer->first);
}

/* The visitor will be where other workers find it. */
static void let_go(struct offer *offer)
{
	stop_looking(offer);
	loop_forget_fd(offer->worker->loop, offer->visitor.fd);
	offer->is_held = false;
}

/* Sends the bytes that have come, but leaves them in the socket. An end or an error is left to the
 * relay. */
static void show_first(struct offer *offer)
{
	uint8_t *scratch = loop_scratch(offer->worker->loop);
	ssize_t n = recv(offer->visitor.fd, scratch + LANE_HEADER, LANE_FIRST_MOST,
	                 MSG_PEEK | MSG_DONTWAIT);

	if (n <= 0)
		return;
	lane_put_data_header(scratch, (size_t)n);
	if (link_send_bytes(offer->link, scratch, LANE_HEADER + (size_t)n))
		offer->shown = (size_t)n;
}

static void on_first(struct ev_loop *ev, ev_io *io, int events)
{
	struct offer *offer = io->data;

	(void)ev;
	(void)events;
	show_first(offer);
	stop_looking(offer);
}

void offer_begin(struct offer *offer, struct server_worker *worker, struct link *link,
                 struct visitor *visitor, bool tells_address)
{
	struct message open = { .type = MESSAGE_OPEN, .id = visitor->id };
	char text[ADDR_TEXT_SIZE];

	*offer = (struct offer){
		.worker = worker,
		.link = link,
		.visitor = *visitor,
		.account = account_ref(visitor->account),
		.is_held = true,
	};
	if (tells_address)
		strcpy(open.text, addr_format(&visitor->peer, text));
	link_send(link, &open);
	ev_io_init(&offer->first, on_first, visitor->fd, EV_READ);
	offer->first.data = offer;
	if (!visitor->has_header) { /* which comes first, once the visitor is taken */
		show_first(offer);
		if (offer->shown == 0)
			ev_io_start(loop_ev(worker->loop), &offer->first);
	}
	link_push(link);
}

static void announce_visitor(struct offer *offer, enum offer_state state)
{
	let_go(offer);
	offer->visitor.offer = state;
	announce_from(offer->worker, MESSAGE_AGAIN, &offer->visitor);
	atomic_fetch_sub(&offer->worker->shared->offered, 1);
}

void offer_doubt(struct offer *offer)
{
	offer->is_doubted = true;
	announce_visitor(offer, OFFER_OPEN);
}

/* Idempotent. */
static void end_offer(struct offer *offer)
{
	if (!offer->account)
		return;
	account_offer(offer->account, -1);
	account_unref(offer->account);
	offer->account = NULL;
	offer->is_doubted = false;
}

/* Takes out a visitor that may have been announced. False: another connection has it. */
static bool get_visitor(struct offer *offer, struct visitor *visitor_out)
{
	bool found = offer->is_held;
	const struct limits *limits = server_worker_limits(offer->worker);

	*visitor_out = offer->visitor;
	if (found)
		atomic_fetch_sub(&offer->worker->shared->offered, 1);
	else
		found = pending_take(offer->worker->shared->pending, &offer->visitor.id, limits,
		                     visitor_out);
	offer->is_held = false;
	end_offer(offer);
	return found;
}

/* Removes from the socket what the client has. False: the visitor's connection is broken. The
 * kernel writes nothing to the memory, but ThreadSanitizer believes that it does: with NULL,
 * workers would seem to write to one place. */
static bool skip_shown(const struct offer *offer, int fd)
{
	uint8_t *scratch = loop_scratch(offer->worker->loop);

	return offer->shown == 0 ||
	       recv(fd, scratch, offer->shown, MSG_TRUNC | MSG_DONTWAIT) == (ssize_t)offer->shown;
}

bool offer_take(struct offer *offer, struct visitor *visitor_out, size_t *shown_out)
{
	stop_looking(offer);
	*shown_out = offer->shown;
	if (!get_visitor(offer, visitor_out))
		return false;
	if (skip_shown(offer, visitor_out->fd))
		return true;
	forward_drop_broken(offer->worker, visitor_out);
	return false;
}

void offer_lose(struct offer *offer)
{
	struct server_worker *worker = offer->worker;

	if (offer->is_held)
		announce_visitor(offer, OFFER_LOST);
	else if (offer->is_doubted &&
	         pending_lose_offer(worker->shared->pending, &offer->visitor.id))
		announce_again(worker, offer->account, &offer->visitor.id, &offer->visitor.peer);
	end_offer(offer);
}

void offer_drop(struct offer *offer)
{
	if (offer->is_held) {
		let_go(offer);
		announce_hold(offer->worker, &offer->visitor);
		atomic_fetch_sub(&offer->worker->shared->offered, 1);
	}
	end_offer(offer);
}
