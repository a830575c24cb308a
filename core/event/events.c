#include "event/events.h"

#include "chain/event_queue.h"
#include "chain/event_record.h"
#include "services/host.h"

bool events_are_wanted(const struct plugin_set *set)
{
	return set->chains[CHAIN_EVENTS]->n > 0;
}

void events_tell(const struct plugin_set *set, const spore_event *event)
{
	const struct chain *chain = set->chains[CHAIN_EVENTS];
	spore_event complete = *event;
	struct event_record *record;

	complete.struct_size = sizeof complete;
	complete.wall_ms = host_table()->wall_ms();
	record = event_record_new(&complete);
	for (size_t i = 0; i < chain->n; i++)
		event_queue_offer(chain->items[i], record);
	if (record)
		event_record_unref(record);
}
