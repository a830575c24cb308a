#include "view.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

/* The types that have a field. */
#define BIT(type) (1u << (type))
#define TUNNELS   (BIT(SPORE_EVENT_TUNNEL_OPENED) | BIT(SPORE_EVENT_TUNNEL_CLOSED))
#define VISITORS                                                                                   \
	(BIT(SPORE_EVENT_VISITOR_ACCEPTED) | BIT(SPORE_EVENT_VISITOR_REFUSED) |                    \
	 BIT(SPORE_EVENT_VISITOR_ENDED))
#define ENDS      (BIT(SPORE_EVENT_TUNNEL_CLOSED) | BIT(SPORE_EVENT_VISITOR_ENDED))
#define ALL_TYPES UINT32_MAX

static const struct {
	const char *name;
	uint32_t types; /* of those, a number that is 0 is written */
} fields[EVENT_FIELDS] = {
	[EVENT_TIME] = { "time", ALL_TYPES },
	[EVENT_TYPE] = { "event", ALL_TYPES },
	[EVENT_PEER] = { "peer", ALL_TYPES },
	[EVENT_IP] = { "ip", ALL_TYPES },
	[EVENT_REASON] = { "reason", ALL_TYPES },
	[EVENT_PORT] = { "port", TUNNELS | VISITORS },
	[EVENT_TUNNEL] = { "tunnel", TUNNELS | VISITORS },
	[EVENT_IDENTITY] = { "identity", ALL_TYPES },
	[EVENT_NAME] = { "name", ALL_TYPES },
	[EVENT_VISITOR] = { "visitor", ALL_TYPES },
	[EVENT_BYTES_UP] = { "bytes_up", ENDS },
	[EVENT_BYTES_DOWN] = { "bytes_down", ENDS },
	[EVENT_DURATION] = { "duration_ms", ENDS },
	[EVENT_VISITORS] = { "visitors", BIT(SPORE_EVENT_TUNNEL_CLOSED) },
	[EVENT_PLUGIN] = { "plugin", ALL_TYPES },
	[EVENT_DETAIL] = { "detail", ALL_TYPES },
};

static const char *const types[] = {
	[SPORE_EVENT_TUNNEL_OPENED] = "tunnel_opened",
	[SPORE_EVENT_TUNNEL_CLOSED] = "tunnel_closed",
	[SPORE_EVENT_VISITOR_ACCEPTED] = "visitor_accepted",
	[SPORE_EVENT_VISITOR_REFUSED] = "visitor_refused",
	[SPORE_EVENT_VISITOR_ENDED] = "visitor_ended",
	[SPORE_EVENT_CLIENT_ALLOWED] = "client_allowed",
	[SPORE_EVENT_CLIENT_REFUSED] = "client_refused",
	[SPORE_EVENT_RELOADED] = "reloaded",
};
enum { N_TYPES = sizeof types / sizeof *types };

static bool is_text(spore_str text, const char *other)
{
	return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

const char *event_field_name(enum event_field field)
{
	return fields[field].name;
}

enum event_field event_field_find(spore_str name)
{
	unsigned i = 0;

	while (i < EVENT_FIELDS && !is_text(name, fields[i].name))
		i++;
	return (enum event_field)i;
}

const char *event_type_name(uint32_t type)
{
	return type < N_TYPES ? types[type] : NULL;
}

uint32_t event_type_find(spore_str name)
{
	for (uint32_t i = 1; i < N_TYPES; i++) {
		if (is_text(name, types[i]))
			return i;
	}
	return 0;
}

static void append(char out[EVENT_LIST_SIZE], const char *name)
{
	size_t len = strlen(out);

	snprintf(out + len, EVENT_LIST_SIZE - len, "%s%s", len ? "|" : "", name);
}

const char *event_list_fields(char out[EVENT_LIST_SIZE])
{
	out[0] = '\0';
	for (unsigned i = 0; i < EVENT_FIELDS; i++)
		append(out, fields[i].name);
	return out;
}

const char *event_list_types(char out[EVENT_LIST_SIZE])
{
	out[0] = '\0';
	for (uint32_t i = 1; i < N_TYPES; i++)
		append(out, types[i]);
	return out;
}

const char *event_time(int64_t wall_ms, char out[EVENT_ROOM])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(out, EVENT_ROOM, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, EVENT_ROOM - n, ".%03dZ", (int)(wall_ms % 1000));
	return out;
}

/* Empty: there is no address. */
static const char *write_ip(const spore_addr *addr, char out[EVENT_ROOM])
{
	size_t len;

	out[0] = '\0';
	if (addr->family == 4)
		inet_ntop(AF_INET, addr->ip + 12, out, EVENT_ROOM);
	else if (addr->family == 6)
		inet_ntop(AF_INET6, addr->ip, out, EVENT_ROOM);
	len = strlen(out);
	if (addr->family == 6 && addr->scope_id)
		snprintf(out + len, EVENT_ROOM - len, "%%%u", addr->scope_id);
	return out;
}

static const char *write_peer(const spore_addr *addr, char out[EVENT_ROOM])
{
	char ip[EVENT_ROOM];

	write_ip(addr, ip);
	out[0] = '\0';
	if (ip[0])
		snprintf(out, EVENT_ROOM, addr->family == 6 ? "[%.55s]:%u" : "%.55s:%u", ip,
		         addr->port);
	return out;
}

static spore_str text_of(const spore_event *event, enum event_field field, char room[EVENT_ROOM])
{
	switch (field) {
	case EVENT_TIME:
		return spore_cstr(event_time(event->wall_ms, room));
	case EVENT_TYPE:
		return spore_cstr(event_type_name(event->type));
	case EVENT_PEER:
		return spore_cstr(write_peer(&event->peer, room));
	case EVENT_IP:
		return spore_cstr(write_ip(&event->peer, room));
	case EVENT_REASON:
		return event->reason;
	case EVENT_IDENTITY:
		return event->identity;
	case EVENT_NAME:
		return event->name;
	case EVENT_VISITOR:
		return event->visitor;
	case EVENT_PLUGIN:
		return event->plugin;
	default:
		return event->detail;
	}
}

/* False: the field is a text. */
static bool find_number(const spore_event *event, enum event_field field, int64_t *out)
{
	switch (field) {
	case EVENT_PORT:
		*out = event->port;
		return true;
	case EVENT_TUNNEL:
		*out = (int64_t)event->tunnel;
		return true;
	case EVENT_BYTES_UP:
		*out = (int64_t)event->bytes_up;
		return true;
	case EVENT_BYTES_DOWN:
		*out = (int64_t)event->bytes_down;
		return true;
	case EVENT_DURATION:
		*out = event->duration_ms;
		return true;
	case EVENT_VISITORS:
		*out = (int64_t)event->visitors;
		return true;
	default:
		return false;
	}
}

void event_look(const spore_event *event, enum event_field field, struct event_value *out)
{
	out->kind = EVENT_NONE;
	if (find_number(event, field, &out->number)) {
		if (out->number != 0 || fields[field].types & BIT(event->type))
			out->kind = EVENT_NUMBER;
		return;
	}
	out->text = text_of(event, field, out->room);
	if (out->text.len)
		out->kind = EVENT_TEXT;
}
