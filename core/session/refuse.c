#include "session/refuse.h"

#include <string.h>

#include "net/addr.h"

void refuse_count(const struct server_worker *worker, enum refusal why)
{
	stats_refuse(&worker->shared->stats, worker->loop, REFUSED_AT_CONTROL, why);
}

void refuse_log(const struct server_session *s, enum log_level level, const char *event,
                const char *reason)
{
	char text[ADDR_TEXT_SIZE];

	if (log_is_enabled(level))
		log_at(level, event, log_str("peer", addr_format(&s->peer, text)),
		       log_str("reason", reason));
}

/* How the ALLOW ends that the client has. One that had a tunnel is revoked if a newer one does not
 * go as far. */
static uint32_t end_of(const struct server_session *s, enum refusal why)
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

void refuse_any_longer(struct server_session *s, enum refusal why)
{
	struct message message = { .type = MESSAGE_ERROR };

	refuse_log(s, LOG_WARN, "client refused", refusal_text(why));
	strcpy(message.text, refusal_text(why));
	s->end_reason = end_of(s, why);
	link_send(&s->link, &message);
	server_session_finish(s);
}

void refuse_session(struct server_session *s, enum refusal why)
{
	refuse_count(s->worker, why);
	refuse_any_longer(s, why);
}

void refuse_silently(struct server_session *s, enum refusal why)
{
	refuse_count(s->worker, why);
	refuse_log(s, LOG_INFO, "connection refused", refusal_text(why));
	s->end_reason = end_of(s, why);
	server_session_finish(s);
}

void refuse_with_reset(struct server_session *s, enum refusal why)
{
	refuse_count(s->worker, why);
	refuse_log(s, LOG_DEBUG, "connection refused", refusal_text(why));
	s->end_reason = end_of(s, why);
	server_session_end(s, true);
}

void refuse_unopened(struct server_session *s, enum log_level level, enum refusal why,
                     const char *reason)
{
	refuse_count(s->worker, why);
	refuse_log(s, level, "connection refused", reason);
	server_session_end(s, false);
}

void refuse_denied(const struct server_worker *worker, const spore_addr *peer,
                   const struct acl_answer *answer, const char *reason)
{
	char text[ADDR_TEXT_SIZE];

	refuse_count(worker, REFUSED_ACCESS_LIST);
	log_info("client refused by access list", log_str("peer", addr_format(peer, text)),
	         log_str("plugin", answer->by->name),
	         log_str("reason", reason ? reason : refusal_text(REFUSED_ACCESS_LIST)),
	         log_str("detail", answer->reason));
}
