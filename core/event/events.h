/* events - tells the listeners of the chain "events" what happens.
 *
 * An event is copied once and put into the queue of each instance (chain/event_queue). So the
 * caller never waits for a listener. */
#ifndef CORE_EVENTS_H
#define CORE_EVENTS_H

#include <spore/events.h>

#include "chain/plugin_set.h"

/* Does anybody listen? If not, the caller need not make the event. [any] */
bool events_are_wanted(const struct plugin_set *set);
/* Puts a copy of the event into the queues. Sets struct_size and the time. [any] */
void events_tell(const struct plugin_set *set, const spore_event *event);

#endif
