#include "session/forward.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/zeroed.h"
#include "chain/transport.h"
#include "event/event.h"
#include "log/log.h"
#include "log/pace.h"
#include "net/addr.h"
#include "net/sock.h"
#include "net/stream.h"
#include "quota/visitor_line.h"
#include "session/refuse.h"
#include "wire/proxy_header.h"

struct forward {
	struct server_worker *worker;
	struct account *account; /* ref */
	struct source *source;   /* ref, or NULL */
	spore_addr peer;
	uint16_t port; /* where the visitor has come */
	uint64_t id;
	struct uuid visitor_id;
	int64_t arrived_ms, since_ms; /* of the visitor; of the relay */
};

static void heed_service(const struct account *account)
{
	struct trouble_end end;

	if (trouble_ends(account_unserved(account), clock_ms(), &end))
		log_info("a client reaches its service again", log_int("port", account->port),
		         log_int("tunnel", (int64_t)account->id),
		         log_str("identity", account_identity(account)),
		         log_int("failed_for_ms", end.lasted_ms), log_int("others", end.held));
}

/* The client is on the left side of the relay, the visitor on the right. */
bool forward_count(const uint64_t moved[2], void *arg)
{
	struct forward *forward = arg;
	struct account *account = forward->account;

	stats_carried(&forward->worker->shared->stats, forward->worker->loop, &account->series,
	              moved[1], moved[0]);
	if (moved[0] > 0)
		heed_service(account);
	if (account_carry(account, moved[1], moved[0]))
		return true;
	refuse_used_up(account);
	return false;
}

/* The client is on the left side, the visitor on the right. */
static const struct {
	const char *word, *text;
} reasons[RELAY_CAUSES] = {
	[RELAY_FINISHED] = { "closed", "closed" },
	[RELAY_LEFT_EMPTY] = { "client_empty", "closed by the client before it sent anything" },
	[RELAY_LEFT_BROKEN] = { "client_broken", "broken by the client" },
	[RELAY_RIGHT_BROKEN] = { "visitor_broken", "broken by the visitor" },
	[RELAY_LEFT_LOST] = { "client_lost", "the client vanished" },
	[RELAY_RIGHT_LOST] = { "visitor_lost", "the visitor vanished" },
	[RELAY_IDLE] = { "idle", "idle for too long" },
	[RELAY_KICKED] = { "kicked", "ended by the operator" },
	[RELAY_STOPPED] = { "shutdown", "the server ends" },
	[RELAY_CUT_OFF] = { "cut_off", "cut off: the server ends" },
	[RELAY_NO_MEMORY] = { "no_memory", "out of memory" },
	[RELAY_USED_UP] = { "used_up", "the client has used up its bytes" },
};

/* A client passes the reset of its service on. It cannot be told apart from a reset by the client
 * itself, unless the client is lost altogether. */
static const char service_broken[] = "service_broken",
		  of_service[] = "broken by the service or the client";

static bool may_be_of_service(const struct forward *forward, const struct relay_end *end)
{
	return end->cause == RELAY_LEFT_BROKEN && !end->error &&
	       !account_has_lost_client(forward->account);
}

static struct visitor_line make_line(const struct forward *forward, const struct relay_end *end)
{
	bool is_of_service = may_be_of_service(forward, end);

	return (struct visitor_line){
		.id = forward->visitor_id,
		.peer = forward->peer,
		.account = forward->account,
		.port = forward->port,
		.since_ms = forward->arrived_ms,
		.bytes_up = end->bytes[1],
		.bytes_down = end->bytes[0],
		.reason = is_of_service ? of_service : reasons[end->cause].text,
		.word = is_of_service ? service_broken : reasons[end->cause].word,
		.error = end->error
	};
}

static void tell_end(const struct forward *forward, const struct relay_end *end)
{
	struct visitor_line line = make_line(forward, end);

	if (server_worker_logs_visitors(forward->worker))
		visitor_line_write(LOG_INFO, "visitor ended", &line);
	else if (end->error)
		visitor_line_write(LOG_INFO, "connection broken", &line);
	else
		visitor_line_write(LOG_DEBUG, "connection ended", &line);
	event_visitor_ended(forward->worker->set, &line);
}

static void on_relay_end(const struct relay_end *end, void *arg)
{
	struct forward *forward = arg;
	struct account *account = forward->account;

	stats_add(&forward->worker->shared->stats, forward->worker->loop, STAT_RELAYS, -1);
	tell_end(forward, end);
	account_leave(account, forward->source);
	account_unref(account);
	free(forward);
}

void forward_drop_broken(struct server_worker *worker, struct visitor *visitor)
{
	struct forward forward = { .worker = worker,
		                   .account = visitor->account,
		                   .peer = visitor->peer,
		                   .port = visitor->port,
		                   .visitor_id = visitor->born_as,
		                   .arrived_ms = visitor->since_ns / 1000000 };

	tell_end(&forward, &(struct relay_end){ .cause = RELAY_RIGHT_BROKEN,
	                                        .error = "its first bytes cannot be read again" });
	visitor_drop(visitor);
}

void forward_give_up(struct server_worker *worker, struct stream *stream, struct visitor *visitor,
                     struct buf *received, struct buf *unsent)
{
	refuse_waiting(worker, visitor, REFUSED_NO_MEMORY);
	stream_close(stream, true);
	buf_fini(received);
	buf_fini(unsent);
	visitor_drop(visitor);
}

/* Appends what the service is told of the visitor. False: out of memory. */
static bool add_header(const struct visitor *visitor, struct buf *unsent)
{
	uint8_t header[PROXY_HEADER_MAX];
	spore_addr to;

	if (!visitor->has_header)
		return true;
	sock_local_addr(visitor->fd, &to);
	return buf_append(unsent, header,
	                  proxy_header_write(PROXY_HEADER_V2, &visitor->peer, &to, header),
	                  SIZE_MAX);
}

struct stream *forward_open(struct server_worker *worker, struct visitor *visitor)
{
	struct stream *stream = visitor->stream;

	if (stream)
		return transport_attach(stream, worker->loop) ? stream : NULL;
	stream = stream_new(worker->loop, visitor->fd, &visitor->peer, NULL);
	if (stream)
		stream_open(stream);
	return stream;
}

void forward_start(struct server_worker *worker, struct stream *stream, struct visitor *visitor,
                   struct buf *received, struct buf *unsent, size_t shown)
{
	struct forward *forward = zeroed_new(sizeof *forward);
	struct stream *to_visitor = NULL;
	char text[ADDR_TEXT_SIZE];

	if (forward && add_header(visitor, unsent))
		to_visitor = forward_open(worker, visitor);
	if (!to_visitor) {
		forward_give_up(worker, stream, visitor, received, unsent);
		free(forward);
		return;
	}
	*forward = (struct forward){ .worker = worker,
		                     .account = visitor->account,
		                     .source = visitor->source,
		                     .peer = visitor->peer,
		                     .port = visitor->port,
		                     .id = server_new_id(worker->shared),
		                     .visitor_id = visitor->born_as,
		                     .arrived_ms = visitor->since_ns / 1000000,
		                     .since_ms = clock_ms() };
	stats_accepted(&worker->shared->stats, worker->loop, clock_ns() - visitor->since_ns);
	stats_add(&worker->shared->stats, worker->loop, STAT_RELAYS, 1);
	if (log_is_enabled(LOG_DEBUG))
		log_debug("forwarding connection",
		          log_str("visitor", addr_format(&visitor->peer, text)),
		          log_int("port", visitor->port));
	relay_start(
		&worker->relays,
		&(struct relay_plan){ .left = stream,
	                              .right = to_visitor,
	                              .for_left = unsent,
	                              .for_right = received,
	                              .rate = visitor->rate,
	                              .moved_left = shown,
	                              .buckets = { &visitor->account->usage->buckets[USE_DOWN],
	                                           &visitor->account->usage->buckets[USE_UP] } },
		on_relay_end, forward);
}

struct forward_view forward_look(const void *arg)
{
	const struct forward *forward = arg;

	return (struct forward_view){
		.id = forward->id,
		.tunnel = forward->account->id,
		.port = forward->port,
		.visitor = forward->peer,
		.identity = account_identity(forward->account),
		.age_ms = clock_ms() - forward->since_ms,
	};
}

bool forward_has_lost_client(const void *arg)
{
	const struct forward *forward = arg;

	return account_has_lost_client(forward->account);
}

bool forward_is_kicked(const void *arg, void *kick)
{
	const struct forward_kick *ordered = kick;
	const struct forward *forward = arg;
	bool is_own_id = ordered->kick->id && ordered->kick->id == forward->id;

	if (!is_own_id && !kick_means(ordered->kick, forward->account))
		return false;
	kicked_add_relay(ordered->kicked, forward->account);
	return true;
}
