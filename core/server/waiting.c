#include "server/waiting.h"

#include "base/clock.h"
#include "chain/plugin_set.h"
#include "event/event.h"
#include "log/log.h"
#include "net/addr.h"
#include "quota/pending.h"
#include "quota/visitor_line.h"
#include "session/context.h"

/* The lines are limited, since visitors come as often as they like. */
static void log_stale(struct server_shared *shared, const struct visitor *visitor)
{
	static const struct repeat_pace pace = { .period_ms = 1000, .burst = 1 };
	static const char event[] = "removed stale connection";
	const void *key = event; /* one for all: no other line of the table begins with it */
	struct repeat_line line = { &key, sizeof key, { event, NULL, LOG_WARN } };
	char id[UUID_TEXT_SIZE], peer[ADDR_TEXT_SIZE];
	unsigned held;

	if (!repeats_allow(&shared->visitor_lines, &line, &pace, clock_ms(), &held))
		return;
	uuid_format(&visitor->born_as, id);
	log_event(LOG_WARN, event,
	          (const struct log_field[]){
			  log_str("id", id), log_str("visitor", addr_format(&visitor->peer, peer)),
			  log_int("port", visitor->port), log_int("others", held) },
	          held ? 4 : 3);
}

/* text, word: why the visitor that waits ends. */
static void end_waiting(const struct plugin_set *set, struct visitor *visitor, const char *text,
                        const char *word)
{
	struct visitor_line line = { .id = visitor->born_as,
		                     .peer = visitor->peer,
		                     .account = visitor->account,
		                     .port = visitor->port,
		                     .since_ms = visitor->since_ns / 1000000,
		                     .reason = text,
		                     .word = word };

	if (set->config->settings.log.visitors)
		visitor_line_write(LOG_INFO, "visitor ended", &line);
	event_visitor_ended(set, &line);
	visitor_drop(visitor);
}

void waiting_end_stale(struct server_shared *shared, const struct plugin_set *set,
                       const struct limits *limits, struct loop *main_loop)
{
	struct visitor visitor;

	while (pending_take_expired(shared->pending, clock_ms(), limits, &visitor)) {
		log_stale(shared, &visitor);
		stats_add(&shared->stats, main_loop, STAT_CONNECTIONS_STALE, 1);
		end_waiting(set, &visitor, "no client took it in time", "not_taken");
	}
}

void waiting_end_all(struct server_shared *shared, const struct plugin_set *set,
                     const struct limits *limits)
{
	struct pending *pending = shared->pending;
	struct visitor visitor;

	while (pending && pending_take_expired(pending, INT64_MAX, limits, &visitor))
		end_waiting(set, &visitor, "the server ends", "shutdown");
}
