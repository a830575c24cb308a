/* event_record - the copy of an event that waits for the listeners. [any] */
#ifndef CORE_EVENT_RECORD_H
#define CORE_EVENT_RECORD_H

#include <spore/events.h>

struct event_record;

/* Copies the event with its texts, and gives the caller the reference. NULL: out of memory. */
struct event_record *event_record_new(const spore_event *event);
struct event_record *event_record_ref(struct event_record *record);
void event_record_unref(struct event_record *record);
/* Never changes; valid as long as the record. */
const spore_event *event_record_event(const struct event_record *record);

#endif
