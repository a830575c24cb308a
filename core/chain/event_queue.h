/* event_queue - the queue of an instance that listens to events, and the thread that empties it. */
#ifndef CORE_EVENT_QUEUE_H
#define CORE_EVENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct event_record;
struct instance;

/* Gives an instance of the kind its queue of `max` events; others get none. False: out of memory.
 * [control] */
bool event_queue_attach(struct instance *instance, size_t max);
/* Puts the event into the queue, for a thread of the instance's pool. If the queue is full, the
 * event is dropped and counted. NULL: memory was out for the record, which counts alike. Holds a
 * lock for a few instructions. [any] */
void event_queue_offer(struct instance *instance, struct event_record *record);

#endif
