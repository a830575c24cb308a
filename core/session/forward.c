#include "session/forward.h"

#include <stdlib.h>

#include "base/clock.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/stream.h"

struct forward {
	struct server_worker *worker;
	struct account *account; /* ref */
	struct source *source;   /* ref, or NULL */
	spore_addr peer;
	uint64_t id;
	int64_t since_ms;
};

/* The client is on the left side of the relay, the visitor on the right. */
void forward_count(const uint64_t moved[2], void *arg)
{
	struct forward *forward = arg;
	struct account *account = forward->account;

	atomic_fetch_add(&account->bytes_down, moved[0]);
	atomic_fetch_add(&account->bytes_up, moved[1]);
	stats_carried(&forward->worker->shared->stats, forward->worker->loop, &account->series,
	              moved[1], moved[0]);
}

static void log_relay_end(const struct forward *forward, const uint64_t bytes[2], const char *error)
{
	enum log_level level = error ? LOG_INFO : LOG_DEBUG;
	char text[ADDR_TEXT_SIZE];

	if (!log_is_enabled(level))
		return;
	log_event(level, error ? "connection broken" : "connection ended",
	          (const struct log_field[]){ log_str("visitor", addr_format(&forward->peer, text)),
	                                      log_int("port", forward->account->port),
	                                      log_int("bytes_up", (int64_t)bytes[1]),
	                                      log_int("bytes_down", (int64_t)bytes[0]),
	                                      log_str("error", error) },
	          error ? 5 : 4);
}

static void on_relay_end(const uint64_t bytes[2], const char *error, void *arg)
{
	struct forward *forward = arg;
	struct account *account = forward->account;

	stats_add(&forward->worker->shared->stats, forward->worker->loop, STAT_RELAYS, -1);
	log_relay_end(forward, bytes, error);
	account_leave(account, forward->source);
	account_unref(account);
	free(forward);
}

static void give_visitor_up(struct server_worker *worker, struct stream *stream,
                            struct visitor *visitor, struct buf *received, struct buf *unsent)
{
	stats_refuse(&worker->shared->stats, worker->loop, REFUSED_AT_PUBLIC, REFUSED_NO_MEMORY);
	log_error("connection refused: out of memory", log_int("port", visitor->account->port));
	stream_close(stream, true);
	buf_fini(received);
	buf_fini(unsent);
	visitor_drop(visitor);
}

void forward_start(struct server_worker *worker, struct stream *stream, struct visitor *visitor,
                   struct buf *received, struct buf *unsent)
{
	struct forward *forward = calloc(1, sizeof *forward);
	struct stream *to_visitor = forward ? stream_new(worker->loop, visitor->fd, &visitor->peer,
	                                                 NULL)
	                                    : NULL;
	char text[ADDR_TEXT_SIZE];

	if (!to_visitor) {
		give_visitor_up(worker, stream, visitor, received, unsent);
		free(forward);
		return;
	}
	*forward = (struct forward){ .worker = worker,
		                     .account = visitor->account,
		                     .source = visitor->source,
		                     .peer = visitor->peer,
		                     .id = server_new_id(worker->shared),
		                     .since_ms = clock_ms() };
	stream_open(to_visitor);
	stats_accepted(&worker->shared->stats, worker->loop, clock_ns() - visitor->since_ns);
	stats_add(&worker->shared->stats, worker->loop, STAT_RELAYS, 1);
	if (log_is_enabled(LOG_DEBUG))
		log_debug("forwarding connection",
		          log_str("visitor", addr_format(&visitor->peer, text)),
		          log_int("port", visitor->account->port));
	relay_start(&worker->relays,
	            &(struct relay_plan){ .left = stream,
	                                  .right = to_visitor,
	                                  .for_left = unsent,
	                                  .for_right = received,
	                                  .rate = visitor->rate },
	            on_relay_end, forward);
}

struct forward_view forward_look(const void *arg)
{
	const struct forward *forward = arg;

	return (struct forward_view){
		.id = forward->id,
		.tunnel = forward->account->id,
		.port = forward->account->port,
		.visitor = forward->peer,
		.age_ms = clock_ms() - forward->since_ms,
	};
}

bool forward_is_of(const void *arg, uint64_t id)
{
	const struct forward *forward = arg;

	return forward->id == id || forward->account->id == id;
}
