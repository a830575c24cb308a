#include "session/entry.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/container.h"
#include "chain/acl.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/conn.h"
#include "net/stream.h"
#include "review/barred.h"
#include "session/refuse.h"
#include "session/server_session.h"
#include "json/pointer.h"

static bool is_allowed(const struct server_worker *worker, const struct plugin_set *set,
                       const spore_conn *conn)
{
	struct acl_question question = { .peer = &conn->peer,
		                         .local = &conn->local,
		                         .identity = "" };
	struct acl_answer answer;

	if (acl_allows(set, CHAIN_ACL_CONTROL, worker->loop, &question, &answer))
		return true;
	refuse_denied(worker, conn, &answer);
	return false;
}

/* Would the access lists of the set let in a connection of this client whose transports have
 * opened? */
static bool would_allow(const struct server_session *s, const struct plugin_set *set,
                        struct acl_answer *answer)
{
	const spore_conn *conn = stream_conn(s->link.stream);
	struct acl_question question = {
		.peer = &conn->peer, .local = &conn->local, .identity = "", .conn = conn
	};

	return acl_would_allow(set, CHAIN_ACL_CONTROL, s->worker->loop, &question, answer);
}

void entry_find_barred(struct server_worker *worker, const struct plugin_set *before)
{
	struct server_session *s;
	struct acl_answer now, earlier;
	char pointer[BARRED_PLACE_SIZE];

	for (s = server_sessions_first(worker, LIST_TUNNELS); s; s = server_sessions_next(s)) {
		s->is_denied = !would_allow(s, worker->set, &now);
		if (!s->is_denied || !would_allow(s, before, &earlier))
			continue;
		json_pointer(now.by->raw, pointer, sizeof pointer);
		barred_add(&worker->shared->barred, &s->peer, now.by->name, pointer, now.reason);
	}
}

bool entry_explain_denial(const struct server_session *s, char out[ENTRY_DENIAL_SIZE])
{
	struct acl_answer answer;
	char pointer[BARRED_PLACE_SIZE];

	*out = '\0';
	if (!s->is_denied || would_allow(s, s->worker->set, &answer))
		return false;
	json_pointer(answer.by->raw, pointer, sizeof pointer);
	snprintf(out, ENTRY_DENIAL_SIZE, "%.60s at %.90s%s%.90s", answer.by->name, pointer,
	         *answer.reason ? ": " : "", answer.reason);
	return true;
}

/* The source, entered and with a ref; NULL: out of memory, or the source is banned. A ban does not
 * concern connections that the server has asked for. Of the others it lets some pass:
 * entry_may_try tells them of it, unless they have shown a pass or the id of a visitor. */
static struct source *enter_source(struct server_worker *worker, const spore_addr *peer,
                                   bool *asked_for_out)
{
	struct source *source = source_get(worker->shared->sources, peer);
	int64_t now_ms = clock_ms();
	char text[ADDR_TEXT_SIZE];

	if (!source)
		return NULL;
	*asked_for_out = source_enter(source);
	if (*asked_for_out || source_ban_left(source, now_ms) == 0 ||
	    source_may_hear(source, now_ms))
		return source;
	refuse_count(worker, &(struct event_refusal){ .peer = peer, .why = REFUSED_SOURCE });
	source_turn_away(source, now_ms);
	if (log_is_enabled(LOG_DEBUG))
		log_debug("connection refused", log_str("peer", addr_format(peer, text)),
		          log_str("reason", refusal_text(REFUSED_SOURCE)),
		          log_int("limit", server_worker_limits(worker)->settings.ban_after),
		          log_str("from", "limits.ban_after"));
	source_leave(source, false);
	source_unref(source);
	return NULL;
}

/* The kernel gives the lowest free descriptor, so a high one says that few are left. */
void entry_make_room(struct server_worker *worker, const struct server_session *newcomer, int fd)
{
	struct limit_hit hit;
	bool scarce = fd >= server_worker_limits(worker)->scarce_fd;
	struct stranger *stranger = stranger_to_close(&worker->strangers, &newcomer->stranger,
	                                              server_worker_limits(worker), scarce, &hit);

	if (!stranger)
		return;
	source_turn_away(stranger->source, clock_ms());
	refuse_with_reset(CONTAINER_OF(stranger, struct server_session, stranger), &hit);
}

enum entry_verdict entry_judge(struct server_worker *worker, const struct plugin_set *set,
                               const spore_conn *conn, struct entry *out)
{
	if (!is_allowed(worker, set, conn))
		return ENTRY_DENIED;
	out->source = enter_source(worker, &conn->peer, &out->asked_for);
	return out->source ? ENTRY_ALLOWED : ENTRY_BARRED;
}

enum entry_verdict entry_await(struct server_worker *worker, const spore_addr *proxy,
                               struct entry *out)
{
	out->source = source_get_proxy(worker->shared->sources, proxy);
	if (!out->source)
		return ENTRY_BARRED;
	out->asked_for = source_enter(out->source);
	return ENTRY_ALLOWED;
}

void entry_leave(const struct entry *entry)
{
	source_leave(entry->source, entry->asked_for);
	source_unref(entry->source);
}

/* ---- by its answer ---- */

static void report_ban(const struct server_session *s, const struct limits *limits)
{
	struct limit_hit hit = limits_of_source(limits, REFUSED_SOURCE);
	char text[ADDR_TEXT_SIZE];

	stats_add(&s->worker->shared->stats, s->worker->loop, STAT_BANS, 1);
	log_warn("source banned after repeated wrong secrets",
	         log_str("peer", addr_format_ip(&s->peer, text)),
	         log_int("for_ms", limits->settings.ban_time), log_int("limit", hit.most),
	         log_str("from", hit.from));
}

static void refuse_secret(struct server_session *s)
{
	const struct limits *limits = server_worker_limits(s->worker);

	if (source_was_wrong(s->source, limits, clock_ms()))
		report_ban(s, limits);
	refuse_session(s, REFUSED_WRONG_SECRET);
}

bool entry_accept_verdict(struct server_session *s, const struct login *login, int32_t verdict)
{
	if (verdict == SPORE_ALLOW) {
		source_was_right(s->source);
		return true;
	}
	s->judge = login_judge_of(login, verdict);
	if (verdict == SPORE_DENY && !login->answer)
		refuse_session(s, REFUSED_UNKNOWN_CLIENT);
	else if (verdict == SPORE_DENY)
		refuse_secret(s);
	else if (verdict == SPORE_UNBOUND)
		refuse_as(s, REFUSED_UNBOUND, REFUSED_WRONG_SECRET);
	else
		refuse_session(s, REFUSED_AUTH_FAILED);
	return false;
}

bool entry_may_try(struct server_session *s)
{
	int64_t now_ms = clock_ms(), banned_ms = source_ban_left(s->source, now_ms);

	/* The ban holds for this server only. A draining server refuses the client as draining, so
	 * that it goes to the next server. */
	if (banned_ms > 0 && atomic_load(&s->worker->shared->draining))
		refuse_session(s, REFUSED_DRAINING);
	else if (banned_ms > 0)
		refuse_banned(s, banned_ms);
	else if (source_may_try(s->source, server_worker_limits(s->worker), now_ms))
		return true;
	else
		refuse_session(s, REFUSED_TOO_MANY_TRIES);
	return false;
}
