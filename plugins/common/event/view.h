/* view - the fields of an event by their names, for listeners that write them. Pure. This code is
 * compiled into each plugin that uses it. */
#ifndef COMMON_EVENT_VIEW_H
#define COMMON_EVENT_VIEW_H

#include <spore/events.h>
#include <stdbool.h>

/* In the order in which they are written. */
enum event_field {
	EVENT_TIME, /* UTC, as in RFC 3339 */
	EVENT_TYPE, /* "visitor_ended" */
	EVENT_PEER, /* "10.0.0.1:80", "[::1]:80" */
	EVENT_IP,   /* "10.0.0.1", "::1" */
	EVENT_REASON,
	EVENT_PORT,
	EVENT_TUNNEL,
	EVENT_VISITOR,
	EVENT_BYTES_UP,
	EVENT_BYTES_DOWN,
	EVENT_DURATION,
	EVENT_VISITORS,
	EVENT_PLUGIN,
	EVENT_IDENTITY, /* what a client can choose is behind all other fields */
	EVENT_NAME,
	EVENT_DETAIL,
	EVENT_FIELDS
};

enum event_kind { EVENT_NONE, EVENT_TEXT, EVENT_NUMBER };

enum { EVENT_ROOM = 64 };

/* NONE: the event has no such field. */
struct event_value {
	enum event_kind kind;
	spore_str text; /* in `room`, or borrowed from the event */
	int64_t number;
	char room[EVENT_ROOM];
};

/* "bytes_up" ... */
const char *event_field_name(enum event_field field);
/* EVENT_FIELDS: no field has this name. */
enum event_field event_field_find(spore_str name);
enum { EVENT_LIST_SIZE = 256 };

/* Lists all names, as "time|event|peer". Returns out. */
const char *event_list_fields(char out[EVENT_LIST_SIZE]);
const char *event_list_types(char out[EVENT_LIST_SIZE]);
/* "tunnel_opened" ...; NULL: an unknown type, which a newer host may have. */
const char *event_type_name(uint32_t type);
/* 0: no type has this name. */
uint32_t event_type_find(spore_str name);
/* Fills *out, which must stay where it is. */
void event_look(const spore_event *event, enum event_field field, struct event_value *out);
/* "2026-01-31T12:00:00.123Z". Returns out. */
const char *event_time(int64_t wall_ms, char out[EVENT_ROOM]);

#endif
