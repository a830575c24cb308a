#include "carry/proxy_server.h"

#include "base/container.h"
#include "carry/ahead.h"
#include "carry/decline.h"
#include "carry/failure.h"
#include "carry/proxy_join.h"
#include "carry/proxy_state.h"
#include "carry/shared.h"
#include "net/stream.h"

static const struct uplink_events uplink_events; /* at the end of the file */

static struct proxy *proxy_of(struct uplink *uplink)
{
	return CONTAINER_OF(uplink, struct proxy, uplink);
}

/* Sends Accept before the local service has answered, so that it does not wait for a slow service.
 * A write that fails here fails in the relay, too. */
static void send_unsent(struct proxy *proxy)
{
	enum stream_io io = STREAM_OK;
	size_t n;

	while (proxy->unsent.len > 0 && io == STREAM_OK) {
		io = stream_write(proxy->server, buf_bytes(&proxy->unsent), proxy->unsent.len, &n);
		if (io == STREAM_OK)
			buf_consume(&proxy->unsent, n);
	}
	stream_want(proxy->server, io == STREAM_AGAIN ? SPORE_WRITE : 0);
}

static void on_server_writable(struct stream *stream, unsigned happened, void *arg)
{
	(void)stream;
	(void)happened;
	send_unsent(arg);
}

static void join_or_send_unsent(struct proxy *proxy)
{
	if (proxy_join(proxy))
		return;
	stream_set_owner(proxy->server, on_server_writable, proxy);
	send_unsent(proxy);
}

static void dial_server(struct proxy *proxy)
{
	uplink_start(&proxy->uplink, proxy->worker, SPORE_AUTH_DATA, &proxy->visitor.server,
	             &uplink_events);
}

/* Why a visitor was not carried, if this machine lacked nothing. */
static const char unreached[] = "no connection to the server";
static const char refused[] = "refused by the server", closed[] = "closed by the server";

static void fail_proxy(struct proxy *proxy, const char *what, const struct net_failure *failure)
{
	proxy->failure = failure_text(failure->lacks, what);
	failure_decline(proxy->pool, CLIENT_FAILURE_SERVER,
	                &(struct declined){ .id = &proxy->visitor.id,
	                                    .lacks = failure->lacks,
	                                    .event = "connection failed",
	                                    .error = failure->why });
	proxy_state_end(proxy, false);
}

/* Asks with Claim or Carry. The server answers, so that it decides between two connections, and so
 * that none of its errors is taken for bytes of the visitor. */
static void ask_server(struct proxy *proxy, const struct message *message)
{
	struct link *link = &proxy->uplink.link;

	proxy->has_asked = true;
	link_extend(link, MESSAGE_TO_CLIENT_EXTENDED, false);
	link_send(link, message);
	uplink_expect_answer(&proxy->uplink);
}

static void take_uplink(struct proxy *proxy)
{
	proxy->server = link_take(&proxy->uplink.link, &proxy->received, &proxy->unsent);
	join_or_send_unsent(proxy);
}

/* Decides whether the connection is kept for other visitors after this one. */
static void choose_carry(struct proxy *proxy)
{
	proxy->carries = ahead_pool_carries(proxy->pool, &proxy->visitor.server);
	proxy->grant = proxy->pool->grants;
}

static void on_uplink_ready(struct uplink *uplink)
{
	struct proxy *proxy = proxy_of(uplink);
	struct message claim = { .type = MESSAGE_CLAIM, .id = proxy->visitor.id };
	struct message carry;

	if (proxy->ahead) {
		ask_server(proxy, &claim);
		return;
	}
	choose_carry(proxy);
	carry = ahead_accept(proxy->pool, &proxy->visitor.id, true);
	proxy_state_lend(proxy, proxy->carries);
	if (proxy->carries) {
		ask_server(proxy, &carry);
	} else if (proxy->visitor.reads_claim) {
		ask_server(proxy, &claim);
	} else {
		link_send(&uplink->link,
		          &(struct message){ .type = MESSAGE_ACCEPT, .id = proxy->visitor.id });
		take_uplink(proxy);
	}
}

/* The server may still answer on the connection opened ahead. A connection that is lost before its
 * answer is replaced once. If the server has accepted the visitor on the lost connection, it
 * refuses the visitor on the new one. */
static void lose_uplink(struct proxy *proxy, const char *what, const struct net_failure *failure)
{
	if (proxy->ahead) {
		uplink_stop(&proxy->uplink);
	} else if (proxy->has_asked && !proxy->asks_again) {
		proxy->asks_again = true;
		uplink_stop(&proxy->uplink);
		deadline_start_now(&proxy->worker->slow_answers, &proxy->slow);
	} else {
		fail_proxy(proxy, what, failure);
	}
}

static void on_uplink_failed(struct uplink *uplink, const struct uplink_failure *failure)
{
	lose_uplink(proxy_of(uplink), failure->fault == UPLINK_REFUSED ? refused : unreached,
	            &(struct net_failure){ failure->why, failure->lacks });
}

/* Only the answer to Claim or Carry comes here. */
static void on_uplink_message(struct uplink *uplink, const struct message *message)
{
	struct net_failure failure = { .why = message->type == MESSAGE_ERROR
		                                      ? message->text
		                                      : "unexpected message from server" };
	struct proxy *proxy = proxy_of(uplink);

	if (message->type != MESSAGE_ACCEPTED) {
		lose_uplink(proxy, refused, &failure);
		return;
	}
	uplink_end_wait(uplink);
	if (proxy->ahead) {
		proxy->carries = false; /* the answer is that to Claim */
		proxy_state_lend(proxy, false);
	}
	ahead_drop(proxy->ahead);
	proxy->ahead = NULL;
	take_uplink(proxy);
}

static void on_uplink_end(struct uplink *uplink, const char *why)
{
	lose_uplink(proxy_of(uplink), closed, &(struct net_failure){ .why = why ? why : closed });
}

static void on_uplink_late(struct uplink *uplink, const char *why)
{
	lose_uplink(proxy_of(uplink), unreached, &(struct net_failure){ .why = why });
}

/* ---- a connection opened ahead ---- */

static void on_ahead(struct stream *stream, struct buf *received, void *arg)
{
	struct proxy *proxy = arg;

	proxy->ahead = NULL;
	deadline_stop(&proxy->slow);
	if (!stream) {
		proxy->carries = false; /* a connection that is dialled may be claimed instead */
		proxy_state_lend(proxy, false);
	}
	if (stream) {
		uplink_stop(&proxy->uplink);
		proxy->server = stream;
		proxy->received = *received;
		join_or_send_unsent(proxy);
	} else if (proxy->uplink.state == UPLINK_CLOSED) {
		/* The server did not answer Accept, so the visitor still waits there. */
		dial_server(proxy);
	}
}

void proxy_server_on_slow(struct deadline *deadline)
{
	dial_server(CONTAINER_OF(deadline, struct proxy, slow));
}

/* False: no connection is idle, or they lead to another server, to which the tunnel is moving. */
static bool use_ahead(struct proxy *proxy)
{
	struct message accept;

	if (!server_place_equal(&proxy->pool->grant.server, &proxy->visitor.server))
		return false;
	choose_carry(proxy);
	accept = ahead_accept(proxy->pool, &proxy->visitor.id, proxy->carries);
	proxy->ahead = ahead_take(proxy->pool, &accept, on_ahead, proxy);
	proxy->lends = proxy->ahead && proxy->carries;
	if (proxy->ahead && proxy->visitor.reads_claim)
		deadline_start(&proxy->worker->slow_answers, &proxy->slow);
	return proxy->ahead != NULL;
}

bool proxy_server_is_untouched(const struct proxy *proxy)
{
	return !proxy->server && !proxy->ahead && proxy->uplink.state != UPLINK_READY;
}

void proxy_server_connect(struct proxy *proxy)
{
	proxy->asks_local_first = false;
	if (!use_ahead(proxy))
		dial_server(proxy);
}

static const struct uplink_events uplink_events = {
	.on_ready = on_uplink_ready,
	.on_failed = on_uplink_failed,
	.on_message = on_uplink_message,
	.on_end = on_uplink_end,
	.on_late = on_uplink_late,
};
