#include "session/entry.h"

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

/* As when a connection of this client comes and its transports have opened. */
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
		if (would_allow(s, worker->set, &now) || !would_allow(s, before, &earlier))
			continue;
		json_pointer(now.by->raw, pointer, sizeof pointer);
		barred_add(&worker->shared->barred, &s->peer, now.by->name, pointer, now.reason);
	}
}

/* The source, entered and with a ref; NULL: out of memory, or the source is banned. A ban does not
 * concern connections that the server has asked for. Of the others it lets some pass:
 * login_may_try tells them of it, unless they have shown a pass or the id of a visitor. */
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
