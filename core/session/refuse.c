#include "session/refuse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "event/event.h"
#include "link/link.h"
#include "log/pace.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/conn.h"
#include "net/shortage.h"
#include "quota/visitor_line.h"

void refuse_count(const struct server_worker *worker, const struct event_refusal *refusal)
{
	stats_refuse(&worker->shared->stats, worker->loop, REFUSED_AT_CONTROL, refusal->why);
	event_client_refused(worker->set, refusal);
}

static void count_session(const struct server_session *s, enum refusal why)
{
	refuse_count(s->worker,
	             &(struct event_refusal){ .peer = &s->peer, .why = why, .plugin = s->judge });
}

/* ---- lines in the log ---- */

static bool has_tunnel(const struct server_session *s)
{
	return s->state == SESSION_TUNNEL || s->state == SESSION_OUTDATED ||
	       s->state == SESSION_REVIEWED;
}

/* event: permanent; lines of one event and reason are repetitions of each other. */
static bool may_log_stranger(const struct server_worker *worker, const struct source *source,
                             enum log_level level, const char *event, enum refusal why,
                             unsigned *held_out)
{
	static const struct repeat_pace pace = { .period_ms = 6000, .burst = 10 };
	const void *key[2] = { event, (const void *)(uintptr_t)why };
	struct repeat_line line = {
		key, sizeof key, { event, why == REFUSED_COUNT ? NULL : refusal_text(why), level }
	};

	*held_out = 0;
	if (!log_is_enabled(level))
		return false;
	return (why == REFUSED_WRONG_SECRET &&
	        source_may_be_banned(source, server_worker_limits(worker))) ||
	       repeats_allow(&worker->shared->strange_lines, &line, &pace, clock_ms(), held_out);
}

static const char *event_of_tunnel(const struct server_session *s)
{
	return has_tunnel(s) ? "tunnel ended" : "client refused";
}

/* A server that leaves is not a fault. */
static enum log_level level_of_tunnel(enum refusal why)
{
	return why == REFUSED_DRAINING ? LOG_INFO : LOG_WARN;
}

static bool may_log_tunnel(const struct server_session *s, const struct refuse_subject *subject,
                           enum refusal why, unsigned *held_out)
{
	static const struct repeat_pace pace = { .period_ms = 60000, .burst = 1 };
	struct {
		uint8_t ip[16];
		uint16_t port, why;
	} key = { .port = subject->port, .why = (uint16_t)why };

	memcpy(key.ip, s->peer.ip, sizeof key.ip);
	return repeats_allow(&s->worker->shared->tunnel_lines,
	                     &(struct repeat_line){ &key,
	                                            sizeof key,
	                                            { event_of_tunnel(s), refusal_text(why),
	                                              level_of_tunnel(why) } },
	                     &pace, clock_ms(), held_out);
}

static const char event_of_visitor[] = "visitor refused";

/* With log.visitors, each visitor has a line. */
static bool may_log_visitor(const struct server_worker *worker, enum log_level level,
                            enum refusal why, const struct acl_answer *denied, unsigned *held_out)
{
	static const struct repeat_pace pace = { .period_ms = 1000, .burst = 1 };
	const void *key[2] = { denied ? denied->by : NULL, (const void *)(uintptr_t)why };
	struct repeat_line line = { key,
		                    sizeof key,
		                    { event_of_visitor, refusal_text(why), level } };

	*held_out = 0;
	if (!log_is_enabled(level))
		return false;
	return server_worker_logs_visitors(worker) ||
	       repeats_allow(&worker->shared->visitor_lines, &line, &pace, clock_ms(), held_out);
}

/* Adds what limits; returns the number of fields. */
static size_t add_limit(struct log_field *fields, size_t n, const struct limit_hit *hit)
{
	if (hit->holder[0])
		fields[n++] = log_str("holder", hit->holder);
	if (!hit->from)
		return n;
	if (hit->range[0])
		fields[n++] = log_str("range", hit->range);
	else if (hit->most >= 0)
		fields[n++] = log_int(hit->is_time ? "limit_ms" : "limit", hit->most);
	fields[n++] = log_str("from", hit->from);
	if (hit->plugin)
		fields[n++] = log_str("plugin", hit->plugin);
	return n;
}

static void log_limited(const struct server_session *s, enum log_level level, const char *event,
                        const struct limit_hit *hit, const char *reason)
{
	struct log_field fields[8];
	char text[ADDR_TEXT_SIZE], via_text[ADDR_TEXT_SIZE];
	const char *via = server_session_via(s, via_text);
	unsigned held;
	size_t n = 0;

	if (!may_log_stranger(s->worker, s->source, level, event, hit->why, &held))
		return;
	fields[n++] = log_str("peer", addr_format(&s->peer, text));
	if (via)
		fields[n++] = log_str("via", via);
	fields[n++] = log_str("reason", reason);
	n = add_limit(fields, n, hit);
	if (held)
		fields[n++] = log_int("others", held);
	log_event(level, event, fields, n);
}

/* What limits every stranger alike. */
static struct limit_hit limit_of_stranger(const struct server_session *s, enum refusal why)
{
	struct limit_hit hit = limits_of_source(server_worker_limits(s->worker), why);

	if (why == REFUSED_AUTH_TOO_SLOW) {
		hit.most = server_worker_settings(s->worker)->auth_timeout;
		hit.from = "server.auth_timeout";
		hit.is_time = true;
	}
	return hit;
}

static void log_stranger(const struct server_session *s, enum log_level level, const char *event,
                         enum refusal why, const char *reason)
{
	struct limit_hit hit = limit_of_stranger(s, why);

	log_limited(s, level, event, &hit, reason);
}

static void log_tunnel(const struct server_session *s, const struct refuse_subject *subject,
                       const struct limit_hit *hit, const char *reason, unsigned held)
{
	struct log_field fields[10];
	char text[ADDR_TEXT_SIZE];
	size_t n = 0;

	fields[n++] = log_str("peer", addr_format(&s->peer, text));
	fields[n++] = log_str("reason", reason);
	fields[n++] = log_int("port", subject->port);
	fields[n++] = log_str("identity", subject->identity);
	fields[n++] = log_str("name", subject->name);
	n = add_limit(fields, n, hit);
	if (held)
		fields[n++] = log_int("others", held);
	log_event(level_of_tunnel(hit->why), event_of_tunnel(s), fields, n);
}

static void tell_rest(const struct repeat_topic *topic, unsigned held)
{
	log_event((enum log_level)topic->level, "further lines were left out",
	          (const struct log_field[]){ log_str("of", topic->event), log_int("others", held),
	                                      log_str("reason", topic->reason) },
	          topic->reason ? 3 : 2);
}

void refuse_log_rest(struct server_shared *shared, int64_t now_ms)
{
	repeats_tell_rest(&shared->strange_lines, now_ms, tell_rest);
	repeats_tell_rest(&shared->tunnel_lines, now_ms, tell_rest);
	repeats_tell_rest(&shared->visitor_lines, now_ms, tell_rest);
}

void refuse_log(const struct server_session *s, enum log_level level, const char *event,
                const char *reason)
{
	char text[ADDR_TEXT_SIZE];

	if (!has_tunnel(s))
		log_stranger(s, level, event, REFUSED_COUNT, reason);
	else if (log_is_enabled(level))
		log_at(level, event, log_str("peer", addr_format(&s->peer, text)),
		       log_str("reason", reason));
}

/* ---- the ends ---- */

/* The reason for which the client's ALLOW ends. In REVIEWED a reload asks again about an open
 * tunnel; a client that does not pass is revoked. */
static uint32_t end_reason_of(const struct server_session *s, enum refusal why)
{
	switch (why) {
	case REFUSED_LIFE_OVER:
		return SPORE_END_EXPIRED;
	case REFUSED_REVOKED:
		return SPORE_END_REVOKED;
	case REFUSED_KICKED:
		return SPORE_END_KICKED;
	default:
		return s->state == SESSION_REVIEWED ? SPORE_END_REVOKED : SPORE_END_REFUSED;
	}
}

static void end_with(struct server_session *s, enum refusal why, const char *told)
{
	struct message message = { .type = MESSAGE_ERROR };

	snprintf(message.text, sizeof message.text, "%s", told);
	s->end_reason = end_reason_of(s, why);
	link_send(&s->link, &message);
	server_session_finish(s);
}

/* Proxies check servers often, and clients give up when they do not reach their service. */
static enum log_level level_of_leaving(const struct server_session *s)
{
	bool is_usual = source_is_proxy(s->source) || s->is_of_proxy ||
	                source_has_tunnel(s->source);

	return is_usual ? LOG_DEBUG : LOG_INFO;
}

void refuse_log_left(const struct server_session *s, const char *event, const char *reason)
{
	refuse_log(s, level_of_leaving(s), event, reason);
}

void refuse_unanswered(struct server_session *s)
{
	refuse_log_left(s, "connection ended before its first request", "closed by the client");
	end_with(s, REFUSED_NO_SECRET, refusal_text(REFUSED_NO_SECRET));
}

void refuse_any_longer(struct server_session *s, const struct refuse_subject *subject,
                       const struct limit_hit *hit)
{
	log_tunnel(s, subject, hit, refusal_text(hit->why), 0);
	end_with(s, hit->why, refusal_text(hit->why));
}

/* For the events. The client is not told which ports it may have. */
static const char *describe_range(const struct limit_hit *hit, char *out, size_t size)
{
	if (!hit->from || !hit->range[0])
		return NULL;
	snprintf(out, size, "the allowed ports are %s (%s)", hit->range, hit->from);
	return out;
}

void refuse_tunnel(struct server_session *s, const struct refuse_subject *subject,
                   const struct limit_hit *hit, const char *details, bool reads_details)
{
	enum refusal why = hit->why;
	char text[FRAME_MAX], range[160];
	const char *allowed = describe_range(hit, range, sizeof range);
	unsigned held;

	snprintf(text, sizeof text, "%s%s%s", refusal_text(why), details ? ": " : "",
	         details ? details : "");
	refuse_count(s->worker, &(struct event_refusal){ .peer = &s->peer,
	                                                 .why = why,
	                                                 .plugin = hit->plugin,
	                                                 .detail = details ? details : allowed,
	                                                 .identity = subject->identity,
	                                                 .name = subject->name,
	                                                 .port = subject->port });
	if (may_log_tunnel(s, subject, why, &held))
		log_tunnel(s, subject, hit, text, held);
	end_with(s, why, reads_details ? text : refusal_text(why));
}

static void refuse_stranger(struct server_session *s, enum refusal why, const char *text)
{
	count_session(s, why);
	log_stranger(s, LOG_WARN, "client refused", why, text);
	end_with(s, why, text);
}

void refuse_as(struct server_session *s, enum refusal why, enum refusal told)
{
	count_session(s, why);
	log_stranger(s, LOG_WARN, "client refused", why, refusal_text(why));
	end_with(s, why, refusal_text(told));
}

void refuse_session(struct server_session *s, enum refusal why)
{
	refuse_stranger(s, why, refusal_text(why));
}

void refuse_banned(struct server_session *s, int64_t left_ms)
{
	char text[REFUSAL_BANNED_SIZE];

	source_turn_away(s->source, clock_ms());
	refuse_stranger(s, REFUSED_SOURCE, refusal_write_banned(left_ms, text));
}

void refuse_at_limit(struct server_session *s, const struct limit_hit *hit)
{
	count_session(s, hit->why);
	log_limited(s, LOG_INFO, "connection refused", hit, refusal_text(hit->why));
	s->end_reason = end_reason_of(s, hit->why);
	server_session_finish(s);
}

void refuse_silently(struct server_session *s, enum refusal why)
{
	struct limit_hit hit = limit_of_stranger(s, why);

	refuse_at_limit(s, &hit);
}

void refuse_with_reset(struct server_session *s, const struct limit_hit *hit)
{
	count_session(s, hit->why);
	log_limited(s, LOG_WARN, "connection refused", hit, refusal_text(hit->why));
	s->end_reason = end_reason_of(s, hit->why);
	server_session_end(s, true);
}

void refuse_unopened(struct server_session *s, enum log_level level, enum refusal why,
                     const char *reason)
{
	refuse_count(s->worker,
	             &(struct event_refusal){ .peer = &s->peer, .why = why, .detail = reason });
	log_stranger(s, level, "connection refused", why, reason);
	server_session_end(s, false);
}

/* The client logs what it declines. What the operator can mend is more than information. */
static enum log_level level_of(enum refusal why)
{
	switch (why) {
	case REFUSED_DECLINED:
	case REFUSED_UNSERVED:
		return LOG_DEBUG;
	case REFUSED_DESCRIPTORS:
	case REFUSED_NO_MEMORY:
		return LOG_WARN;
	default:
		return LOG_INFO;
	}
}

/* Who owns the visitor's tunnel, and who has denied it. */
static size_t add_deciders(struct log_field *fields, size_t n, const struct account *account,
                           const struct acl_answer *denied)
{
	if (account) {
		fields[n++] = log_int("tunnel", (int64_t)account->id);
		fields[n++] = log_str("identity", account_identity(account));
	}
	if (denied) {
		fields[n++] = log_str("plugin", denied->by->name);
		fields[n++] = log_str("detail", denied->reason);
	}
	return n;
}

static size_t add_opening(struct log_field *fields, size_t n, const struct refuse_opening *opening)
{
	if (opening && opening->entry)
		fields[n++] = log_str("entry", opening->entry);
	if (opening && opening->host)
		fields[n++] = log_str("host", opening->host);
	if (opening && opening->detail)
		fields[n++] = log_str("detail", opening->detail);
	return n;
}

static struct limit_hit limit_of_visitor(const struct server_worker *worker,
                                         const struct visitor *visitor, enum refusal why)
{
	const struct limits *limits = server_worker_limits(worker);

	return visitor->account ? account_limit(visitor->account, limits, why)
	                        : limits_of_source(limits, why);
}

static void log_visitor(const struct server_worker *worker, const struct visitor *visitor,
                        enum refusal why, const struct acl_answer *denied,
                        const struct refuse_opening *opening)
{
	struct limit_hit hit = opening && opening->hit ? *opening->hit
	                                               : limit_of_visitor(worker, visitor, why);
	enum log_level level = level_of(why);
	struct log_field fields[14];
	char text[ADDR_TEXT_SIZE];
	unsigned held;
	size_t n = 0;

	if (!may_log_visitor(worker, level, why, denied, &held))
		return;
	fields[n++] = log_str("peer", addr_format(&visitor->peer, text));
	fields[n++] = log_int("port", visitor->port);
	fields[n++] = log_str("reason", refusal_text(why));
	n = add_deciders(fields, n, visitor->account, denied);
	n = add_opening(fields, n, opening);
	n = add_limit(fields, n, &hit);
	if (why == REFUSED_DESCRIPTORS)
		fields[n++] = log_str("raise", SHORTAGE_RAISE_DESCRIPTORS);
	if (held)
		fields[n++] = log_int("others", held);
	log_event(level, event_of_visitor, fields, n);
}

/* ---- what the client of the tunnel learns ---- */

/* NULL: the tunnel belongs to another worker, or is closed. */
static struct announcer *find_announcer(const struct server_worker *worker,
                                        const struct account *account)
{
	return account && account->home == worker ? account_announcer(account) : NULL;
}

static void tell_refusing(struct announcer *announcer, const char *why, const char *period)
{
	struct message message = { .type = MESSAGE_REFUSING };

	snprintf(message.text, sizeof message.text, "%s%s", why, period);
	if (announcer->tells_refusing)
		link_send(announcer->link, &message);
}

static const char *describe_period(const struct account *account, enum refusal why)
{
	if (why != REFUSED_USED_UP)
		return "";
	return usage_exhausted(account->usage) == USE_MONTH ? " of this month (UTC)"
	                                                    : " of this day (UTC)";
}

static void note_refusal(const struct server_worker *worker, const struct account *account,
                         enum refusal why)
{
	struct announcer *announcer = find_announcer(worker, account);

	if (announcer && refusing_concerns_client(why) &&
	    refusing_note(&announcer->refusing, why, clock_ms()))
		tell_refusing(announcer, refusal_text(why), describe_period(account, why));
}

void refuse_tell(const struct server_worker *worker, struct account *account)
{
	struct announcer *announcer = find_announcer(worker, account);
	bool is_used_up = usage_exhausted(account->usage) != USE_PERIODS;
	enum refusal why;

	if (!announcer || (!announcer->refusing.is_told && !is_used_up))
		return;
	why = is_used_up ? REFUSED_USED_UP : announcer->refusing.why;
	refusing_note(&announcer->refusing, why, clock_ms());
	tell_refusing(announcer, refusal_text(why), describe_period(account, why));
}

void refuse_no_more(const struct server_worker *worker, struct account *account)
{
	struct announcer *announcer = find_announcer(worker, account);

	if (announcer && announcer->refusing.last_ms &&
	    refusing_end(&announcer->refusing, clock_ms()))
		tell_refusing(announcer, "", "");
}

/* On its way to the worker of the tunnel. */
struct notice {
	struct loop_task task;
	struct account *account; /* ref */
};

static void run_notice(struct loop_task *task)
{
	struct notice *notice = CONTAINER_OF(task, struct notice, task);
	struct account *account = notice->account;

	note_refusal(account->home, account, REFUSED_USED_UP);
	account_unref(account);
	free(notice);
}

void refuse_used_up(struct account *account)
{
	struct notice *notice = account->home ? calloc(1, sizeof *notice) : NULL;

	if (!notice)
		return; /* the next visitor that is refused tells */
	*notice = (struct notice){ .task.run = run_notice, .account = account_ref(account) };
	loop_post(account->home->loop, &notice->task);
}

/* ---- visitors ---- */

void refuse_visitor(const struct server_worker *worker, const struct visitor *visitor,
                    enum refusal why, const struct acl_answer *denied)
{
	stats_refuse(&worker->shared->stats, worker->loop, REFUSED_AT_PUBLIC, why);
	log_visitor(worker, visitor, why, denied, NULL);
	event_visitor_refused(worker->set, visitor, why, denied);
	note_refusal(worker, visitor->account, why);
}

void refuse_arriving(const struct server_worker *worker, const struct visitor *visitor,
                     enum refusal why, const struct refuse_opening *opening)
{
	stats_refuse(&worker->shared->stats, worker->loop, REFUSED_AT_PUBLIC, why);
	log_visitor(worker, visitor, why, NULL, opening);
	event_visitor_unopened(worker->set, visitor, why,
	                       &(struct event_opening){ opening ? opening->detail : NULL,
	                                                opening ? opening->entry : NULL });
}

/* The client's operator may not be the server's, and sees the cause in the client's log. */
static void note_unserved(const struct visitor *visitor)
{
	const struct account *account = visitor->account;
	char text[ADDR_TEXT_SIZE];
	unsigned others;

	if (trouble_note(account_unserved(account), clock_ms(), &others))
		log_info("a client does not reach its service",
		         log_str("visitor", addr_format(&visitor->peer, text)),
		         log_int("port", visitor->port), log_int("tunnel", (int64_t)account->id),
		         log_str("identity", account_identity(account)), log_int("others", others));
}

void refuse_waiting(const struct server_worker *worker, const struct visitor *visitor,
                    enum refusal why)
{
	struct visitor_line line = { .id = visitor->born_as,
		                     .peer = visitor->peer,
		                     .account = visitor->account,
		                     .port = visitor->port,
		                     .since_ms = visitor->since_ns / 1000000,
		                     .reason = refusal_text(why),
		                     .word = refusal_name(why) };

	stats_refuse(&worker->shared->stats, worker->loop, REFUSED_AT_PUBLIC, why);
	if (server_worker_logs_visitors(worker))
		visitor_line_write(LOG_INFO, "visitor ended", &line);
	else
		log_visitor(worker, visitor, why, NULL, NULL);
	if (why == REFUSED_UNSERVED)
		note_unserved(visitor);
	event_visitor_ended(worker->set, &line);
}

void refuse_denied(const struct server_worker *worker, const spore_conn *conn,
                   const struct acl_answer *answer)
{
	static const char event[] = "client refused by access list";
	char text[ADDR_TEXT_SIZE], via_text[ADDR_TEXT_SIZE];
	struct log_field fields[6];
	unsigned held;
	size_t n = 0;

	refuse_count(worker, &(struct event_refusal){ .peer = &conn->peer,
	                                              .why = REFUSED_ACCESS_LIST,
	                                              .plugin = answer->by->name,
	                                              .detail = answer->reason });
	if (!may_log_stranger(worker, NULL, LOG_INFO, event, REFUSED_ACCESS_LIST, &held))
		return;
	fields[n++] = log_str("peer", addr_format(&conn->peer, text));
	if (conn_is_proxied(conn))
		fields[n++] = log_str("via", addr_format(&conn->socket_peer, via_text));
	fields[n++] = log_str("plugin", answer->by->name);
	fields[n++] = log_str("reason", refusal_text(REFUSED_ACCESS_LIST));
	fields[n++] = log_str("detail", answer->reason);
	if (held)
		fields[n++] = log_int("others", held);
	log_event(LOG_INFO, event, fields, n);
}
