#include "carry/carried.h"

#include <stdlib.h>

#include "carry/ahead.h"
#include "carry/shared.h"
#include "log/log.h"
#include "net/addr.h"
#include "relay/relay.h"
#include "thread/users.h"

static const char visitor_ended[] = "visitor ended";

static void log_visitor(enum log_level level, const char *event, const struct carried *carried,
                        const struct relay_end *end, const char *reason)
{
	char id[UUID_TEXT_SIZE], from[ADDR_TEXT_SIZE];
	int64_t lasted_ms = loop_now_ms(carried->pool->worker->loop) - carried->since_ms;

	if (!log_is_enabled(level))
		return;
	uuid_format(&carried->id, id);
	log_event(level, event,
	          (const struct log_field[]){
			  log_str("visitor",
	                          carried->from.family ? addr_format(&carried->from, from) : ""),
			  log_str("tunnel", carried->pool->tunnel->name),
			  log_int("bytes_up", (int64_t)end->bytes[0]),
			  log_int("bytes_down", (int64_t)end->bytes[1]),
			  log_int("duration_ms", lasted_ms), log_str("reason", reason),
			  log_str("id", id), log_str("error", end->error) },
	          end->error ? 8 : 7);
}

void carried_log_failure(const struct carried *carried, const char *reason)
{
	if (client_worker_logs_visitors(carried->pool->worker))
		log_visitor(LOG_INFO, visitor_ended, carried, &(struct relay_end){ .error = NULL },
		            reason);
}

struct carried *carried_new(const struct carried *visitor)
{
	struct carried *carried = malloc(sizeof *carried);

	if (carried) {
		*carried = *visitor;
		users_enter(carried->pool->users);
	}
	return carried;
}

void carried_free(struct carried *carried)
{
	if (carried)
		users_leave(carried->pool->users);
	free(carried);
}

/* If no byte has come from the visitor, the server may have refused the connection: with TLS 1.3
 * the client learns of a refusal only when it reads. */
static bool may_be_refused(const struct relay_end *end)
{
	return end->error && end->bytes[0] == 0;
}

static void log_relay_end(const struct carried *carried, const struct relay_end *end,
                          const char *reason)
{
	if (end->error)
		log_visitor(may_be_refused(end) ? LOG_WARN : LOG_INFO, "connection broken", carried,
		            end, reason);
	else
		log_visitor(LOG_DEBUG, "connection ended", carried, end, reason);
}

/* The server is on the left side of the relay, the service on the right. */
bool carried_count(const uint64_t bytes[2], void *arg)
{
	struct ahead_tally *tally = &((struct carried *)arg)->pool->tally;

	tally->up += bytes[0];
	tally->down += bytes[1];
	return true;
}

void carried_on_end(const struct relay_end *end, void *arg)
{
	static const char *const reasons[RELAY_CAUSES] = {
		[RELAY_FINISHED] = "closed",
		[RELAY_LEFT_EMPTY] = "closed", /* often a port scan */
		[RELAY_LEFT_BROKEN] = "broken by the server or the visitor",
		[RELAY_RIGHT_BROKEN] = "broken by the service",
		[RELAY_LEFT_LOST] = "the server vanished",
		[RELAY_RIGHT_LOST] = "the service vanished",
		[RELAY_IDLE] = "idle for too long",
		[RELAY_KICKED] = "ended by the operator",
		[RELAY_STOPPED] = "the client ends",
		[RELAY_CUT_OFF] = "cut off: the client ends",
		[RELAY_NO_MEMORY] = "out of memory",
		[RELAY_USED_UP] = "-", /* does not happen here */
	};
	struct carried *carried = arg;
	struct client_worker *worker = carried->pool->worker;
	bool has_line = client_worker_logs_visitors(worker);

	client_stats_add(&worker->shared->stats, worker->loop, CLIENT_STAT_RELAYS, -1);
	client_worker_release(worker);
	loop_at_turn_end(worker->loop, &worker->start_waiting);
	if (has_line)
		log_visitor(LOG_INFO, visitor_ended, carried, end, reasons[end->cause]);
	if (!has_line || may_be_refused(end))
		log_relay_end(carried, end, reasons[end->cause]);
	carried->pool->tally.now--;
	carried_free(carried);
}
