#include "event/event.h"

#include <spore/auth.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "quota/account.h"
#include "quota/pending.h"

/* The fields of the tunnel. */
static spore_event about_tunnel(uint32_t type, const struct account *account,
                                const spore_addr *peer)
{
	return (spore_event){ .type = type,
		              .peer = *peer,
		              .tunnel = account->id,
		              .port = account->port,
		              .identity = spore_cstr(account_identity(account)) };
}

/* ---- tunnels ---- */

void event_tunnel_opened(const struct plugin_set *set, const struct account *account,
                         const struct event_client *client)
{
	spore_event event;

	if (!events_are_wanted(set))
		return;
	event = about_tunnel(SPORE_EVENT_TUNNEL_OPENED, account, client->peer);
	event.name = spore_cstr(client->name);
	events_tell(set, &event);
}

static const char *word_of_end(const struct account *account, uint32_t end)
{
	switch (end) {
	case SPORE_END_REFUSED:
		return "refused";
	case SPORE_END_MOVED:
		return "moved";
	case SPORE_END_REVOKED:
		return "revoked";
	case SPORE_END_KICKED:
		return "kicked";
	case SPORE_END_EXPIRED:
		return "expired";
	case SPORE_END_SHUTDOWN:
		return "shutdown";
	default:
		return account_has_lost_client(account) ? "lost" : "closed";
	}
}

void event_tunnel_closed(const struct plugin_set *set, const struct account *account,
                         const struct event_client *client, uint32_t end, int64_t age_ms)
{
	struct account_total total;
	spore_event event;

	if (!events_are_wanted(set))
		return;
	event = about_tunnel(SPORE_EVENT_TUNNEL_CLOSED, account, client->peer);
	event.name = spore_cstr(client->name);
	event.reason = spore_cstr(word_of_end(account, end));
	total = account_total(account);
	event.bytes_up = total.bytes_up;
	event.bytes_down = total.bytes_down;
	event.visitors = total.visitors;
	event.duration_ms = age_ms;
	events_tell(set, &event);
}

/* ---- visitors ---- */

/* The fields of the visitor, and of its tunnel if that is known. */
static spore_event about_visitor(uint32_t type, const struct visitor *visitor)
{
	const struct account *account = visitor->account;

	return (spore_event){
		.type = type,
		.peer = visitor->peer,
		.tunnel = account ? account->id : 0,
		.port = visitor->port,
		.identity = spore_cstr(account ? account_identity(account) : NULL),
	};
}

void event_visitor_accepted(const struct plugin_set *set, const struct visitor *visitor)
{
	char text[UUID_TEXT_SIZE];
	spore_event event;

	if (!events_are_wanted(set))
		return;
	uuid_format(&visitor->id, text);
	event = about_visitor(SPORE_EVENT_VISITOR_ACCEPTED, visitor);
	event.visitor = spore_cstr(text);
	events_tell(set, &event);
}

void event_visitor_refused(const struct plugin_set *set, const struct visitor *visitor,
                           enum refusal why, const struct acl_answer *denied)
{
	spore_event event;

	if (!events_are_wanted(set))
		return;
	event = about_visitor(SPORE_EVENT_VISITOR_REFUSED, visitor);
	event.reason = spore_cstr(refusal_name(why));
	if (denied) {
		event.plugin = spore_cstr(denied->by->name);
		event.detail = spore_cstr(denied->reason);
	}
	events_tell(set, &event);
}

void event_visitor_unopened(const struct plugin_set *set, const struct visitor *visitor,
                            enum refusal why, const struct event_opening *opening)
{
	const char *detail = opening->detail ? opening->detail : "";
	spore_event event;
	char text[512];

	if (!events_are_wanted(set))
		return;
	event = about_visitor(SPORE_EVENT_VISITOR_REFUSED, visitor);
	event.reason = spore_cstr(refusal_name(why));
	if (opening->entry)
		snprintf(text, sizeof text, "%.400s%s(entry %.96s)", detail, *detail ? " " : "",
		         opening->entry);
	else
		snprintf(text, sizeof text, "%s", detail);
	event.detail = spore_cstr(*text ? text : NULL);
	events_tell(set, &event);
}

void event_visitor_ended(const struct plugin_set *set, const struct visitor_line *line)
{
	char text[UUID_TEXT_SIZE];
	spore_event event;

	if (!events_are_wanted(set))
		return;
	uuid_format(&line->id, text);
	event = about_tunnel(SPORE_EVENT_VISITOR_ENDED, line->account, &line->peer);
	event.port = line->port;
	event.visitor = spore_cstr(text);
	event.bytes_up = line->bytes_up;
	event.bytes_down = line->bytes_down;
	event.duration_ms = clock_ms() - line->since_ms;
	event.reason = spore_cstr(line->word);
	event.detail = spore_cstr(line->error);
	events_tell(set, &event);
}

/* ---- clients ---- */

void event_client_allowed(const struct plugin_set *set, const spore_addr *peer, const char *by,
                          const char *identity)
{
	if (events_are_wanted(set))
		events_tell(set, &(spore_event){ .type = SPORE_EVENT_CLIENT_ALLOWED,
		                                 .peer = *peer,
		                                 .plugin = spore_cstr(by),
		                                 .identity = spore_cstr(identity) });
}

void event_client_refused(const struct plugin_set *set, const struct event_refusal *refusal)
{
	if (events_are_wanted(set))
		events_tell(set, &(spore_event){ .type = SPORE_EVENT_CLIENT_REFUSED,
		                                 .peer = *refusal->peer,
		                                 .port = refusal->port,
		                                 .reason = spore_cstr(refusal_name(refusal->why)),
		                                 .plugin = spore_cstr(refusal->plugin),
		                                 .detail = spore_cstr(refusal->detail),
		                                 .identity = spore_cstr(refusal->identity),
		                                 .name = spore_cstr(refusal->name) });
}

/* ---- reloads ---- */

void event_reloaded(const struct plugin_set *set, bool good, const char *detail)
{
	if (events_are_wanted(set))
		events_tell(set, &(spore_event){ .type = SPORE_EVENT_RELOADED,
		                                 .reason = spore_cstr(good ? "done" : "refused"),
		                                 .detail = spore_cstr(detail) });
}
