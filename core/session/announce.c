#include "session/announce.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "link/link.h"
#include "net/addr.h"
#include "session/group.h"
#include "session/refuse.h"

bool announce(const struct announcer *announcer, enum message_type type, const struct uuid *id,
              const spore_addr *peer)
{
	struct message message = { .type = type, .id = *id };
	char text[ADDR_TEXT_SIZE];

	if (announcer->tells_addresses)
		strcpy(message.text, addr_format(peer, text));
	else if (type == MESSAGE_VISITOR)
		message.type = MESSAGE_CONNECTION;
	return link_send(announcer->link, &message);
}

/* An announcement on its way to the worker of the tunnel. */
struct order {
	struct loop_task task;
	struct account *account; /* ref */
	enum message_type type;
	struct uuid id;
	spore_addr peer;
};

/* Another worker may have taken the visitor. */
static void end_visitor(struct server_worker *worker, const struct uuid *id, enum refusal why)
{
	struct visitor visitor;

	group_begin_pass(worker);
	if (pending_take(worker->shared->pending, id, server_worker_limits(worker), &visitor) &&
	    (visitor.offer != OFFER_NONE || !group_pass_on(worker, &visitor))) {
		refuse_waiting(worker, &visitor, why);
		visitor_drop(&visitor);
	}
	group_end_pass(worker);
}

static void run_order(struct loop_task *task)
{
	struct order *order = CONTAINER_OF(task, struct order, task);
	struct account *account = order->account;
	const struct announcer *announcer = account_announcer(account);

	if (!announcer)
		end_visitor(account->home, &order->id, REFUSED_CLIENT_LOST);
	else if (!announce(announcer, order->type, &order->id, &order->peer))
		end_visitor(account->home, &order->id, REFUSED_CLIENT_STALLED);
	account_unref(account);
	free(order);
}

static void post_order(struct server_worker *worker, enum message_type type,
                       struct account *account, const struct uuid *id, const spore_addr *peer)
{
	struct order *order = calloc(1, sizeof *order);

	if (!order) {
		end_visitor(worker, id, REFUSED_NO_MEMORY);
		return;
	}
	*order = (struct order){ .task.run = run_order,
		                 .account = account_ref(account),
		                 .type = type,
		                 .id = *id,
		                 .peer = *peer };
	loop_post(account->home->loop, &order->task);
}

bool announce_hold(struct server_worker *worker, struct visitor *visitor)
{
	visitor->deadline_ms = clock_ms() + PENDING_MS;
	if (pending_add(worker->shared->pending, visitor))
		return true;
	refuse_waiting(worker, visitor, REFUSED_NO_MEMORY);
	visitor_drop(visitor);
	return false;
}

void announce_from(struct server_worker *worker, enum message_type type, struct visitor *visitor)
{
	struct account *account = account_ref(visitor->account);
	struct uuid id = visitor->id;
	spore_addr peer = visitor->peer;

	if (announce_hold(worker, visitor))
		post_order(worker, type, account, &id, &peer);
	account_unref(account);
}

void announce_again(struct server_worker *worker, struct account *account, const struct uuid *id,
                    const spore_addr *peer)
{
	post_order(worker, MESSAGE_AGAIN, account, id, peer);
}
