/* event_json - writes an event as a JSON object. This code is compiled into each plugin that uses
 * it. */
#ifndef COMMON_EVENT_JSON_H
#define COMMON_EVENT_JSON_H

#include <spore/events.h>

#include "../json_writer.h"

/* The names of the members are those of event/view, and "peer" is left out in favour of "ip" and
 * "ip_port". What the event does not have is left out. */
void event_json_write(struct json_writer *json, const spore_event *event);

#endif
